"""How far probabilities can be believed: expected calibration error and Brier score.

The confidences p_n in (0, 1] are put into bins of equal width, each open below and closed above (0 belongs to the
lowest). With n_b of N confidences in bin b, their mean conf_b and the share acc_b of them that were right,

    ECE = sum_b n_b / N |acc_b - conf_b|

(Naeini, Cooper and Hauskrecht 2015; Guo et al. 2017). Fifteen bins unless told otherwise: the figure depends on it.
Brier score: mean over tokens of sum_k (p_k - [k = gold])^2, between 0 and 2 (Brier 1950).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from seqcli.metrics import Offer

BINS = 15

OFFERS = {
    "calibration-error": Offer("share", False, f"sum_b n_b / N |acc_b - conf_b| over {BINS} bins of equal width"),
    "brier": Offer("squared", False, "mean over tokens of sum_k (p_k - [k = gold])^2, from 0 to 2"),
}


class Bin(NamedTuple):
    """The confidences above `low` and up to `high`."""

    low: float
    high: float
    count: int
    confidence: float  # their mean; 0 in an empty bin
    accuracy: float  # the share that was right; 0 in an empty bin


@dataclass
class Metric:
    """Sums over predictions: of labels (`update`) or of events such as spans (`update_events`), not both."""

    bins: int = BINS
    _squares: float = 0.0
    _counts: np.ndarray = field(init=False)  # (3, bins) float64: how many, their confidences, how many right

    def __post_init__(self) -> None:
        self._counts = np.zeros((3, self.bins))

    @property
    def count(self) -> int:
        """N: how many predictions."""
        return int(self._counts[0].sum())

    def update(self, probabilities: ArrayLike, gold: ArrayLike, predicted: ArrayLike | None = None) -> None:
        """Add T tokens: probabilities (T, K) that sum to 1, gold labels (T,), and predicted ones (T,) where they are
        not the most probable (the best sequence need not be made of the best labels).

        Labels are 0 .. K-1. A gold label below 0 is one that the model does not have: never right, and a label of
        probability 0 in the Brier score. Raises ValueError where shapes differ or K is too small.
        """
        p, g = np.asarray(probabilities, np.float64), np.asarray(gold, np.int64)
        if p.ndim != 2 or g.shape != p.shape[:1]:
            raise ValueError(f"probabilities {p.shape} for gold labels {g.shape}")
        if not len(g):
            return
        chosen = p.argmax(1) if predicted is None else np.asarray(predicted, np.int64)
        if chosen.shape != g.shape or max(chosen.max(), g.max()) >= p.shape[1] or chosen.min() < 0:
            raise ValueError(f"labels must lie in 0 .. {p.shape[1] - 1}, one a token")
        rows = np.arange(len(g))
        of_gold = np.where(g < 0, 0.0, p[rows, g])
        # sum_k (p_k - [k = gold])^2 = sum_k p_k^2 - 2 p_gold + 1
        self._squares += float(((p * p).sum(1) - 2 * of_gold + 1).sum())
        self._add(p[rows, chosen], chosen == g)

    def update_events(self, probabilities: ArrayLike, happened: ArrayLike) -> None:
        """Add N events, such as predicted spans: how probable each was (N,), and whether it was so (N,), bool.

        The Brier score is then the mean of (p - [happened])^2, from 0 to 1. Raises ValueError where shapes differ.
        """
        p, was = np.asarray(probabilities, np.float64), np.asarray(happened, bool)
        if p.ndim != 1 or p.shape != was.shape:
            raise ValueError(f"probabilities {p.shape} for events {was.shape}")
        self._squares += float(((p - was) ** 2).sum())
        self._add(p, was)

    def _add(self, confidences: np.ndarray, right: np.ndarray) -> None:
        edges = np.arange(1, self.bins) / self.bins
        where = np.searchsorted(edges, confidences)  # closed above
        for row, weights in zip(self._counts, (None, confidences, right), strict=True):
            row += np.bincount(where, weights, self.bins)

    def reliability(self) -> list[Bin]:
        """Every bin in order: what a reliability diagram shows."""
        counts = np.maximum(self._counts[0], 1)
        means = (self._counts / counts).tolist()
        return [
            Bin(i / self.bins, (i + 1) / self.bins, int(count), means[1][i], means[2][i])
            for i, count in enumerate(self._counts[0].tolist())
        ]

    def result(self) -> dict[str, float]:
        """Every metric of OFFERS, if there was anything to predict."""
        if not self.count:
            return {}
        _, confidences, right = self._counts
        return {
            "calibration-error": float(np.abs(right - confidences).sum() / self.count),
            "brier": self._squares / self.count,
        }


def threshold_for(found: Sequence[tuple[float, bool]], precision: float) -> tuple[float, float, float] | None:
    """The least threshold at which answers at least so probable are right to a `precision`: (threshold, the precision
    there, the share of answers kept); None where none does. `found` are (probability, whether right)."""
    ordered = sorted(found, reverse=True)
    right, best = 0, None
    for n, (p, good) in enumerate(ordered, 1):
        right += good
        tied = n < len(ordered) and ordered[n][0] == p
        if not tied and right / n >= precision:
            best = (p, right / n, n / len(ordered))
    return best
