"""Local attention (Beltagy et al. 2020; De et al. 2024): attention over the most recent inputs, as a cell."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqcli import ops
from seqcli.cells import BaseCell, State
from seqcli.errors import UsageError
from seqcli.layers.blank import Rng
from seqcli.ops import Array

HEADS = 4  # at most; their number divides H
CHUNK = 128  # time steps that training takes at once
LARGEST = 256  # window: bfloat16 counts exactly up to here


@dataclass(frozen=True)
class Cell(BaseCell):
    """h_t = Σ_{i<W} a_i v_{t-i} with a = softmax(q_t·k_{t-i} / √d + b_i), for each head of d = H / heads units.

    Gates q, k, v; b_i is learnt for each distance and head. The state is h, the last W - 1 keys and as many values,
    the newest first, and how many of them there are (the same in every unit), at most W - 1. b is its only position
    encoding, so that it works anywhere in a text of any length.
    """

    distance_bias: Array  # (W·heads,)
    window: int = 32  # W

    gates, recurrent = 3, False

    @classmethod
    def create(cls, input_size: int, hidden_size: int, rng: Rng, *, window: int = 32) -> Cell:
        """Create as BaseCell does, with no distance preferred. Raises UsageError for a window that holds only the
        current input, or more inputs than bfloat16 can count."""
        if not 2 <= window <= LARGEST:
            raise UsageError(f"the window of local-attention must be 2 to {LARGEST} inputs, not {window}")
        bias = np.zeros(window * math.gcd(HEADS, hidden_size), np.float32)
        return super().create(input_size, hidden_size, rng, distance_bias=bias, window=window)

    @property
    def states(self) -> int:  # type: ignore[override]
        return 2 * self.window

    @property
    def begins(self) -> int:
        return 0  # inputs that were never read have no key

    def _bias(self, like: Array) -> Array:
        """Return b, (W, heads)."""
        return ops.like(self.distance_bias, like).reshape(self.window, -1)

    def combine(self, px: Array, ph: Array, state: State) -> State:
        q, k, v = ops.split(px, 3)
        bias, before, count = self._bias(q), self.window - 1, state[-1]
        keys, values = (k, *state[1 : 1 + before]), (v, *state[1 + before : -1])
        heads = (*q.shape[:-1], bias.shape[1], -1)
        scores = [ops.row_by_row((q * k).reshape(heads)).sum(-1) * self._scale + bias[i] for i, k in enumerate(keys)]
        low = ops.zeros((1,), q) - np.inf
        rows = [scores[0], *(ops.where(count[..., :1] > i, s, low) for i, s in enumerate(scores[1:]))]
        weights = ops.softmax(ops.row_by_row(ops.stack(rows).swapaxes(0, -1)))
        weights = weights.swapaxes(0, -1)[..., None]  # (W, ..., heads, 1)
        h = weights[0] * v.reshape(heads)
        for w, value in zip(weights[1:], values[1:], strict=True):
            h = h + w * value.reshape(heads)
        return h.reshape(q.shape), *keys[:before], *values[:before], self._counted(count + 1)

    def _counted(self, count: Array) -> Array:
        """Return how many keys are kept after so many inputs."""
        return ops.where(count < self.window - 1, count, self.window - 1 + 0 * count)

    @property
    def _scale(self) -> float:
        return (self.hidden_size / math.gcd(HEADS, self.hidden_size)) ** -0.5

    def unroll(self, x: Array, state: State) -> tuple[Array, State]:
        """Take all time steps, in training several at once."""
        if not ops.is_torch(x):
            return super().unroll(x, state)
        q, k, v = ops.split(ops.at_least_float32(self.project(x)), 3)
        before, old = self.window - 1, [ops.like(s, q) for s in state]
        keys = ops.concat([ops.stack(old[before:0:-1]), k], axis=0)  # the oldest first
        values = ops.concat([ops.stack(old[-2:before:-1]), v], axis=0)
        parts = []
        for t in range(0, len(q), CHUNK):
            near = slice(t, t + CHUNK + before)
            parts.append(self._look(q[t : t + CHUNK], keys[near], values[near], old[-1][:, :1] + t))
        y = ops.concat(parts, axis=0)
        last = [a.flip(0)[:before] for a in (keys, values)]
        end = (y[-1], *last[0], *last[1], self._counted(old[-1] + len(q)))
        return ops.like(y, x), tuple(ops.like(s, x) for s in end)

    def _look(self, q: Any, keys: Any, values: Any, count: Any) -> Any:
        """Return outputs (C, B, H) in torch, from queries (C, B, H), keys and values of these steps and the W - 1
        before (W - 1 + C, B, H), and how many of the latter there are (B, 1)."""
        bias, before = self._bias(q), self.window - 1
        steps, places = (ops.integers(np.arange(n), q) for n in (len(q), len(keys)))
        away = steps[:, None] + before - places  # (C, W - 1 + C)
        near = (away >= 0) & (away <= before)
        there = (away <= 0) | (count[..., None] + steps[:, None] > away - 1)  # (B, C, W - 1 + C)
        own = bias[away.clamp(0, before)].movedim(-1, 0).masked_fill(~near, -np.inf)  # (heads, C, W - 1 + C)
        q, keys, values = (a.reshape(*a.shape[:2], bias.shape[1], -1).movedim(0, 2) for a in (q, keys, values))
        scores = (q @ keys.mT * self._scale + own).masked_fill(~there[:, None], -np.inf)
        return (ops.softmax(scores) @ values).movedim(2, 0).flatten(2)
