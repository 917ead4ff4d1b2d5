"""Many sequences through a stack, in NumPy, as fast as the products allow; no result depends on other sequences.

The recurrence of parallel sequences is one product a time step. Like `ops.linear` it is computed in tiles of one
size, so that a sequence's result depends, to the last bit, neither on the rest of the batch nor on threads. Sequences
are sorted by length, so that no step computes sequences that have ended.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from seqcli import console, ops
from seqcli.cells import BaseCell
from seqcli.layers.stack import Stack
from seqcli.ops import BLOCK, DEPTH, TILE

STRETCH = 8192  # tokens projected at once: bounds the memory for long sequences

Project = Callable[
    [np.ndarray, int], np.ndarray
]  # places of tokens (n,), a direction -> their projected inputs (n, G·H)


class BatchForm:
    """A stack prepared for batches of sequences that lie end to end: token p of sequence s is row starts[s] + p."""

    def __init__(self, stack: Stack):
        self._layers = [[_Direction(cell, backward=bool(d)) for d, cell in enumerate(cells)] for cells in stack.cells]
        self._stack = stack

    def project(self, x: np.ndarray) -> np.ndarray:
        """Project inputs for the first layer: x (N, I) -> (D, N, G·H); with residual blocks into the path, (1, N, H).
        A row can be cached."""
        if self._stack.frame is not None:
            return self._stack.project(x)[None]
        return np.stack([cell.project(x) for cell in self._layers[0]])

    def read(self, lengths: Sequence[int] | np.ndarray, first: Project) -> np.ndarray:
        """Return the top layer's outputs (N, H·D) for sequences of `lengths` (B,), N tokens in all, from zero states.

        `first` gives the first layer's projected inputs of tokens by their places 0 .. N - 1, for one direction.
        """
        return self._read(np.asarray(lengths, np.int64), first, [[None] * len(layer) for layer in self._layers])

    def stream(self) -> Callable[[np.ndarray], np.ndarray]:
        """Return a function that reads one sequence in pieces with a forward stack: inputs (n, I), n >= 0 -> outputs
        (n, H), equal to those of `read` for the whole sequence to the last bit."""
        states = [[cell.initial(1) for cell in layer] for layer in self._layers]

        def read(x: np.ndarray) -> np.ndarray:
            first = self.project(x)
            return self._read(np.array([len(x)]), lambda places, d: first[d][places], states)

        return read

    def _read(self, lengths: np.ndarray, first: Project, states: Sequence[Sequence[Any]]) -> np.ndarray:
        with np.errstate(over="ignore", invalid="ignore"):
            return _bounded(self._through(lengths, first, states))

    def _through(self, lengths: np.ndarray, first: Project, states: Sequence[Sequence[Any]]) -> np.ndarray:
        if self._stack.frame is not None:
            return self._along_path(lengths, first, states)
        y = np.zeros((0, 0), np.float32)
        for depth, layer in enumerate(self._layers):
            below = y

            def inputs(places: np.ndarray, d: int, depth: int = depth, below: np.ndarray = below) -> np.ndarray:
                return self._layers[depth][d].project(below[places]) if depth else first(places, d)

            y = np.concatenate(
                [
                    cell.read(lengths, functools.partial(inputs, d=d), states[depth][d])
                    for d, cell in enumerate(layer)
                ],
                1,
            )
        return y

    def _along_path(self, lengths: np.ndarray, first: Project, states: Sequence[Sequence[Any]]) -> np.ndarray:
        """Do the same with residual blocks."""
        frame = self._stack.frame
        assert frame is not None
        x = first(np.arange(int(lengths.sum())), 0)
        for layer, block, own in zip(self._layers, frame.blocks, states, strict=True):
            read = block.norm(x)
            y = [
                cell.read(lengths, lambda places, cell=cell, read=read: cell.project(read[places]), state)
                for cell, state in zip(layer, own, strict=True)
            ]
            x = block.leave(x, read, np.concatenate(y, 1), lambda y: y)
        return frame.norm(x)


def _bounded(y: np.ndarray) -> np.ndarray:
    """Return outputs (N, H) with those of a token set to zero if they overflow: unbounded cells may grow without
    limit over texts longer than those in training."""
    if np.isfinite(y.sum()) or (odd := ~np.isfinite(y).all(axis=1)).sum() == 0:
        return y
    _say_once()
    y[odd] = 0.0
    return y


@functools.cache
def _say_once() -> None:
    console.warn("the network's numbers overflow on long texts: at such tokens it answers as if it had read nothing")


class _Direction:
    """One cell of one layer, which reads sequences from their beginnings or from their ends."""

    def __init__(self, cell: BaseCell, *, backward: bool):
        self._form, self._states, self._backward = cell.prepare(), cell.states, backward
        size, H = self._form.weight_hh.shape
        self._blocks = blocks = -(-size // BLOCK)
        recurrent = np.zeros((blocks, BLOCK, H), np.float32)
        recurrent.reshape(blocks * BLOCK, H)[:size] = self._form.weight_hh
        self._parts = [
            (slice(k, k + DEPTH), np.ascontiguousarray(recurrent[..., k : k + DEPTH])) for k in range(0, H, DEPTH)
        ]

    def project(self, x: np.ndarray) -> np.ndarray:
        return ops.linear(x, self._form.weight, self._form.bias)

    def initial(self, tiles: int) -> list[np.ndarray]:
        """Return a state of zeros for so many tiles."""
        return [np.zeros((tiles, self._form.weight_hh.shape[1], TILE), np.float32) for _ in range(self._states)]

    def read(
        self,
        lengths: np.ndarray,
        inputs: Callable[[np.ndarray], np.ndarray],
        state: list[np.ndarray] | None = None,
    ) -> np.ndarray:
        """Return outputs (N, H) of all tokens; `inputs` gives projected inputs (n, G·H) by places (n,).

        State, inputs and products are held in tiles (tiles, units, TILE), units first within each. A given state is
        the initial one, and is overwritten by the last one.
        """
        order = np.argsort(-lengths, kind="stable")
        ends, ordered = np.cumsum(lengths)[order], lengths[order]
        first, way = (ends - 1, -1) if self._backward else (ends - ordered, 1)
        longest = int(ordered[0]) if len(lengths) else 0
        active = np.searchsorted(-ordered, -np.arange(longest), side="left")  # sequences longer than t
        size, H, most = len(self._form.weight), self._form.weight_hh.shape[1], -(-len(lengths) // TILE)
        y = np.zeros((int(lengths.sum()), H), np.float32)
        state = self.initial(most) if state is None else state
        px = np.zeros((most, size, TILE), np.float32)
        z = np.zeros((most, self._blocks * BLOCK, TILE), np.float32)
        t, bound, update = 0, 0, lambda px, state: None
        while t < longest:
            steps = min(max(STRETCH // int(active[t]), 1), longest - t)
            places = [first[: active[now]] + way * now for now in range(t, t + steps)]
            projected, at = inputs(np.concatenate(places)), 0
            for place in places:
                n, rows = len(place), projected[at : at + len(place)]
                whole, tiles = n // TILE, -(-n // TILE)
                px[:whole] = rows[: whole * TILE].reshape(whole, TILE, size).swapaxes(1, 2)
                px[whole:tiles, :, : n - whole * TILE] = rows[whole * TILE :].T
                px[whole:tiles, :, n - whole * TILE :] = 0.0
                if tiles != bound:  # for a single sequence, new views of z would take a third of each step
                    own = z[:tiles, : len(self._form.weight_hh)]
                    bound, update = tiles, self._form.bind(own.swapaxes(0, 1))
                now = [s[:tiles] for s in state]
                self._multiply(z[:tiles], now[0])
                update(px[:tiles].swapaxes(0, 1), tuple(s.swapaxes(0, 1) for s in now))
                y[place] = state[0][:tiles].swapaxes(1, 2).reshape(tiles * TILE, H)[:n]
                at += n
            t += steps
        return y

    def _multiply(self, z: np.ndarray, h: np.ndarray) -> None:
        """Write the products of all tiles to z (tiles, blocks·BLOCK, TILE), from outputs h (tiles, H, TILE)."""
        blocked, h = z.reshape(len(z), -1, BLOCK, TILE), h[:, None]
        for part, weight in self._parts:
            if part.start == 0:
                np.matmul(weight, h[:, :, part], out=blocked)
            else:
                blocked += np.matmul(weight, h[:, :, part])
