"""Quasi-recurrent network (Bradbury et al. 2017, 2.1, fo-pooling): gates read the current and the previous input."""

from __future__ import annotations

from dataclasses import dataclass

from seqcli import ops
from seqcli.cells import BaseCell, State
from seqcli.ops import Array


@dataclass(frozen=True)
class Cell(BaseCell):
    """c_t = σ(f) c_{t-1} + (1 - σ(f)) tanh(z) and h_t = σ(o) c_t; gates z, f, o, then what x_{t-1} adds to each.

    The state is h, c and what the previous input adds to z, f and o: zeros, if there is none.
    """

    gates, states, recurrent = 6, 5, False

    def combine(self, px: Array, ph: Array, state: State) -> State:
        now, later = ops.split(px, 2)  # (..., 3H) each
        a, b, o = _gates(now + ops.concat(list(state[2:])))
        c = a * state[1] + b
        return (o * c, c, *ops.split(later, 3))

    def unroll(self, x: Array, state: State) -> tuple[Array, State]:
        now, later = ops.split(ops.at_least_float32(self.project(x)), 2)  # (T, B, 3H) each
        before = ops.concat([ops.like(ops.concat(list(state[2:])), now)[None], later[:-1]], axis=0)
        a, b, o = _gates(now + before)
        c = ops.scan(a, b, ops.like(state[1], a))
        y = ops.like(o * c, x)
        return y, (y[-1], *(ops.like(s, x) for s in (c[-1], *ops.split(later[-1], 3))))


def _gates(sums: Array) -> tuple[Array, Array, Array]:
    """Return the factor of c, what is added to it, and the output gate."""
    z, f, o = ops.split(sums, 3)
    f = ops.sigmoid(f)
    return f, (1 - f) * ops.tanh(z), ops.sigmoid(o)
