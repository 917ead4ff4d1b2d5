"""IRNN: a ReLU network whose recurrent weights begin as the identity (Le, Jaitly & Hinton 2015)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seqcli.cells import rnn
from seqcli.layers.blank import Rng


@dataclass(frozen=True)
class Cell(rnn.Cell):
    """The equation of `rnn` with ReLU; only its initial weights differ: W_hh = I, biases 0, W_ih ~ N(0, 0.001²)."""

    nonlinearity: str = "relu"

    @classmethod
    def create(cls, input_size: int, hidden_size: int, rng: Rng) -> Cell:
        """Create with identity recurrence, zero biases, input weights of deviation 0.001, as in the paper."""
        return cls(
            weight_ih=rng.normal(0.0, 0.001, (hidden_size, input_size)).astype(np.float32),
            weight_hh=np.eye(hidden_size, dtype=np.float32),
            bias_ih=np.zeros(hidden_size, np.float32),
            bias_hh=np.zeros(hidden_size, np.float32),
        )
