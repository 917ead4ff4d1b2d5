"""Calibration of probabilities: expected calibration error and Brier score.

The confidences p_n in (0, 1] are put into bins of equal width, each open below and closed above (0 is in the lowest
one). With n_b of N confidences in bin b, their mean conf_b and the share acc_b of them that were right,

    ECE = sum_b n_b / N |acc_b - conf_b|

(Naeini, Cooper and Hauskrecht 2015; Guo et al. 2017). The default is fifteen bins; the figure depends on it.
Brier score: mean over tokens of sum_k (p_k - [k = gold])^2, between 0 and 2 (Brier 1950).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from seqcli.metrics import BaseMetric, Offer

BINS = 15


class Bin(NamedTuple):
    """A bin: the confidences above `low` and up to `high`."""

    low: float
    high: float
    count: int
    confidence: float  # their mean; 0 in an empty bin
    accuracy: float  # the share of them that were right; 0 in an empty bin


@dataclass
class Metric(BaseMetric):
    """Sums over predictions, either of labels or of events such as spans."""

    OFFERS: ClassVar = {
        "calibration-error": Offer("share", False, f"sum_b n_b / N |acc_b - conf_b| over {BINS} bins of equal width"),
        "brier": Offer("squared", False, "mean over tokens of sum_k (p_k - [k = gold])^2, from 0 to 2"),
    }

    bins: int = BINS
    _squares: float = 0.0
    _counts: np.ndarray = field(init=False)  # (3, bins) float64: how many, their confidences, how many right

    def __post_init__(self) -> None:
        self._counts = np.zeros((3, self.bins))
        self._edges = np.arange(1, self.bins) / self.bins

    @property
    def count(self) -> int:
        """N, the number of predictions."""
        return int(self._counts[0].sum())

    def update(self, probabilities: ArrayLike, truth: ArrayLike, chosen: ArrayLike | None = None) -> None:
        """Add T tokens: probabilities (T, K) that sum to 1, gold labels (T,), and predicted ones (T,) if they are not
        the most probable (the best sequence need not consist of the best labels).

        Labels are 0 .. K-1. A gold label below 0 is one that the model does not have: never right, and a label of
        probability 0 in the Brier score. If `truth` has the shape of the probabilities, they are of events, such as
        predicted spans, and it says which occurred; the Brier score is then the mean of (p - [it occurred])^2, from 0
        to 1. Raises ValueError if shapes differ or K is too small.
        """
        p, g = np.asarray(probabilities, np.float64), np.asarray(truth)
        if p.shape == g.shape:
            was = g.ravel().astype(bool)
            self._squares += float(((p.ravel() - was) ** 2).sum())
            self._add(p.ravel(), was)
            return
        if p.ndim != 2 or g.shape != p.shape[:1]:
            raise ValueError(f"probabilities {p.shape} for gold labels {g.shape}")
        if not len(g):
            return
        best = p.argmax(1) if chosen is None else np.asarray(chosen, np.int64)
        if best.shape != g.shape or max(best.max(), g.max()) >= p.shape[1] or best.min() < 0:
            raise ValueError(f"labels must lie in 0 .. {p.shape[1] - 1}, one a token")
        rows = np.arange(len(g))
        of_gold = np.where(g < 0, 0.0, p[rows, g])
        # sum_k (p_k - [k = gold])^2 = sum_k p_k^2 - 2 p_gold + 1
        self._squares += float(((p * p).sum(1) - 2 * of_gold + 1).sum())
        self._add(p[rows, best], best == g)

    def _add(self, confidences: np.ndarray, right: np.ndarray) -> None:
        where = self._edges.searchsorted(confidences)  # closed above
        for row, weights in zip(self._counts, (None, confidences, right), strict=True):
            row += np.bincount(where, weights, self.bins)

    def reliability(self) -> list[Bin]:
        """Return all bins in order, for a reliability diagram."""
        counts = np.maximum(self._counts[0], 1)
        means = (self._counts / counts).tolist()
        return [
            Bin(i / self.bins, (i + 1) / self.bins, int(count), means[1][i], means[2][i])
            for i, count in enumerate(self._counts[0].tolist())
        ]

    def result(self) -> dict[str, float]:
        """Return every metric of OFFERS, if there was anything to predict."""
        if not self.count:
            return {}
        _, confidences, right = self._counts
        return {
            "calibration-error": float(np.abs(right - confidences).sum() / self.count),
            "brier": self._squares / self.count,
        }


def threshold_for(found: Sequence[tuple[float, bool]], precision: float) -> tuple[float, float, float] | None:
    """Return the lowest threshold at which answers at least that probable reach a `precision`: (threshold, the
    precision there, the share of answers kept); None if none does. `found` are (probability, whether right)."""
    ordered = sorted(found, reverse=True)
    right, best = 0, None
    for n, (p, good) in enumerate(ordered, 1):
        right += good
        tied = n < len(ordered) and ordered[n][0] == p
        if not tied and right / n >= precision:
            best = (p, right / n, n / len(ordered))
    return best
