"""Minimal gated recurrent unit (Feng et al. 2024, 3.1): a GRU whose gates read the input alone: a scan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from seqcli import ops
from seqcli.cells import BaseScan
from seqcli.ops import Array


@dataclass(frozen=True)
class Cell(BaseScan):
    """h_t = (1 - z_t) h_{t-1} + z_t c_t; gates z, c. The candidate c is g(x) = x + 1/2, or σ(x) below 0, as there."""

    gates = 2
    sigmoids: ClassVar = {"update": 0}

    def terms(self, px: Array) -> tuple[Array, Array]:
        z, c = ops.split(px, 2)  # (..., H) each
        return ops.sigmoid(-z), ops.sigmoid(z) * positive(c)


def positive(x: Array) -> Array:
    """x + 1/2 from 0 on, σ(x) below (Feng et al. 2024, B.3.1): always greater than 0."""
    return ops.where(x >= 0, x + 0.5, ops.sigmoid(x))
