"""Recurrences, one a file, each equation written once. This module has the contract and code that the cells share.

The module of a cell has `Cell`, a frozen dataclass and subclass of `BaseCell`, with `gates` and its equation,
`combine`. Everything else follows: training, both directions, batches, one stream, storage. It may also have

- `states`, if the state is more than the output h;
- weights of its own, as further fields: its `create` draws them and passes them to `super().create(...)` by name.
  A vector (H,) should be a field by itself: weight decay spares vectors, not matrices;
- `recurrent = False`, if no matrix multiplies h: `weight_hh` and `bias_hh` are None, and so is ph. A cell whose state
  is h_t = a_t h_{t-1} + b_t alone is a `BaseScan`, and has `terms`, a and b, instead of `combine`;
- options of the recipe, as keyword-only parameters of `create` and fields that are not arrays;
- `fused`, a kernel of torch for all time steps, and `prepare`, a faster form in NumPy: tests compare both with
  `combine`;
- `sigmoids`, the names of those gates that are σ(px + ph) in full: `look gates` and `look flow` show them;
- `begins`, if some arrays of the state must begin with zeros;
- `operator`, if ONNX has one, for an exported model: any other cell's `recur` is itself recorded as a graph.

A matrix that multiplies something else than h, such as f * h, is a slice of `self.weight_hh` in `combine`, or a field
of its own; `weight_hh` keeps its G·H rows, or is None.

Weights keep torch's layout, gates stacked along the first axis: `weight_ih` (G·H, I), `weight_hh` (G·H, H), and
`bias_ih`, `bias_hh` (G·H,). `project` is the same for all cells: models keep each symbol's projection.
Letters: B batch, T time, I input size, H hidden size, G gates.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, final

import numpy as np

from seqcli import ops
from seqcli.errors import SeqcliError
from seqcli.layers.blank import Blank, Rng
from seqcli.ops import Array, Operator

State = tuple[Array, ...]  # arrays (B, H); the first is the output h


@dataclass(frozen=True)
class Prepared:
    """A cell prepared to run in NumPy, one stream or many: px = weight x + bias, z = weight_hh h, then the rest of
    the equation in place.

    weight (G·H, I), bias (G·H,), weight_hh (Z, H): Z = G·H rows, or none. Constants may be folded into them, so that
    px may differ from the result of `project`. `bind(z)` returns `update(px, state)` for one z: it overwrites z
    (Z, ...) and px (G·H, ...), and turns the state arrays (H, ...) into the next state.
    """

    weight: np.ndarray
    bias: np.ndarray
    weight_hh: np.ndarray
    bind: Callable[[np.ndarray], Callable[[np.ndarray, State], None]]

    def stream(self) -> Callable[[np.ndarray, State], None]:
        """Return `recur(px, state)` for one stream, with a z of its own: px (G·H,), state arrays (H,)."""
        weight_hh, z = self.weight_hh, np.empty(len(self.weight_hh), np.float32)
        update = self.bind(z)

        def recur(px: np.ndarray, state: State) -> None:
            np.dot(weight_hh, state[0], out=z)
            update(px, state)

        return recur


@dataclass(frozen=True)
class BaseCell:
    """A recurrence h_t = f(W_ih x_t + b_ih, W_hh h_{t-1} + b_hh, state_{t-1})."""

    weight_ih: Array
    weight_hh: Array  # like bias_hh, None if the cell is not recurrent
    bias_ih: Array
    bias_hh: Array

    gates: ClassVar[int]  # G
    states: ClassVar[int] = 1  # arrays in the state
    recurrent: ClassVar[bool] = True  # whether a matrix multiplies h
    sigmoids: ClassVar[Mapping[str, int]] = {}  # gates that are σ(px + ph): their indices among the G, by name

    @classmethod
    def create(cls, input_size: int, hidden_size: int, rng: Rng, **fields: Any) -> Self:
        """Return a cell with fresh float32 weights: inputs uniform in ±√(3/I) (variance 1/I), recurrences orthogonal.

        `fields` are the subclass's own fields.
        """
        bound = np.sqrt(3.0 / input_size)
        rows, gates = cls.gates * hidden_size, range(cls.gates)
        return cls(
            weight_ih=rng.uniform(-bound, bound, (rows, input_size)).astype(np.float32),
            weight_hh=np.concatenate([orthogonal(hidden_size, rng) for _ in gates]) if cls.recurrent else None,
            bias_ih=np.zeros(rows, np.float32),
            bias_hh=np.zeros(rows, np.float32) if cls.recurrent else None,
            **fields,
        )

    @property
    def begins(self) -> int:
        """How many arrays of the state, from the first, may have any initial value, such as a summary of a source;
        the others begin with zeros."""
        return self.states

    @property
    def input_size(self) -> int:
        return self.weight_ih.shape[1]

    @property
    def hidden_size(self) -> int:
        return len(self.weight_ih) // self.gates

    def initial_state(self, batch: int) -> State:
        """Return the initial state, arrays (B, H) of zeros."""
        return tuple(ops.zeros((batch, self.hidden_size), self.weight_ih) for _ in range(self.states))

    @final
    def project(self, x: Array) -> Array:
        """Project the input: x (..., I) -> (..., G·H). It needs no state, so a whole sequence is one product."""
        return ops.linear(x, self.weight_ih, self.bias_ih)

    @abstractmethod
    def combine(self, px: Array, ph: Array, state: State) -> State:
        """The equation: projected input px (..., G·H), projected output ph = W_hh h + b_hh (..., G·H; None if the
        cell is not recurrent) and the state (..., H) -> the next state.

        It works along the last axis (`ops.split`, `ops.linear`, `ops.layer_norm` do); any other axes only separate
        sequences. It changes no array that it is given.
        """

    def recur(self, px: Array, state: State) -> State:
        """Return the next state from a projected input px (B, G·H) and the state."""
        ph = ops.linear(state[0], self.weight_hh, self.bias_hh) if self.recurrent else None
        new = self.combine(px, ph, state)
        if not isinstance(new, tuple) or len(new) != self.states:
            own = type(self).__module__
            raise SeqcliError(f"{own}: combine must return the next state, a tuple of {self.states} arrays")
        return new

    def step(self, x: Array, state: State) -> tuple[Array, State]:
        """Take one time step: x (B, I) -> y (B, H) and the next state."""
        state = self.recur(self.project(x), state)
        return state[0], state

    def unroll(self, x: Array, state: State) -> tuple[Array, State]:
        """Take all time steps: x (T, B, I) -> y (T, B, H) and the last state; by a fused kernel if torch has one."""
        if ops.is_torch(x) and (fused := self.fused(x, state)) is not None:
            return fused
        if ops.is_symbol(x) and (operator := self._operator()) is not None:
            return ops.recurrence(operator, x, state, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        own = tuple(map(ops.at_least_float32, state))  # only products are in half precision
        ys, own = ops.loop(self.recur, ops.at_least_float32(self.project(x)), own)
        return ops.like(ys, x), tuple(ops.like(s, x) for s in own)

    def fused(self, x: Array, state: State) -> tuple[Array, State] | None:
        """Return `unroll` by one kernel of torch, or None if there is none."""
        return None

    def operator(self) -> Operator | None:
        """Return the ONNX operator whose equation is `combine`, or None if there is none."""
        return None

    def _operator(self) -> Operator | None:
        """Return `operator()`, or None if a subclass has another equation."""
        said, meant = (next(c for c in type(self).__mro__ if name in vars(c)) for name in ("operator", "combine"))
        return self.operator() if said is meant else None

    def prepare(self) -> Prepared:
        """Return a NumPy form. A cell overrides it for speed; tests compare it with the equation."""

        def bind(z: np.ndarray) -> Callable[[np.ndarray, State], None]:
            def update(px: np.ndarray, state: State) -> None:
                ph = z.T + self.bias_hh if self.recurrent else None
                new = self.combine(px.T, ph, tuple(s.copy().T for s in state))  # what is new may be a view of them
                for old, now in zip(state, new, strict=True):
                    old[...] = now.T

            return update

        weight_hh = self.weight_hh if self.recurrent else np.zeros((0, self.hidden_size), np.float32)
        return Prepared(self.weight_ih, self.bias_ih, weight_hh, bind)


@dataclass(frozen=True)
class BaseScan(BaseCell):
    """A recurrence h_t = a_t h_{t-1} + b_t whose a and b depend on the input alone: training takes `ops.scan`."""

    recurrent = False

    @abstractmethod
    def terms(self, px: Array) -> tuple[Array, Array]:
        """The equation: projected input px (..., G·H) -> a, b (..., H) each."""

    def combine(self, px: Array, ph: Array, state: State) -> State:
        a, b = self.terms(px)
        return (a * state[0] + b,)

    def unroll(self, x: Array, state: State) -> tuple[Array, State]:
        a, b = self.terms(ops.at_least_float32(self.project(x)))
        y = ops.like(ops.scan(a, b, ops.like(state[0], a)), x)
        return y, (y[-1],)


def orthogonal(size: int, rng: Rng) -> np.ndarray:
    """Return a random orthogonal matrix (size, size), float32 (Saxe et al. 2014): its singular values of 1 preserve
    gradients."""
    if isinstance(rng, Blank):
        return rng.zeros((size, size))
    q, r = np.linalg.qr(rng.standard_normal((size, size)))
    return (q * np.sign(np.diag(r))).astype(np.float32)
