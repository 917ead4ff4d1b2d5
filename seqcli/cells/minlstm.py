"""Minimal LSTM (Feng et al. 2024, 3.2): forget and input gate read the input alone and add up to 1, so a scan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from seqcli import ops
from seqcli.cells import BaseScan
from seqcli.cells.mingru import positive
from seqcli.ops import Array


@dataclass(frozen=True)
class Cell(BaseScan):
    """h_t = f_t h_{t-1} + i_t c_t, divided by f_t + i_t; gates f, i, c."""

    gates = 3
    sigmoids: ClassVar = {"forget": 0, "input": 1}

    def terms(self, px: Array) -> tuple[Array, Array]:
        f, i, c = ops.split(px, 3)  # (..., H) each
        f, i = ops.sigmoid(f), ops.sigmoid(i)
        share = f / (f + i)
        return share, (1 - share) * positive(c)
