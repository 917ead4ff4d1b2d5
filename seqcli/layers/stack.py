"""Recurrent cells in depth and in both directions, one upon the other or in residual blocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any, NamedTuple

from seqcli import ops, registry
from seqcli.cells import BaseCell, State
from seqcli.layers.blank import Rng
from seqcli.layers.block import Frame
from seqcli.ops import Array

Between = Callable[[Array], Array]  # what happens to the outputs of one layer before the next reads them


class Step(NamedTuple):
    """A step of a cell: where, its projected input (B, G·H), the state before it and the one after it."""

    layer: int
    direction: int
    time: int
    px: Array
    before: State
    state: State


@dataclass(frozen=True)
class Stack:
    """Layers of cells; `cells[layer][direction]`. Each reads the outputs of the one below, or, with a frame, the path
    that all add to."""

    cells: tuple[tuple[BaseCell, ...], ...]
    frame: Frame | None = None

    @classmethod
    def create(
        cls,
        cell: str | Sequence[Mapping[str, Any]],
        input_size: int,
        hidden_sizes: list[int],
        rng: Rng,
        *,
        bidirectional: bool = False,
        block: bool = False,
    ) -> Stack:
        """One layer for each hidden size (of one direction), in residual blocks if asked: their sizes are one. Cells
        are mappings of `kind` and options, taken in turn, from the first on again where there are more layers."""
        layers, first, turn = [], input_size, cycle([{"kind": cell}] if isinstance(cell, str) else cell)
        if block:
            input_size = hidden_sizes[0]
        for hidden, own in zip(hidden_sizes, turn, strict=False):
            kind, options = registry.load("cells", own["kind"]).Cell, {k: v for k, v in own.items() if k != "kind"}
            layers.append(tuple(kind.create(input_size, hidden, rng, **options) for _ in range(1 + bidirectional)))
            input_size = hidden if block else hidden * (1 + bidirectional)
        size, wide = hidden_sizes[0], hidden_sizes[0] * (1 + bidirectional)
        frame = Frame.create(first, size, wide, len(hidden_sizes), rng) if block else None
        return cls(tuple(layers), frame)

    @property
    def output_size(self) -> int:
        return sum(cell.hidden_size for cell in self.cells[-1]) if self.frame is None else len(self.frame.bias)

    @property
    def both(self) -> bool:
        """Whether outputs are those of the two directions, side by side."""
        return len(self.cells[-1]) == 2 and self.frame is None

    @property
    def first(self) -> tuple[Array, Array]:
        """The weight (W, I) and bias (W,) of what is read first, in the forward direction."""
        cell = self.cells[0][0]
        return (cell.weight_ih, cell.bias_ih) if self.frame is None else (self.frame.weight, self.frame.bias)

    def project(self, x: Array) -> Array:
        """The same of inputs: x (..., I) -> (..., W)."""
        return ops.linear(x, *self.first)

    def _enter(self, depth: int, x: Array, between: Between) -> Array:
        """What a layer's cells read."""
        if self.frame is not None:
            return self.frame.blocks[depth].norm(x)
        return between(x) if depth else x

    def _leave(self, depth: int, x: Array, read: Array, ys: list[Array], between: Between) -> Array:
        """What stands behind a layer, of what stood before it, what its cells read and what they made of it."""
        y = ys[0] if len(ys) == 1 else ops.concat(ys)
        if self.frame is None:
            return y
        x = self.frame.blocks[depth].leave(x, read, y, between)
        return x if depth + 1 < len(self.cells) else self.frame.norm(x)

    def initial_state(self, batch: int) -> tuple[tuple[State, ...], ...]:
        """Zeros: `state[layer][direction]` is a cell's state."""
        return tuple(tuple(cell.initial_state(batch) for cell in layer) for layer in self.cells)

    def step(
        self, x: Array, state: tuple[tuple[State, ...], ...], *, between: Between = lambda y: y
    ) -> tuple[Array, tuple[tuple[State, ...], ...]]:
        """One time step of a stack that reads forward only: x (B, I) -> y (B, H)."""
        return self.step_projected(self.project(x), state, between=between)

    def step_projected(
        self, px: Array, state: tuple[tuple[State, ...], ...], *, between: Between = lambda y: y
    ) -> tuple[Array, tuple[tuple[State, ...], ...]]:
        """The same from what `project` makes of x: px (B, W) -> y (B, H)."""
        x, new = px, []
        for depth, ((cell,), (own,)) in enumerate(zip(self.cells, state, strict=True)):
            read = self._enter(depth, x, between)
            own = cell.recur(read if not depth and self.frame is None else cell.project(read), own)
            x = self._leave(depth, x, read, [own[0]], between)
            new.append((own,))
        return x, tuple(new)

    def read(self, x: Array, lengths: Array, *, between: Between = lambda y: y) -> Array:
        """The outputs of right-padded sequences alone: x (T, B, I), lengths (B,) -> y (T, B, H·directions).

        As `unroll` from zeros with lengths, but by the fused kernels: in each direction the padding stands behind
        the sequence, where it can only spoil states that nobody asks for.
        """
        inside = _inside(x.shape[0], lengths, x)
        x = _only(inside, x)
        x = x if self.frame is None else self.project(x)
        for depth, (layer, own) in enumerate(zip(self.cells, self.initial_state(x.shape[1]), strict=True)):
            read, ys = self._enter(depth, x, between), []
            for direction, (cell, start) in enumerate(zip(layer, own, strict=True)):
                y, _ = cell.unroll(ops.reverse(read, lengths) if direction else read, start)
                ys.append(ops.reverse(y, lengths) if direction else y)
            x = _only(inside, self._leave(depth, x, read, ys, between))
        return x

    def unroll(
        self,
        x: Array,
        state: tuple[tuple[State, ...], ...],
        *,
        lengths: Array | None = None,
        between: Between = lambda y: y,
        within: Between | None = None,
    ) -> tuple[Array, tuple[tuple[State, ...], ...]]:
        """All time steps: x (T, B, I) -> y (T, B, H·directions) and the last states. What `within` makes of a state's
        first part (B, H) is what that part is multiplied by wherever the cell itself reads it.

        With `lengths` (B,) the sequences are padded on the right: outputs beyond a length are zero, a last state is
        the one at the sequence's own end, and the backward direction begins there.
        """
        new = []
        inside = None if lengths is None else _inside(x.shape[0], lengths, x)
        x = x if inside is None else _only(inside, x)
        x = x if self.frame is None else self.project(x)
        for depth, (layer, own) in enumerate(zip(self.cells, state, strict=True)):
            read, ys, ends = self._enter(depth, x, between), [], []
            for direction, (cell, start) in enumerate(zip(layer, own, strict=True)):
                y, end = _unroll(cell, ops.reverse(read, lengths) if direction else read, start, lengths, within)
                ys.append(ops.reverse(y, lengths) if direction else y)
                ends.append(end)
            x = self._leave(depth, x, read, ys, between)
            new.append(tuple(ends))
        return x if inside is None or self.frame is None else _only(inside, x), tuple(new)

    def watch(self, x: Array, see: Callable[[Step], State]) -> Array:
        """As `unroll` from zeros, a step at a time: x (T, B, I) -> y (T, B, H·directions).

        What `see` makes of a cell's new state is what its next step begins with; the layers above read the state
        itself. So what it gives is an independent variable: all later steps are of it.
        """
        x = x if self.frame is None else self.project(x)
        for depth, (layer, own) in enumerate(zip(self.cells, self.initial_state(x.shape[1]), strict=True)):
            read, ys, times = self._enter(depth, x, lambda y: y), [], range(len(x))
            for direction, (cell, state) in enumerate(zip(layer, own, strict=True)):
                px, found = cell.project(read), {}
                for t in reversed(times) if direction else times:
                    new = cell.recur(px[t], state)
                    found[t], state = new[0], see(Step(depth, direction, t, px[t], state, new))
                ys.append(ops.stack([found[t] for t in times]))
            x = self._leave(depth, x, read, ys, lambda y: y)
        return x


def _unroll(
    cell: BaseCell, x: Array, state: State, lengths: Array | None, within: Between | None
) -> tuple[Array, State]:
    """A cell over sequences of several lengths."""
    if within is not None and cell.recurrent:
        mask, px, found = within(state[0]), cell.project(x), []
        for t in range(len(x)):
            state = cell.recur(px[t], (state[0] * mask, *state[1:]))
            found.append(state[0])
        return ops.stack(found), state
    if lengths is None:
        return cell.unroll(x, state)
    inside = _inside(x.shape[0], lengths, x)  # (T, B, 1)
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
    return ops.arange(steps, like)[:, None, None] < lengths[None, :, None]


def _only(inside: Array, x: Array) -> Array:
    """What is inside; the padding is zero, whatever stood there: not x * 0, for it may be infinite, or no number."""
    return ops.where(inside, x, ops.zeros((1,), x))
