"""sLSTM (Beck et al. 2024, xLSTM, 2.2): an LSTM with exponential gates, a normaliser, and a stabiliser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from seqcli import ops
from seqcli.cells import BaseCell, State
from seqcli.layers.blank import Rng
from seqcli.ops import Array


@dataclass(frozen=True)
class Cell(BaseCell):
    """Gates i, f, z, o; the state is (h, c, n, m). c and n are stored divided by exp(m), which does not affect h.

    The forget gate is σ(f), one of the paper's two forms. The recurrent matrix is full; the paper's is one block a
    head.
    """

    gates, states = 4, 4
    sigmoids: ClassVar = {"output": 3}

    @classmethod
    def create(cls, input_size: int, hidden_size: int, rng: Rng) -> Cell:
        """Create as BaseCell does, with the forget gates' biases from 3 to 6, as in the authors' code."""
        cell = super().create(input_size, hidden_size, rng)
        cell.bias_ih[hidden_size : 2 * hidden_size] = np.linspace(3, 6, hidden_size)
        return cell

    def combine(self, px: Array, ph: Array, state: State) -> State:
        _, c, n, m = state
        i, f, z, o = ops.split(px + ph, 4)  # (..., H) each
        kept = m - ops.softplus(-f)  # log σ(f) + m
        top = ops.where(n > 0, ops.maximum(kept, i), i)  # of the first input alone if there is nothing before it

        f, i = ops.exp(-ops.relu(top - kept)), ops.exp(i - top)
        c, n = f * c + i * ops.tanh(z), f * n + i
        return ops.sigmoid(o) * c / n, c, n, top
