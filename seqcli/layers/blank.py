"""Fresh weights, and a generator that draws only zeros, for layers whose weights are put in afterwards."""

from __future__ import annotations

import math

import numpy as np

from seqcli.errors import SeqcliError

Shape = tuple[int, ...]


class Blank:
    """A substitute for a NumPy Generator where only the shapes of fresh weights matter.

    Raises SeqcliError if they add up to more than `most` numbers: what a file claims is compared with what it holds
    before memory is allocated for it.
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
    """Return fresh weights (rows, columns), uniform with variance 2 / (rows + columns) (Glorot & Bengio 2010)."""
    bound = float(np.sqrt(6.0 / (rows + columns)))
    return rng.uniform(-bound, bound, (rows, columns)).astype(np.float32)
