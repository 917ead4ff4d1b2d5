"""Position encodings: sinusoids added to embeddings, and angles by which queries and keys are rotated."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from seqcli import ops
from seqcli.ops import Array


def rotation(places: Any, size: int) -> tuple[Any, Any]:
    """Return cosines and sines (..., size / 2) of angles proportional to the position (...), for `rotated`."""
    rates = 1e4 ** (-np.arange(0, size, 2) / size)
    if ops.is_symbol(places):
        turned = places.to(np.float64)[..., None] * rates
        return ops.sin(turned + np.pi / 2).to(np.float32), ops.sin(turned).to(np.float32)
    angles = places[..., None] * rates
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


def rotated(x: Array, cos: Array, sin: Array, heads: int) -> Array:
    """Rotate the pairs of each head's units in x (..., D) by the angles of its position, given as cos and sin
    (..., D / heads / 2).

    The product of two rotated vectors depends only on the distance between their positions (Su et al. 2021).
    """
    parts = x.reshape(*x.shape[:-1], heads, 2, -1)
    first, second = parts[..., 0, :], parts[..., 1, :]
    cos, sin = cos[..., None, :], sin[..., None, :]
    return ops.concat([first * cos - second * sin, second * cos + first * sin]).reshape(x.shape)


def all_places(count: int, like: Array) -> Any:
    """Return the positions 0 .. count - 1 (count,), as `waves` and `rotation` take them: in NumPy, or a symbol."""
    return ops.arange(count, like) if ops.is_symbol(like) else np.arange(count)


def waves(places: Any, size: int, like: Array) -> Array:
    """Return `sinusoids` of positions (...) -> (..., size), in the library and type of the array `like`; a symbol if
    the positions are one."""
    if ops.is_symbol(places):
        even = np.arange(size) // 2 * 2
        angles = places.to(np.float64)[..., None] * 1e4 ** (-even / size) + np.pi / 2 * (np.arange(size) % 2)
        return ops.like(ops.sin(angles), like)
    count = 1 << int(places.max(initial=0)).bit_length()
    return ops.put(_kept(count, size, like.dtype if isinstance(like, np.ndarray) else None)[places], like)


@cache
def _kept(count: int, size: int, dtype: Any) -> np.ndarray:
    return sinusoids(count, size).astype(dtype or np.float64)


def sinusoids(count: int, size: int) -> np.ndarray:
    """Return sinusoids of positions 0 .. count - 1 (Vaswani et al. 2017, 3.5): (count, size) float64, sines in even
    columns."""
    rates = 1e4 ** (-np.arange(0, size, 2) / size)
    angles = np.arange(count)[:, None] * rates
    table = np.zeros((count, size))
    table[:, 0::2] = np.sin(angles)
    table[:, 1::2] = np.cos(angles[:, : size // 2])
    return table
