"""Weights stored in less than float32, and made float32 again when the file is read.

A matrix (two axes or more, of float32) becomes float16, or int8: rows along its last axis of whole numbers from -127
to 127, and a scale each. Vectors, which are few, stay as they are, and so does a matrix with numbers beyond float16.
What was read and is written again gives the same bytes: scales have 16 significant bits, so that 127 of them are
exact in float32.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

KINDS = ("float16", "int8")
SCALE = "scale."  # before a matrix's name: its rows' scales
MOST = float(np.finfo(np.float16).max)
LEAST = 1e-30  # a row of nothing greater becomes 0: its scale would have fewer bits
_LOW = np.uint32(0xFF)  # bits of a float32 that a scale leaves empty


def packs(array: np.ndarray) -> bool:
    """Whether an array is one that is stored in less."""
    return array.dtype == np.float32 and array.ndim > 1 and array.size > 0


def pack(arrays: Mapping[str, np.ndarray], kind: str) -> dict[str, np.ndarray]:
    """Arrays as a file of a KIND stores them."""
    found = {}
    for name, array in arrays.items():
        if not packs(array):
            found[name] = array
        elif kind == "int8":
            found[name], found[SCALE + name] = rows_of_int8(array)
        else:
            found[name] = array.astype(np.float16) if np.abs(array).max() <= MOST else array
    return found


def unpack(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays that a file stores, in float32 again."""
    found = {}
    for name, array in arrays.items():
        if (scale := arrays.get(SCALE + name)) is not None:
            found[name] = array.astype(np.float32) * scale[..., None]
        elif not name.startswith(SCALE):
            found[name] = array.astype(np.float32) if array.dtype == np.float16 else array
    return found


def rows_of_int8(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A matrix (..., C) as int8 and its rows' scales (...), float32: array ~ rows * scales[..., None]."""
    scale = (np.abs(array).max(axis=-1) / np.float32(127)).view(np.uint32)
    scale = ((scale + _LOW) & ~_LOW).view(np.float32)  # rounded up
    scale[scale < LEAST] = 0
    divided = array / np.where(scale > 0, scale, 1)[..., None]
    return np.rint(divided).astype(np.int8), scale
