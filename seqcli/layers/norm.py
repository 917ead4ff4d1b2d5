"""Layer normalisation (Ba et al. 2016)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seqcli import ops
from seqcli.ops import Array


@dataclass(frozen=True)
class Norm:
    """A layer that normalises each position to mean 0 and variance 1, then scales and shifts it: x (..., D)."""

    weight: Array  # (D,)
    bias: Array  # (D,)

    @classmethod
    def create(cls, size: int) -> Norm:
        """Return a layer that only normalises."""
        return cls(np.ones(size, np.float32), np.zeros(size, np.float32))

    def __call__(self, x: Array) -> Array:
        return ops.layer_norm(x, self.weight, self.bias)
