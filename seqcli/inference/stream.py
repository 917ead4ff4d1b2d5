"""One stream through a stack, in NumPy, as fast as its matrix-vector products allow."""

from __future__ import annotations

import numpy as np

from seqcli.layers.stack import Stack

LARGEST_TABLE = 64 << 20  # bytes: a larger table of first-layer inputs costs more in memory than it saves in time

State = tuple[tuple[tuple[np.ndarray, ...], ...], ...]


class StreamForm:
    """A forward stack prepared for batch 1.

    The first layer's projections of the V symbols are computed once, as a table (V, G·H), if it is small enough, so
    that a step multiplies only by recurrent weights and by the input weights of the upper layers. The result equals
    the equations up to rounding; states keep the batch axis of 1 that the rest of the program uses.
    """

    def __init__(self, embedding: np.ndarray, stack: Stack):
        self._cells = [cell.prepare() for (cell,) in stack.cells]
        self._recur = [cell.stream() for cell in self._cells]
        self._embedding, self._frame, first = embedding, stack.frame, self._cells[0]
        self._weight, self._bias = (first.weight, first.bias) if stack.frame is None else stack.first
        self._table: np.ndarray | None = None
        if len(embedding) * len(self._weight) * 4 <= LARGEST_TABLE:
            self._table = embedding @ self._weight.T + self._bias

    def _first(self, id: int) -> np.ndarray:
        if self._table is not None:
            return self._table[id]
        return np.dot(self._weight, self._embedding[id]) + self._bias

    def step(self, id: int, state: State) -> tuple[np.ndarray, State]:
        """Feed one id; return h (H,) of the top layer and the next state. The given state is not changed."""
        own = [tuple(s[0].copy() for s in layer[0]) for layer in state]
        h = self._advance(id, own)
        return h, tuple((tuple(s[None] for s in layer),) for layer in own)

    def _advance(self, id: int, own: list[tuple[np.ndarray, ...]]) -> np.ndarray:
        if self._frame is not None:
            return self._along_path(id, own)
        self._recur[0](self._first(id), own[0])
        h = own[0][0]
        for cell, recur, layer in zip(self._cells[1:], self._recur[1:], own[1:], strict=True):
            px = np.dot(cell.weight, h)
            px += cell.bias
            recur(px, layer)
            h = layer[0]
        return h

    def _along_path(self, id: int, own: list[tuple[np.ndarray, ...]]) -> np.ndarray:
        """Do the same with residual blocks."""
        x = self._first(id)
        for cell, recur, layer, block in zip(self._cells, self._recur, own, self._frame.blocks, strict=True):  # type: ignore[union-attr]
            read = block.norm(x)
            recur(np.dot(cell.weight, read) + cell.bias, layer)
            x = block.leave(x, read, layer[0], lambda y: y, lambda x, weight: np.dot(weight, x))
        return self._frame.norm(x)  # type: ignore[union-attr]

    def unroll(self, ids: np.ndarray, state: State) -> tuple[np.ndarray, State]:
        """Feed ids (T,); return the top layer's h (T, H) and the last state."""
        own = [tuple(s[0].copy() for s in layer[0]) for layer in state]
        hs = np.empty((len(ids), len(own[-1][0])), np.float32)
        for t, id in enumerate(ids.tolist()):
            hs[t] = self._advance(id, own)
        return hs, tuple((tuple(s[None] for s in layer),) for layer in own)
