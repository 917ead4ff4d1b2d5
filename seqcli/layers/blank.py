"""A generator that draws nothing: shapes without the work, for layers whose weights are put in afterwards."""

from __future__ import annotations

import numpy as np

Shape = tuple[int, ...]


class Blank:
    """Stands in for a NumPy Generator where only the shapes of fresh weights matter."""

    def zeros(self, shape: Shape) -> np.ndarray:
        return np.zeros(shape, np.float32)

    def standard_normal(self, size: Shape) -> np.ndarray:
        return self.zeros(size)

    def normal(self, loc: float, scale: float, size: Shape) -> np.ndarray:
        return self.zeros(size)

    def uniform(self, low: float, high: float, size: Shape) -> np.ndarray:
        return self.zeros(size)


Rng = np.random.Generator | Blank
