"""Recurrent cells in depth and in both directions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqcli import ops, registry
from seqcli.cells import BaseCell, State
from seqcli.layers.blank import Rng
from seqcli.ops import Array

Between = Callable[[Array], Array]  # what happens to the outputs of one layer before the next reads them


@dataclass(frozen=True)
class Stack:
    """Layers of cells, each reading the outputs of the one below; `cells[layer][direction]`."""

    cells: tuple[tuple[BaseCell, ...], ...]

    @classmethod
    def create(
        cls,
        cell: str,
        input_size: int,
        hidden_sizes: list[int],
        rng: Rng,
        *,
        options: Mapping[str, Any] | None = None,
        bidirectional: bool = False,
    ) -> Stack:
        """One layer for each hidden size (of one direction)."""
        kind, layers = registry.load("cells", cell).Cell, []
        for hidden in hidden_sizes:
            layers.append(
                tuple(kind.create(input_size, hidden, rng, **(options or {})) for _ in range(1 + bidirectional))
            )
            input_size = hidden * (1 + bidirectional)
        return cls(tuple(layers))

    @property
    def output_size(self) -> int:
        return sum(cell.hidden_size for cell in self.cells[-1])

    def initial_state(self, batch: int) -> tuple[tuple[State, ...], ...]:
        """Zeros: `state[layer][direction]` is a cell's state."""
        return tuple(tuple(cell.initial_state(batch) for cell in layer) for layer in self.cells)

    def step(
        self, x: Array, state: tuple[tuple[State, ...], ...], *, between: Between = lambda y: y
    ) -> tuple[Array, tuple[tuple[State, ...], ...]]:
        """One time step of a stack that reads forward only: x (B, I) -> y (B, H)."""
        return self.step_projected(self.cells[0][0].project(x), state, between=between)

    def step_projected(
        self, px: Array, state: tuple[tuple[State, ...], ...], *, between: Between = lambda y: y
    ) -> tuple[Array, tuple[tuple[State, ...], ...]]:
        """The same from what the first cell's `project` makes of x: px (B, G·H) -> y (B, H)."""
        x, new = px, []
        for depth, ((cell,), (own,)) in enumerate(zip(self.cells, state, strict=True)):
            own = cell.recur(cell.project(between(x)) if depth else px, own)
            x = own[0]
            new.append((own,))
        return x, tuple(new)

    def read(self, x: Array, lengths: Array, *, between: Between = lambda y: y) -> Array:
        """The outputs of right-padded sequences alone: x (T, B, I), lengths (B,) -> y (T, B, H·directions).

        As `unroll` from zeros with lengths, but by the fused kernels: in each direction the padding stands behind
        the sequence, where it can only spoil states that nobody asks for.
        """
        inside = _inside(len(x), lengths, x)
        x = _only(inside, x)
        for depth, (layer, own) in enumerate(zip(self.cells, self.initial_state(x.shape[1]), strict=True)):
            if depth:
                x = between(x)
            ys = []
            for direction, (cell, start) in enumerate(zip(layer, own, strict=True)):
                y, _ = cell.unroll(_reverse(x, lengths) if direction else x, start)
                ys.append(_reverse(y, lengths) if direction else y)
            x = _only(inside, ys[0] if len(ys) == 1 else ops.concat(ys))
        return x

    def unroll(
        self,
        x: Array,
        state: tuple[tuple[State, ...], ...],
        *,
        lengths: Array | None = None,
        between: Between = lambda y: y,
    ) -> tuple[Array, tuple[tuple[State, ...], ...]]:
        """All time steps: x (T, B, I) -> y (T, B, H·directions) and the last states.

        With `lengths` (B,) the sequences are padded on the right: outputs beyond a length are zero, a last state is
        the one at the sequence's own end, and the backward direction begins there.
        """
        new = []
        x = x if lengths is None else _only(_inside(len(x), lengths, x), x)
        for depth, (layer, own) in enumerate(zip(self.cells, state, strict=True)):
            if depth:
                x = between(x)
            ys, ends = [], []
            for direction, (cell, start) in enumerate(zip(layer, own, strict=True)):
                y, end = _unroll(cell, _reverse(x, lengths) if direction else x, start, lengths)
                ys.append(_reverse(y, lengths) if direction else y)
                ends.append(end)
            x = ys[0] if len(ys) == 1 else ops.concat(ys)
            new.append(tuple(ends))
        return x, tuple(new)


def _unroll(cell: BaseCell, x: Array, state: State, lengths: Array | None) -> tuple[Array, State]:
    """A cell over sequences of several lengths."""
    if lengths is None:
        return cell.unroll(x, state)
    inside = _inside(len(x), lengths, x)  # (T, B, 1)
    if len(state) == 1:  # the state is the output: the fused kernel serves, and the last one is gathered
        y, _ = cell.unroll(x, state)
        last = ops.stack([y[int(n) - 1, b] if n else state[0][b] for b, n in enumerate(lengths)])
        return _only(inside, y), (last,)
    ys, px = [], cell.project(x)
    for t in range(len(x)):
        new = cell.recur(px[t], state)
        state = tuple(ops.where(inside[t], n, s) for n, s in zip(new, state, strict=True))
        ys.append(new[0])
    return _only(inside, ops.stack(ys)), state


def _inside(steps: int, lengths: Array, like: Array) -> Array:
    """(T, B, 1): whether t is within the length."""
    return ops.integers(np.arange(steps), like)[:, None, None] < lengths[None, :, None]


def _only(inside: Array, x: Array) -> Array:
    """What is inside; the padding is zero, whatever stood there: not x * 0, for it may be infinite, or no number."""
    return ops.where(inside, x, ops.zeros((1,), x))


def _reverse(x: Array, lengths: Array | None) -> Array:
    """Each sequence of x (T, B, ·) reversed within its length; the padding stays where it is."""
    T, B = x.shape[:2]
    if lengths is None:
        return x[::-1] if isinstance(x, np.ndarray) else x.flip(0)
    times = ops.integers(np.arange(T), x)[:, None]
    index = ops.where(times < lengths[None], lengths[None] - 1 - times, times)  # (T, B)
    flat = index * B + ops.integers(np.arange(B), x)[None]
    return ops.embedding(flat, x.reshape(T * B, -1))  # a look-up: its gradient is the fast one of embeddings
