"""Mogrifier LSTM (Melis et al. 2020): input and output gate each other in turn before the LSTM reads them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seqcli import ops
from seqcli.cells import BaseCell, State
from seqcli.cells.lstm import gated
from seqcli.layers.blank import Rng
from seqcli.ops import Array


@dataclass(frozen=True)
class Cell(BaseCell):
    """Four rounds: x = 2σ(Q_1 h) x, h = 2σ(R_1 x) h, x = 2σ(Q_2 h) x, h = 2σ(R_2 x) h; then an LSTM of x and h.

    x is the projected input (H,), so that all gates have the same size; Q_1 is `weight_hh`. The state is (h, c).
    """

    r1: Array  # (H, H)
    q2: Array  # (H, H)
    r2: Array  # (H, H)
    lstm_ih: Array  # (4H, H), gates i, f, g, o
    lstm_hh: Array  # (4H, H)
    lstm_bias: Array  # (4H,)

    gates, states = 1, 2

    @classmethod
    def create(cls, input_size: int, hidden_size: int, rng: Rng) -> Cell:
        """Create as BaseCell does; its own weights are uniform in ±1/√H, the forget gate's bias is 1."""
        H, bound = hidden_size, hidden_size**-0.5
        sizes = {"r1": H, "q2": H, "r2": H, "lstm_ih": 4 * H, "lstm_hh": 4 * H}
        own = {name: rng.uniform(-bound, bound, (rows, H)).astype(np.float32) for name, rows in sizes.items()}
        bias = np.repeat(np.array([0, 1, 0, 0], np.float32), H)
        return super().create(input_size, hidden_size, rng, **own, lstm_bias=bias)

    def combine(self, px: Array, ph: Array, state: State) -> State:
        h, c = state
        x = 2 * ops.sigmoid(ph) * px
        h = 2 * ops.sigmoid(ops.linear(x, self.r1)) * h
        x = 2 * ops.sigmoid(ops.linear(h, self.q2)) * x
        h = 2 * ops.sigmoid(ops.linear(x, self.r2)) * h
        return gated(ops.linear(x, self.lstm_ih, self.lstm_bias) + ops.linear(h, self.lstm_hh), c)
