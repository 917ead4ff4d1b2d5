"""Long short-term memory (Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from seqcli import ops
from seqcli.cells import BaseCell, Prepared, State
from seqcli.cells._training import lstm, torch_weights, trains_on_cpu
from seqcli.layers.blank import Rng
from seqcli.ops import Array, Operator

LARGE = 512  # units: from this size on, in bfloat16, our training form is faster than torch's kernel


@dataclass(frozen=True)
class Cell(BaseCell):
    """Gates in torch's order i, f, g, o; the state is (h, c)."""

    gates = 4
    states = 2
    sigmoids: ClassVar = {"input": 0, "forget": 1, "output": 3}

    @classmethod
    def create(cls, input_size: int, hidden_size: int, rng: Rng) -> Cell:
        """Create as BaseCell does, with a forget gate bias of 1 (Jozefowicz et al. 2015): a fresh cell remembers."""
        cell = super().create(input_size, hidden_size, rng)
        cell.bias_ih[hidden_size : 2 * hidden_size] = 1.0
        return cell

    def combine(self, px: Array, ph: Array, state: State) -> State:
        return gated(px + ph, state[1])

    def fused(self, x: Array, state: State) -> tuple[Array, State]:
        import torch

        if x.dtype == torch.bfloat16 and self.hidden_size >= LARGE and trains_on_cpu(x):
            y, c = lstm()(x, *state, *torch_weights(self))
            return y, (y[-1], c)
        start = [s[None] for s in state]
        y, h, c = torch.lstm(x, start, torch_weights(self), True, 1, 0.0, torch.is_grad_enabled(), False, False)
        return y, (h[0], c[0])

    def operator(self) -> Operator:
        return Operator("LSTM", (0, 3, 1, 2))

    def prepare(self) -> Prepared:
        """Prepare with one tanh for all gates: sigmoid(x) = (tanh(x / 2) + 1) / 2, the halves folded into weights."""
        H, half = self.hidden_size, np.float32(0.5)
        scale = np.repeat(np.array([0.5, 0.5, 1.0, 0.5], np.float32), H)  # i, f, g, o
        weight_hh = self.weight_hh * scale[:, None]

        def bind(z: np.ndarray) -> Callable[[np.ndarray, State], None]:
            i, f, g, o = np.split(z, 4)  # views
            i_f = z[: 2 * H]

            def update(px: np.ndarray, state: State) -> None:
                h, c = state
                np.add(z, px, out=z)
                np.tanh(z, out=z)
                np.multiply(i_f, half, out=i_f)
                np.add(i_f, half, out=i_f)
                np.multiply(f, c, out=c)
                np.multiply(i, g, out=i)
                np.add(c, i, out=c)
                np.tanh(c, out=g)
                np.multiply(o, half, out=o)
                np.add(o, half, out=o)
                np.multiply(o, g, out=h)

            return update

        return Prepared(self.weight_ih * scale[:, None], (self.bias_ih + self.bias_hh) * scale, weight_hh, bind)


def gated(sums: Array, c: Array) -> State:
    """Return the next h and c from the gates' sums (..., 4H) and c (..., H)."""
    i, f, g, o = ops.split(sums, 4)  # (..., H) each
    c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
    return ops.sigmoid(o) * ops.tanh(c), c
