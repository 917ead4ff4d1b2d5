"""Dropout: some numbers of an array at zero, the others grown so that the mean stays (Srivastava et al. 2014)."""

from __future__ import annotations

from typing import Any

from seqcli import ops
from seqcli.ops import Array


def drop(x: Array, rate: float, rng: Any, shape: tuple[int, ...] | None = None) -> Array:
    """Dropout of x by a generator; without one nothing is dropped. The mask has a `shape` that broadcasts to x's."""
    if rng is None or not rate:
        return x
    return x * ops.dropout_mask(tuple(x.shape) if shape is None else shape, rate, rng, x)
