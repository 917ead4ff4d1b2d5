"""Rows of nested tuples of arrays, such as the states and memories of models."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np


def take(nested: Any, index: Any) -> Any:
    """Select rows of every array of a nested tuple, by indices or a slice; None stays."""
    if nested is None:
        return None
    if isinstance(nested, tuple):
        parts = [take(part, index) for part in nested]
        return type(nested)(*parts) if hasattr(nested, "_fields") else tuple(parts)
    return nested[index]


def join(nested: Sequence[Any]) -> Any:
    """Concatenate nested tuples of arrays with the same structure along their rows."""
    if isinstance(nested[0], tuple):
        return tuple(join(parts) for parts in zip(*nested, strict=True))
    return np.concatenate(nested) if isinstance(nested[0], np.ndarray) else sys.modules["torch"].cat(list(nested))
