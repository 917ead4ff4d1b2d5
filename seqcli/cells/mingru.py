"""Minimal gated recurrent unit (Feng et al. 2024, 3.1): a GRU whose gates read the input alone, so a scan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from seqcli import ops
from seqcli.cells import BaseScan
from seqcli.ops import Array


@dataclass(frozen=True)
class Cell(BaseScan):
    """h_t = (1 - z_t) h_{t-1} + z_t c_t; gates z, c. The candidate c is g(x) = x + 1/2, or σ(x) for x < 0."""

    gates = 2
    sigmoids: ClassVar = {"update": 0}

    def terms(self, px: Array) -> tuple[Array, Array]:
        z, c = ops.split(px, 2)  # (..., H) each
        return ops.sigmoid(-z), ops.sigmoid(z) * positive(c)


def positive(x: Array) -> Array:
    """Return x + 1/2 for x >= 0, else σ(x) (Feng et al. 2024, B.3.1): always greater than 0."""
    return ops.where(x >= 0, x + 0.5, ops.sigmoid(x))
