"""The recursion of a linear chain over a padded batch, in log space: sums over paths, or the best path.

It uses no BLAS, and reduces in a fixed order, so that a sentence's result does not depend on the rest of the batch,
to the last bit. Arrays are (T, K, B), the batch last, so that a step's work is contiguous over the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

Step = Callable[[np.ndarray], np.ndarray]  # (K, n) of one token -> (K, n) of the next: over the paths between them

_LOST = 1e-280  # a sum of products above this has lost less than one part in 1e20 to underflow


def recursion(
    emissions: np.ndarray, first: np.ndarray, step: Step, longer: np.ndarray, times: Iterable[int]
) -> np.ndarray:
    """Return x_t = emissions_t + step(x of the previous token), and emissions_t + first where a sentence begins:
    (T, K, B).

    emissions (T, K, B), first (K,), longest sentence first; longer (T,): how many sentences have more than t tokens.
    `times` runs from 0 up, or down to 0: then sentences begin at their ends. Beyond a length x is 0.
    """
    out = np.zeros_like(emissions)
    x = out[0, :, :0] if len(out) else out
    for t in times:
        now = longer[t]
        going = min(x.shape[1], now)
        row = out[t, :, :now]
        if going:
            row[:, :going] = step(x[:, :going])
        if going < now:
            row[:, going:] = first[:, None]
        row += emissions[t, :, :now]
        x = row
    return out


class _Room:
    """Memory for (K, K, n) numbers in C order, kept between steps. Reductions over its first axis go in order for any
    n (NumPy sums a contiguous axis in another order)."""

    def __init__(self) -> None:
        self._flat = np.empty(0)

    def of(self, x: np.ndarray) -> np.ndarray:
        K, n = x.shape
        if len(self._flat) < K * K * n:
            self._flat = np.empty(K * K * n)
        return self._flat[: K * K * n].reshape(K, K, n)


def best(transitions: np.ndarray) -> Step:
    """Return the step max over i of x_i + transitions[i, j]."""
    moves, room = np.ascontiguousarray(transitions)[:, :, None], _Room()

    def step(x: np.ndarray) -> np.ndarray:
        return np.add(x[:, None], moves, out=room.of(x)).max(axis=0)

    return step


def total(transitions: np.ndarray) -> Step:
    """Return the step log Σ_i exp(x_i + transitions[i, j]).

    It is computed as a product of probabilities, which takes K exps instead of K²; the few entries whose terms are so
    small that the product loses them are summed in log space.
    """
    top = transitions.max(initial=-np.inf)
    moves, room = np.ascontiguousarray(np.exp(transitions - top))[:, :, None], _Room()
    into = np.ascontiguousarray(transitions.T)  # (K, K) [to, from]

    def step(x: np.ndarray) -> np.ndarray:
        highest = x.max(axis=0)
        p = np.exp(x - highest)
        sums = np.multiply(p[:, None], moves, out=room.of(x)).sum(axis=0)
        if sums.min() >= _LOST:
            return np.log(sums) + (highest + top)
        lost = sums < _LOST
        sums[lost] = 1.0
        out = np.log(sums) + (highest + top)
        to, column = np.nonzero(lost)
        out[lost] = log_sum(np.ascontiguousarray(x.T)[column] + into[to])
        return out

    return step


def log_sum(x: np.ndarray) -> np.ndarray:
    """Return log Σ exp over the last axis, (N, K) -> (N,); -inf if all elements are."""
    highest = x.max(axis=-1, initial=-np.inf)
    shift = np.where(np.isfinite(highest), highest, 0.0)
    with np.errstate(divide="ignore"):
        return np.log(np.exp(x - shift[:, None]).sum(axis=-1)) + shift
