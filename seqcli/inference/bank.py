"""A cache of symbols' projected embeddings: a cell's projection of a symbol is the same wherever it occurs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

KEPT_BYTES = 64 << 20  # a larger table costs more in memory than it saves in time


class Bank:
    """A cache of rows (V, W) of `make(ids)`, each computed on first use; without a cache if they are too large."""

    def __init__(self, size: int, width: int, make: Callable[[np.ndarray], np.ndarray]):
        self._make = make
        fits = size * width * 4 <= KEPT_BYTES
        self._rows = np.empty((size, width), np.float32) if fits else None
        self._known = np.zeros(size if fits else 0, bool)

    def __call__(self, ids: np.ndarray) -> np.ndarray:
        """Return a copy of the rows (..., W) of ids (...)."""
        if self._rows is None:
            return self._make(ids)
        if not self._known[ids].all():
            new = np.unique(ids[~self._known[ids]])
            self._rows[new], self._known[new] = self._make(new), True
        return self._rows[ids]
