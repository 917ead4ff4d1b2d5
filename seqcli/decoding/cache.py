"""A neural cache: predict the tokens that followed similar states (Grave et al. 2017, "Improving neural language
models with a continuous cache").

It keeps the last N pairs of the softmax's input and the token that followed. After h the token w has the probability
Σ_i [x_i = w] exp(θ h·h_i) / Σ_i exp(θ h·h_i), over the kept pairs (h_i, x_i): θ controls how much similar states are
preferred. Each row of a batch has its own cache, computed independently.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

BLOCK = 256  # time steps compared with what was kept at once: bounds the memory


class Kept(NamedTuple):
    """The pairs that each of B rows keeps. `ids` is -1 in rows with fewer pairs than others."""

    states: np.ndarray  # (B, n, H)
    ids: np.ndarray  # (B, n)
    last: np.ndarray  # (B, H): the last input of the softmax
    open: np.ndarray  # (B,): whether the token after it is not known yet


@dataclass(frozen=True)
class Cache:
    """The settings of a cache: how many pairs it keeps, and how sharply it distinguishes them."""

    size: int  # N
    flatness: float = 0.3  # θ

    def begin(self, batch: int, width: int) -> Kept:
        """Return an empty cache for each row."""
        states, ids = np.zeros((batch, 0, width), np.float32), np.zeros((batch, 0), np.int64)
        return Kept(states, ids, np.zeros((batch, width), np.float32), np.zeros(batch, bool))

    def _with(self, kept: Kept, states: np.ndarray, ids: np.ndarray) -> Kept:
        """Add pairs (B, t), and drop the oldest ones."""
        states = np.concatenate([kept.states, states], axis=1)[:, -self.size :]
        ids = np.concatenate([kept.ids, ids], axis=1)[:, -self.size :]
        return Kept(states, ids, kept.last, np.zeros_like(kept.open))

    def feed(self, kept: Kept, ids: np.ndarray) -> Kept:
        """Complete the open pairs by the tokens that followed: ids (B,)."""
        if not kept.open.any():
            return kept
        return self._with(kept, kept.last[:, None], np.where(kept.open, ids, -1)[:, None])

    def read(self, kept: Kept, states: np.ndarray, ids: np.ndarray) -> Kept:
        """Add states (B, T, H), with the ids (B, T - 1) between them; the last one stays open."""
        kept = self._with(kept, states[:, :-1], ids)
        return kept._replace(last=states[:, -1], open=np.ones_like(kept.open))

    def score(self, kept: Kept, states: np.ndarray, ids: np.ndarray) -> tuple[np.ndarray, Kept]:
        """Return log p (B, T) in nats of each id (B, T) after its state (B, T, H): -inf if no kept pair has it, nan
        if nothing is kept; and the cache with these pairs added."""
        found = np.full(ids.shape, np.nan)
        for row in range(len(ids)):
            own = kept.ids[row] >= 0
            h, x = np.concatenate([kept.states[row, own], states[row]]), np.append(kept.ids[row, own], ids[row])
            before = int(own.sum())
            for at in range(before, len(x), BLOCK):
                end, first = min(at + BLOCK, len(x)), max(0, at - self.size)
                places, seen = np.arange(at, end)[:, None], np.arange(first, end)[None]
                likeness = self.flatness * (h[at:end] @ h[first:end].T).astype(np.float64)
                likeness[(seen >= places) | (seen < places - self.size)] = -np.inf
                top = likeness.max(axis=1, keepdims=True)
                weights = np.exp(likeness - np.where(np.isfinite(top), top, 0.0))
                right = (weights * (x[first:end] == x[at:end, None])).sum(axis=1)
                with np.errstate(divide="ignore", invalid="ignore"):
                    found[row, at - before : end - before] = np.log(right / weights.sum(axis=1))
        return found, self._with(kept, states, ids)

    def distribution(self, kept: Kept, size: int) -> np.ndarray:
        """Return p (B, V) of the token after the last state, float64; nan for rows that keep nothing."""
        found = np.full((len(kept.ids), size), np.nan)
        for row, (states, ids, last, _) in enumerate(zip(*kept, strict=True)):
            own = ids >= 0
            if own.any():
                likeness = self.flatness * (states[own] @ last).astype(np.float64)
                weights = np.exp(likeness - likeness.max())
                found[row] = np.bincount(ids[own], weights, size) / weights.sum()
        return found


def side_by_side(rows: list[Kept]) -> Kept:
    """Join rows that keep different numbers of pairs into one batch."""
    most = max(row.ids.shape[1] for row in rows)
    missing = [((0, 0), (most - row.ids.shape[1], 0)) for row in rows]
    return Kept(
        np.concatenate([np.pad(row.states, (*pad, (0, 0))) for row, pad in zip(rows, missing, strict=True)]),
        np.concatenate([np.pad(row.ids, pad, constant_values=-1) for row, pad in zip(rows, missing, strict=True)]),
        np.concatenate([row.last for row in rows]),
        np.concatenate([row.open for row in rows]),
    )
