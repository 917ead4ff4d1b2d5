"""The simple recurrent network (Elman 1990), with tanh or ReLU."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from seqcli import ops
from seqcli.cells import BaseCell, Prepared, State
from seqcli.cells._training import torch_weights
from seqcli.layers.blank import Rng
from seqcli.ops import Array, Operator


@dataclass(frozen=True)
class Cell(BaseCell):
    """h_t = f(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh); the state is (h,)."""

    nonlinearity: str = "tanh"

    gates = 1

    @classmethod
    def create(
        cls, input_size: int, hidden_size: int, rng: Rng, *, nonlinearity: Literal["tanh", "relu"] = "tanh"
    ) -> Cell:
        """Create as BaseCell does."""
        return super().create(input_size, hidden_size, rng, nonlinearity=nonlinearity)

    def combine(self, px: Array, ph: Array, state: State) -> State:
        f = ops.tanh if self.nonlinearity == "tanh" else ops.relu
        return (f(px + ph),)

    def fused(self, x: Array, state: State) -> tuple[Array, State]:
        import torch

        kernel = torch.rnn_tanh if self.nonlinearity == "tanh" else torch.rnn_relu
        y, h = kernel(x, state[0][None], torch_weights(self), True, 1, 0.0, torch.is_grad_enabled(), False, False)
        return y, (h[0],)

    def operator(self) -> Operator:
        return Operator("RNN", (0,), {"activations": ["Tanh" if self.nonlinearity == "tanh" else "Relu"]})

    def prepare(self) -> Prepared:
        """Prepare with the two biases added up."""
        tanh = self.nonlinearity == "tanh"

        def bind(z: np.ndarray) -> Callable[[np.ndarray, State], None]:
            def update(px: np.ndarray, state: State) -> None:
                (h,) = state
                np.add(z, px, out=z)
                if tanh:
                    np.tanh(z, out=h)
                else:
                    np.maximum(z, 0.0, out=h)

            return update

        return Prepared(self.weight_ih, self.bias_ih + self.bias_hh, self.weight_hh, bind)
