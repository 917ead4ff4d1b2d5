"""Choose the best of several answers by a weighted sum of scores, and fit the weights to a metric.

Minimum error rate training (Och 2003). Along a line of weights w + x d the sum of an answer's scores is a straight
line in x, and the best of a list changes at the corners of the upper envelope of its answers' lines. Between the
corners of all lists nothing changes: a metric that is a function of sums over lists is a step function of x, known
exactly, and the best step is found without a step width. Such searches go along each score's own axis and along
random directions, from several starting points, until none finds a better value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

UNHEARD = -20.0  # nats for a symbol that a language model does not have
BEGINNINGS, ROUNDS, DIGITS = 8, 30, 6  # random starting points; most searches from each; digits of a weight
WIDTH, FAR = 1e-6, 1e3  # the narrowest step that is chosen; where unbounded steps are cut


def totals(features: np.ndarray, weights: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return weighted sums (...) of features (..., F), added in order: the same bits in any shape."""
    total = np.zeros(features.shape[:-1])
    for i, weight in enumerate(weights):
        total += float(weight) * features[..., i]
    return total


def ranked(features: np.ndarray, weights: Sequence[float] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices (K,) of a list's answers with features (K, F), best first, ties in order, and their totals
    in that order."""
    total = totals(features, weights)
    order = np.argsort(-total, kind="stable")
    return order, total[order]


@dataclass(frozen=True)
class Lists:
    """Lists with the counts of each answer for the metric: L lists of at most K answers, F features, C counts."""

    features: np.ndarray  # (L, K, F)
    counts: np.ndarray  # (L, K, C)
    real: np.ndarray  # (L, K): whether the answer exists
    metric: Callable[[np.ndarray], np.ndarray]  # sums of counts (R, C) -> (R,), more is better

    @classmethod
    def of(cls, lists: Sequence[tuple[np.ndarray, np.ndarray]], metric: Callable[[np.ndarray], np.ndarray]) -> Lists:
        """Make lists from (features (K, F), counts (K, C)) of each, none of them empty."""
        longest, (first, counted) = max(len(features) for features, _ in lists), lists[0]
        features = np.zeros((len(lists), longest, first.shape[1]))
        counts = np.zeros((len(lists), longest, counted.shape[1]))
        real = np.zeros((len(lists), longest), bool)
        for i, (own, counted) in enumerate(lists):
            features[i, : len(own)], counts[i, : len(own)], real[i, : len(own)] = own, counted, True
        return cls(features, counts, real, metric)

    def value(self, weights: Sequence[float] | np.ndarray) -> float:
        """Return the metric of the best answers by these weights; without weights, of the first answers."""
        best = np.where(self.real, totals(self.features, weights), -np.inf).argmax(axis=1)
        return float(self.metric(self.counts[np.arange(len(best)), best].sum(axis=0, keepdims=True))[0])

    def along(self, weights: np.ndarray, direction: np.ndarray) -> tuple[float, float]:
        """Return (value, x) of the best step of the metric at weights + x direction; of equal steps the widest."""
        at, lists, left, right = corners(totals(self.features, weights), totals(self.features, direction), self.real)
        starts = _lowest(totals(self.features, weights), totals(self.features, direction), self.real)
        sums = self.counts[np.arange(len(starts)), starts].sum(axis=0, keepdims=True)
        order = np.argsort(at, kind="stable")
        moved = np.cumsum((self.counts[lists, right] - self.counts[lists, left])[order], axis=0)
        values = self.metric(np.concatenate([sums, sums + moved]))
        edges = np.concatenate([[-FAR], np.clip(at[order], -FAR, FAR), [FAR]])
        widths = np.diff(edges)
        steps = np.flatnonzero(widths > WIDTH)
        best = steps[np.lexsort((widths[steps], values[steps]))[-1]]
        return float(values[best]), float((edges[best] + edges[best + 1]) / 2)


def _lowest(a: np.ndarray, b: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Return the best answer (L,) of each list for x below all corners."""
    slope = np.where(real, b, np.inf)
    return np.where(slope == slope.min(axis=1, keepdims=True), a, -np.inf).argmax(axis=1)


def corners(a: np.ndarray, b: np.ndarray, real: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return where the best answer of a list changes: (x, list, the best before, the best after), each (N,), for
    totals a + x b (L, K); the corners of a list are in ascending order of x."""
    rows, best, found = np.arange(len(a)), _lowest(a, b, real), []
    before = np.full(len(a), -np.inf)
    while True:
        rise = np.where(real, b - b[rows, best][:, None], 0.0)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            at = np.where(rise > 0, (a[rows, best][:, None] - a) / rise, np.inf)
        least = at.min(axis=1)
        going = np.flatnonzero(np.isfinite(least))
        if not len(going):
            break
        to = np.where(at == least[:, None], b, -np.inf).argmax(axis=1)
        before = np.maximum(before, least)  # by rounding a corner may seem to precede the last one
        found.append((before[going], going, best[going], to[going]))
        best[going] = to[going]
    if not found:
        return np.zeros(0), *(np.zeros(0, np.int64) for _ in range(3))
    return tuple(np.concatenate(part) for part in zip(*found, strict=True))


class Fitted(NamedTuple):
    """Weights (F,), the largest of them 1 or -1, and the metric with them."""

    weights: list[float]
    value: float


def fit(lists: Lists, start: Sequence[float], seed: int = 1) -> Fitted:
    """Return the weights with the best metric found by searches from `start` and from random starting points, never
    worse than `start`. The same arguments give the same weights."""
    rng, size = np.random.default_rng(seed), len(start)
    own = (
        lists.features
        - (lists.features * lists.real[:, :, None]).sum(1, keepdims=True) / lists.real.sum(1)[:, None, None]
    )
    spread = own[lists.real].std(axis=0)  # within lists: what all answers of a list share does not matter
    spread = np.where(spread > 0, spread, 1.0)
    best = Fitted(_rounded(np.array(start, float)), lists.value(_rounded(np.array(start, float))))
    for beginning in [np.array(start, float), *(rng.normal(size=(BEGINNINGS, size)) / spread)]:
        weights = _climbed(lists, beginning, spread, rng)
        found = Fitted(_rounded(weights), lists.value(_rounded(weights)))
        best = found if found.value > best.value else best
    return best


def _climbed(lists: Lists, weights: np.ndarray, spread: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return weights from which no direction that was tried leads to better ones."""
    size, value = len(weights), lists.value(weights)
    for _ in range(ROUNDS):
        directions = np.concatenate([np.eye(size), rng.normal(size=(size, size))]) / spread
        found = [(*lists.along(weights, direction), i) for i, direction in enumerate(directions)]
        reached, x, i = max(found, key=lambda one: one[0])
        if reached <= value + 1e-12:
            break
        weights, value = weights + x * directions[i], reached
        weights = weights / max(np.abs(weights * spread).max(), 1e-300)
    return weights


def _rounded(weights: np.ndarray) -> list[float]:
    """Return weights as they are written: scaled so that the largest is 1 or -1, and rounded."""
    return [float(f"{w:.{DIGITS}g}") for w in weights / max(np.abs(weights).max(), 1e-300)]
