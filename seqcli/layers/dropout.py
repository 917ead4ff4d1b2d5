"""Dropout: set random elements of an array to zero and scale the others to keep the mean (Srivastava et al. 2014)."""

from __future__ import annotations

from typing import Any

from seqcli import ops
from seqcli.ops import Array


def drop(x: Array, rate: float, rng: Any, shape: tuple[int, ...] | None = None) -> Array:
    """Apply dropout to x with a generator; without one return x. The `shape` of the mask broadcasts to that of x."""
    if rng is None or not rate:
        return x
    return x * ops.dropout_mask(tuple(x.shape) if shape is None else shape, rate, rng, x)
