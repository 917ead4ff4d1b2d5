"""Rows of nested tuples of arrays, as states and memories of models are."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np


def take(nested: Any, index: Any) -> Any:
    """Rows of every array of a nested tuple, by their numbers or a slice; None stays."""
    if nested is None:
        return None
    if isinstance(nested, tuple):
        parts = [take(part, index) for part in nested]
        return type(nested)(*parts) if hasattr(nested, "_fields") else tuple(parts)
    return nested[index]


def join(nested: Sequence[Any]) -> Any:
    """Nested tuples of arrays that are alike as one, the rows of each behind those of the one before."""
    if isinstance(nested[0], tuple):
        return tuple(join(parts) for parts in zip(*nested, strict=True))
    return np.concatenate(nested) if isinstance(nested[0], np.ndarray) else sys.modules["torch"].cat(list(nested))
