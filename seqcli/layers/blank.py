"""Fresh weights: how they are drawn, and a generator that draws nothing, for layers that get theirs afterwards."""

from __future__ import annotations

import math

import numpy as np

from seqcli.errors import SeqcliError

Shape = tuple[int, ...]


class Blank:
    """Stands in for a NumPy Generator where only the shapes of fresh weights matter.

    Raises SeqcliError where they come to more than `most` numbers: what a file claims is compared with what it holds
    before anything is made of it.
    """

    def __init__(self, most: int | None = None):
        self.left = most

    def zeros(self, shape: Shape) -> np.ndarray:
        if self.left is not None:
            self.left -= max(math.prod(shape), 1)
            if self.left < 0:
                raise SeqcliError("the configuration asks for more weights than are stored")
        return np.zeros(shape, np.float32)

    def standard_normal(self, size: Shape) -> np.ndarray:
        return self.zeros(size)

    def normal(self, loc: float, scale: float, size: Shape) -> np.ndarray:
        return self.zeros(size)

    def uniform(self, low: float, high: float, size: Shape) -> np.ndarray:
        return self.zeros(size)


Rng = np.random.Generator | Blank


def matrix(rows: int, columns: int, rng: Rng) -> np.ndarray:
    """Fresh weights (rows, columns), uniform with variance 2 / (rows + columns) (Glorot & Bengio 2010)."""
    bound = float(np.sqrt(6.0 / (rows + columns)))
    return rng.uniform(-bound, bound, (rows, columns)).astype(np.float32)
