"""Recurrent cells in several layers and in both directions, stacked plainly or in residual blocks."""

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

Between = Callable[[Array], Array]  # applied to the outputs of a layer before the next one reads them


class Step(NamedTuple):
    """A step of a cell: its place, its projected input (B, G·H), and the states before and after it."""

    layer: int
    direction: int
    time: int
    px: Array
    before: State
    state: State


@dataclass(frozen=True)
class Stack:
    """Layers of cells, `cells[layer][direction]`. Each layer reads the outputs of the one below, or, with a frame,
    the residual path that all add to."""

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
        """Create a layer for each hidden size (of one direction), with `block` in residual blocks, whose sizes must
        be equal. Cells are mappings with `kind` and options; layers take them in turn, starting over if needed."""
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
        """Whether outputs are those of two directions, concatenated."""
        return len(self.cells[-1]) == 2 and self.frame is None

    @property
    def first(self) -> tuple[Array, Array]:
        """The weight (W, I) and bias (W,) of the first projection of the input, in the forward direction."""
        cell = self.cells[0][0]
        return (cell.weight_ih, cell.bias_ih) if self.frame is None else (self.frame.weight, self.frame.bias)

    def project(self, x: Array) -> Array:
        """Project inputs by `first`: x (..., I) -> (..., W)."""
        return ops.linear(x, *self.first)

    def _enter(self, depth: int, x: Array, between: Between) -> Array:
        """Return what a layer's cells read."""
        if self.frame is not None:
            return self.frame.blocks[depth].norm(x)
        return between(x) if depth else x

    def _leave(self, depth: int, x: Array, read: Array, ys: list[Array], between: Between) -> Array:
        """Return the output of a layer, from its input x, what its cells read and their outputs ys."""
        y = ys[0] if len(ys) == 1 else ops.concat(ys)
        if self.frame is None:
            return y
        x = self.frame.blocks[depth].leave(x, read, y, between)
        return x if depth + 1 < len(self.cells) else self.frame.norm(x)

    def initial_state(self, batch: int) -> tuple[tuple[State, ...], ...]:
        """Return a state of zeros; `state[layer][direction]` is that of a cell."""
        return tuple(tuple(cell.initial_state(batch) for cell in layer) for layer in self.cells)

    def step(
        self, x: Array, state: tuple[tuple[State, ...], ...], *, between: Between = lambda y: y
    ) -> tuple[Array, tuple[tuple[State, ...], ...]]:
        """Take one time step of a forward stack: x (B, I) -> y (B, H) and the next state."""
        return self.step_projected(self.project(x), state, between=between)

    def step_projected(
        self, px: Array, state: tuple[tuple[State, ...], ...], *, between: Between = lambda y: y
    ) -> tuple[Array, tuple[tuple[State, ...], ...]]:
        """Take the same step from a projected input: px (B, W) -> y (B, H) and the next state."""
        x, new = px, []
        for depth, ((cell,), (own,)) in enumerate(zip(self.cells, state, strict=True)):
            read = self._enter(depth, x, between)
            own = cell.recur(read if not depth and self.frame is None else cell.project(read), own)
            x = self._leave(depth, x, read, [own[0]], between)
            new.append((own,))
        return x, tuple(new)

    def read(self, x: Array, lengths: Array, *, between: Between = lambda y: y) -> Array:
        """Return the outputs of right-padded sequences: x (T, B, I), lengths (B,) -> y (T, B, H·directions).

        The result is that of `unroll` from zeros with lengths, but by the fused kernels: in each direction the
        padding comes after the sequence, where it can only affect states that nobody uses.
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
        """Take all time steps: x (T, B, I) -> y (T, B, H·directions) and the last states. `within` takes the first
        part of an initial state (B, H) and returns a factor for that part wherever the cell itself reads it.

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
        """Do the same as `unroll` from zeros, a step at a time: x (T, B, I) -> y (T, B, H·directions).

        A cell's next step begins with what `see` returns for its new state; the layers above read the state itself.
        So the returned state is an independent variable, on which all later steps depend.
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
    """Run a cell over sequences of different lengths."""
    if within is not None and cell.recurrent:
        mask, px, found = within(state[0]), cell.project(x), []
        for t in range(len(x)):
            state = cell.recur(px[t], (state[0] * mask, *state[1:]))
            found.append(state[0])
        return ops.stack(found), state
    if lengths is None:
        return cell.unroll(x, state)
    inside = _inside(x.shape[0], lengths, x)  # (T, B, 1)
    if len(state) == 1:  # the state is the output: take the fused kernel, and gather the last outputs
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
    """Return a mask (T, B, 1): whether step t is within the length."""
    return ops.arange(steps, like)[:, None, None] < lengths[None, :, None]


def _only(inside: Array, x: Array) -> Array:
    """Return x with zero padding, whatever was there: not by x * 0, because it may be infinite or NaN."""
    return ops.where(inside, x, ops.zeros((1,), x))
