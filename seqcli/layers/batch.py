"""Many sequences through a stack, in NumPy, as fast as the products allow; each sequence's result is its own.

The recurrence of sequences side by side is one product a time step. Like `ops.linear` it is computed in tiles of one
size, so that what a sequence gets depends, to the last bit, neither on its batch-mates nor on threads. Both
directions take each step together; sequences are sorted by length, so that no step computes what has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from seqcli import ops
from seqcli.cells import BaseCell
from seqcli.layers.stack import Stack
from seqcli.ops import BLOCK, DEPTH, TILE

STRETCH = 8192  # tokens projected at once: bounds the memory for long sequences

Project = Callable[[np.ndarray], np.ndarray]  # places of tokens (n,) -> their inputs projected (n, D·G·H)


class BatchForm:
    """A stack prepared for batches of sequences that lie end to end: token p of sequence s is row starts[s] + p."""

    def __init__(self, stack: Stack):
        self._layers = [_Layer(layer) for layer in stack.cells]

    def project(self, x: np.ndarray) -> np.ndarray:
        """What the first layer makes of its inputs: x (N, I) -> (N, D·G·H). A row can be kept and used again."""
        return self._layers[0].project(x)

    def read(self, lengths: Sequence[int] | np.ndarray, first: Project) -> np.ndarray:
        """Outputs (N, H·D) of the top layer for sequences of `lengths` (B,), N tokens in all, each from a zero state.

        `first` gives the first layer's projected inputs of tokens by their places 0 .. N - 1.
        """
        lengths = np.asarray(lengths, np.int64)
        y = self._layers[0].read(lengths, first)
        for layer in self._layers[1:]:
            below = y
            y = layer.read(lengths, lambda places, layer=layer, below=below: layer.project(below[places]))
        return y


class _Layer:
    """The cells of one layer, a direction each."""

    def __init__(self, cells: tuple[BaseCell, ...]):
        self.cells, self.cell = cells, cells[0]
        D, G, H = len(cells), self.cell.gates, self.cell.hidden_size
        self.size, self.hidden = G * H, H
        self._weight_ih = np.concatenate([c.weight_ih for c in cells])
        self._bias_ih = np.concatenate([c.bias_ih for c in cells])
        blocks = -(-self.size // BLOCK)
        self._recurrent = np.zeros((D, 1, blocks, BLOCK, H), np.float32)
        self._bias = np.zeros((D, 1, 1, self.size), np.float32)
        for d, c in enumerate(cells):
            self._recurrent[d, 0].reshape(blocks * BLOCK, H)[: self.size] = c.weight_hh
            self._bias[d, 0, 0] = c.bias_hh
        self._parts = [
            (slice(k, k + DEPTH), np.ascontiguousarray(self._recurrent[..., k : k + DEPTH]))
            for k in range(0, H, DEPTH)
        ]

    def project(self, x: np.ndarray) -> np.ndarray:
        return ops.linear(x, self._weight_ih, self._bias_ih)

    def read(self, lengths: np.ndarray, inputs: Project) -> np.ndarray:
        D, H = len(self.cells), self.hidden
        order = np.argsort(-lengths, kind="stable")
        sorted_lengths = lengths[order]
        starts = (np.cumsum(lengths) - lengths)[order]
        y = np.zeros((int(lengths.sum()), D * H), np.float32)
        longest = int(sorted_lengths[0]) if len(lengths) else 0
        active = np.searchsorted(-sorted_lengths, -np.arange(longest), side="left")  # sequences longer than t
        state: tuple[np.ndarray, ...] = ()
        t = 0
        while t < longest:
            n = int(active[t])
            steps = min(max(STRETCH // n, 1), longest - t)
            places = self._places(starts, sorted_lengths, active, t, steps)
            projected = inputs(np.concatenate([p for pair in places for p in pair]))
            at = 0
            for pair in places:
                n = len(pair[0])
                tiles = -(-n // TILE)
                if not state:
                    state = tuple(self._zeros(D, tiles) for _ in range(self.cell.states))
                state = tuple(s[:, :tiles] for s in state)
                px = np.zeros((D, tiles, self.size, TILE), np.float32)
                for d in range(D):
                    rows = projected[at : at + n, d * self.size : (d + 1) * self.size]
                    whole = n // TILE
                    px[d, :whole] = rows[: whole * TILE].reshape(whole, TILE, self.size).swapaxes(1, 2)
                    px[d, whole:, :, : n - whole * TILE] = rows[whole * TILE :].T
                    at += n
                state = self._step(px.swapaxes(-1, -2), state)
                rows = np.ascontiguousarray(state[0]).reshape(D, tiles * TILE, H)
                for d in range(D):
                    y[pair[d], d * H : (d + 1) * H] = rows[d, :n]
            t += steps
        return y

    def _places(
        self, starts: np.ndarray, lengths: np.ndarray, active: np.ndarray, t: int, steps: int
    ) -> list[list[np.ndarray]]:
        """For each step and direction, the places of the tokens read."""
        found = []
        for now in range(t, t + steps):
            n = int(active[now])
            forward, backward = starts[:n] + now, starts[:n] + lengths[:n] - 1 - now
            found.append([forward, backward][: len(self.cells)])
        return found

    def _zeros(self, D: int, tiles: int) -> np.ndarray:
        """A zero state (D, tiles, TILE, H), laid out like the products: units first."""
        return np.zeros((D, tiles, self.hidden, TILE), np.float32).swapaxes(-1, -2)

    def _step(self, px: np.ndarray, state: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        """One step of all tiles: px (D, tiles, TILE, G·H), states (D, tiles, TILE, H), units first in memory."""
        h = np.ascontiguousarray(state[0].swapaxes(-1, -2))[:, :, None]  # (D, tiles, 1, H, TILE)
        z = None
        for part, weight in self._parts:
            product = np.matmul(weight, h[:, :, :, part])  # (D, tiles, blocks, BLOCK, TILE)
            z = product if z is None else z + product
        assert z is not None
        D, tiles = z.shape[:2]
        ph = z.reshape(D, tiles, -1, TILE)[:, :, : self.size].swapaxes(-1, -2)
        ph += self._bias
        return self.cell.combine(px, ph, state)
