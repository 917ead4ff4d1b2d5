"""Gated recurrent unit (Cho et al. 2014), the reset gate applied after the product as torch and cuDNN do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from seqcli import ops
from seqcli.cells import BaseCell, Prepared, State
from seqcli.cells._training import gru, torch_weights, trains_on_cpu
from seqcli.ops import Array, Operator


@dataclass(frozen=True)
class Cell(BaseCell):
    """Gates in torch's order r, z, n; the state is (h,)."""

    gates = 3
    sigmoids: ClassVar = {"reset": 0, "update": 1}

    def combine(self, px: Array, ph: Array, state: State) -> State:
        (h,) = state
        x_r, x_z, x_n = ops.split(px, 3)  # (B, H) each
        h_r, h_z, h_n = ops.split(ph, 3)
        r = ops.sigmoid(x_r + h_r)
        z = ops.sigmoid(x_z + h_z)
        n = ops.tanh(x_n + r * h_n)
        return (n + z * (h - n),)

    def fused(self, x: Array, state: State) -> tuple[Array, State]:
        import torch

        if trains_on_cpu(x):
            y = gru()(x, state[0], *torch_weights(self))
            return y, (y[-1],)
        y, h = torch.gru(x, state[0][None], torch_weights(self), True, 1, 0.0, torch.is_grad_enabled(), False, False)
        return y, (h[0],)

    def operator(self) -> Operator:
        return Operator("GRU", (1, 0, 2), {"linear_before_reset": 1})

    def prepare(self) -> Prepared:
        """Prepare as the LSTM does: the sigmoids' halves are folded into the weights, and all biases but the
        candidate's are added up."""
        H, half = self.hidden_size, np.float32(0.5)
        scale = np.repeat(np.array([0.5, 0.5, 1.0], np.float32), H)  # r, z, n
        weight_hh = self.weight_hh * scale[:, None]
        constant = self.bias_hh * scale
        bias_n = constant[2 * H :].copy()
        constant[2 * H :] = 0.0

        def bind(q: np.ndarray) -> Callable[[np.ndarray, State], None]:
            r, z, n = np.split(q, 3)  # views
            r_z, bias = q[: 2 * H], bias_n.reshape(-1, *[1] * (q.ndim - 1))

            def update(px: np.ndarray, state: State) -> None:
                (h,) = state
                np.add(r_z, px[: 2 * H], out=r_z)
                np.tanh(r_z, out=r_z)
                np.multiply(r_z, half, out=r_z)
                np.add(r_z, half, out=r_z)
                np.add(n, bias, out=n)
                np.multiply(n, r, out=n)
                np.add(n, px[2 * H :], out=n)
                np.tanh(n, out=n)
                np.subtract(h, n, out=h)
                np.multiply(h, z, out=h)
                np.add(h, n, out=h)

            return update

        return Prepared(self.weight_ih * scale[:, None], self.bias_ih * scale + constant, weight_hh, bind)
