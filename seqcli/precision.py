"""Store weights in less than float32, and convert them back to float32 when the file is read.

A matrix (two axes or more, of float32) becomes float16, or int8: rows along its last axis are integers from -127 to
127, each row with a scale. Vectors, which are few, stay as they are, and so does a matrix with numbers beyond
float16. Reading a file and writing it again gives the same bytes: scales have 16 significant bits, so that 127 times
a scale is exact in float32.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

KINDS = ("float16", "int8")
SCALE = "scale."  # prefix of a matrix's name: the scales of its rows
MOST = float(np.finfo(np.float16).max)
LEAST = 1e-30  # a row with a smaller scale becomes 0: the scale would have fewer bits
_LOW = np.uint32(0xFF)  # bits of a float32 that are 0 in a scale


def packs(array: np.ndarray) -> bool:
    """Whether an array is stored in less than float32."""
    return array.dtype == np.float32 and array.ndim > 1 and array.size > 0


def pack(arrays: Mapping[str, np.ndarray], kind: str) -> dict[str, np.ndarray]:
    """Convert arrays to what a file of one of KINDS stores."""
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
    """Convert the arrays that a file stores back to float32."""
    found = {}
    for name, array in arrays.items():
        if (scale := arrays.get(SCALE + name)) is not None:
            found[name] = array.astype(np.float32) * scale[..., None]
        elif not name.startswith(SCALE):
            found[name] = array.astype(np.float32) if array.dtype == np.float16 else array
    return found


def rows_of_int8(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a matrix (..., C) as int8 rows and their scales (...), float32: array ~ rows * scales[..., None]."""
    scale = (np.abs(array).max(axis=-1) / np.float32(127)).view(np.uint32)
    scale = ((scale + _LOW) & ~_LOW).view(np.float32)  # rounded up
    scale[scale < LEAST] = 0
    divided = array / np.where(scale > 0, scale, 1)[..., None]
    return np.rint(divided).astype(np.int8), scale
