"""A linear projection of each frame by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np

from seqcli import ops
from seqcli.front_ends import BaseFrontEnd
from seqcli.layers.blank import Rng, matrix
from seqcli.ops import Array


@dataclass(frozen=True)
class FrontEnd(BaseFrontEnd):
    """W x_t + b."""

    weight: Array  # (E, D)
    bias: Array  # (E,)

    @classmethod
    def create(cls, dimensions: int, size: int, rng: Rng) -> Self:
        return cls(matrix(size, dimensions, rng), np.zeros(size, np.float32))

    def read(self, frames: Array, lengths: np.ndarray) -> tuple[Array, np.ndarray]:
        return ops.linear(frames, self.weight, self.bias), lengths

    def stream(self) -> Callable[[np.ndarray, bool], np.ndarray]:
        return lambda frames, last: ops.linear(frames, self.weight, self.bias)
