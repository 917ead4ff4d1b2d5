"""A neural cache: what followed where the model was in like states (Grave et al. 2017, "Improving neural language
models with a continuous cache").

It keeps the last N pairs of what the softmax read and the token that came then. After h the token w has the
probability Σ_i [x_i = w] exp(θ h·h_i) / Σ_i exp(θ h·h_i), of the kept pairs (h_i, x_i): θ says how sharply like
states are told from others. Each row of a batch has its own, computed by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

BLOCK = 256  # time steps compared with what was kept at once: bounds the memory


class Kept(NamedTuple):
    """What each of B rows keeps. `ids` is -1 where a row has fewer pairs than others."""

    states: np.ndarray  # (B, n, H)
    ids: np.ndarray  # (B, n)
    last: np.ndarray  # (B, H): what the softmax read last
    open: np.ndarray  # (B,): whether its token is not known yet


@dataclass(frozen=True)
class Cache:
    """How many pairs are kept, and how sharply they are told apart."""

    size: int  # N
    flatness: float = 0.3  # θ

    def begin(self, batch: int, width: int) -> Kept:
        """Nothing kept."""
        states, ids = np.zeros((batch, 0, width), np.float32), np.zeros((batch, 0), np.int64)
        return Kept(states, ids, np.zeros((batch, width), np.float32), np.zeros(batch, bool))

    def _with(self, kept: Kept, states: np.ndarray, ids: np.ndarray) -> Kept:
        """With more pairs (B, t); the oldest go."""
        states = np.concatenate([kept.states, states], axis=1)[:, -self.size :]
        ids = np.concatenate([kept.ids, ids], axis=1)[:, -self.size :]
        return Kept(states, ids, kept.last, np.zeros_like(kept.open))

    def feed(self, kept: Kept, ids: np.ndarray) -> Kept:
        """What follows the last state is known now: ids (B,)."""
        if not kept.open.any():
            return kept
        return self._with(kept, kept.last[:, None], np.where(kept.open, ids, -1)[:, None])

    def read(self, kept: Kept, states: np.ndarray, ids: np.ndarray) -> Kept:
        """More states (B, T, H), and the ids (B, T - 1) between them."""
        kept = self._with(kept, states[:, :-1], ids)
        return kept._replace(last=states[:, -1], open=np.ones_like(kept.open))

    def score(self, kept: Kept, states: np.ndarray, ids: np.ndarray) -> tuple[np.ndarray, Kept]:
        """log p (B, T) in nats of each id (B, T) after its state (B, T, H): -inf where no kept pair has it, nan where
        nothing is kept; then they are kept too."""
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
        """p (B, V) of what follows the last state, float64; nan where nothing is kept."""
        found = np.full((len(kept.ids), size), np.nan)
        for row, (states, ids, last, _) in enumerate(zip(*kept, strict=True)):
            own = ids >= 0
            if own.any():
                likeness = self.flatness * (states[own] @ last).astype(np.float64)
                weights = np.exp(likeness - likeness.max())
                found[row] = np.bincount(ids[own], weights, size) / weights.sum()
        return found


def side_by_side(rows: list[Kept]) -> Kept:
    """Rows that keep different numbers of pairs as one."""
    most = max(row.ids.shape[1] for row in rows)
    missing = [((0, 0), (most - row.ids.shape[1], 0)) for row in rows]
    return Kept(
        np.concatenate([np.pad(row.states, (*pad, (0, 0))) for row, pad in zip(rows, missing, strict=True)]),
        np.concatenate([np.pad(row.ids, pad, constant_values=-1) for row, pad in zip(rows, missing, strict=True)]),
        np.concatenate([row.last for row in rows]),
        np.concatenate([row.open for row in rows]),
    )
