"""Scores of multi-label classification: exact matches, single decisions, means over texts and over labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from seqcli.metrics import BaseMetric, Offer, cross_entropy
from seqcli.metrics.accuracy import LabelScore
from seqcli.metrics.classification import AVERAGES, TINY, averages, divide


@dataclass
class Metric(BaseMetric):
    """Counts over texts with any number of labels each; `labels` are the model's K, in the order of its columns."""

    OFFERS: ClassVar = {
        "subset-accuracy": Offer("share", True, "multi-label: texts with exactly the gold labels"),
        "hamming-loss": Offer("share", False, "multi-label: decisions, one a text and label, that are wrong"),
        **cross_entropy.Metric.OFFERS,
        "samples-f1": Offer("share", True, "multi-label: mean over texts of F1 of their labels; none and none is 1"),
        **AVERAGES,
    }

    labels: Sequence[str] = ()
    count: int = 0  # N, the number of texts
    _nats: float = 0.0
    _mistakes: int = 0
    _exact: int = 0
    _samples: float = 0.0
    _unknown: Counter[str] = field(default_factory=Counter)  # gold labels that the model does not know

    def __post_init__(self) -> None:
        self._counts = np.zeros((3, len(self.labels)), np.int64)  # right, predicted, gold

    def update(
        self,
        probabilities: ArrayLike,
        truth: ArrayLike,
        chosen: ArrayLike | None = None,
        unknown_labels: Sequence[Collection[str]] | None = None,
    ) -> None:
        """Add N texts: probabilities (N, K), gold and chosen labels (N, K) bool, and for each text the distinct gold
        labels that the model does not know. Without `chosen`, labels of at least 0.5 are chosen.

        Raises ValueError if shapes differ, or a probability is not a number.
        """
        p, g = np.asarray(probabilities, np.float64), np.asarray(truth, bool)
        c = p >= 0.5 if chosen is None else np.asarray(chosen, bool)
        lost = [set(names) for names in unknown_labels] if unknown_labels is not None else [set()] * len(p)
        if p.ndim != 2 or p.shape[1] != len(self.labels) or not p.shape == g.shape == c.shape or len(lost) != len(p):
            raise ValueError(
                f"probabilities {p.shape}, gold {g.shape} and chosen {c.shape} of {len(self.labels)} labels, "
                f"unknown ones of {len(lost)} texts"
            )
        if not ((p >= 0) & (p <= 1)).all():
            raise ValueError("a probability is not a number from 0 to 1")
        extra = np.array([len(names) for names in lost], np.int64)
        wrong = (g != c).sum(axis=1) + extra
        self.count += len(p)
        self._nats -= float(np.log(np.maximum(np.where(g, p, 1 - p), TINY)).sum())
        self._mistakes += int(wrong.sum())
        self._exact += int((wrong == 0).sum())
        self._samples += float(samples_f1(c, g, extra).sum())
        self._counts += np.stack([(g & c).sum(axis=0), c.sum(axis=0), g.sum(axis=0)])
        for names in lost:
            self._unknown.update(names)

    def result(self) -> dict[str, float]:
        """Return every metric of OFFERS (cross-entropy: the sum over known labels); none before the first text."""
        if not self.count:
            return {}
        lost = np.array([[0, 0, n] for n in self._unknown.values()], np.int64).reshape(-1, 3).T
        known = [True] * len(self.labels) + [False] * len(self._unknown)
        decisions = self.count * len(known)
        return {
            "subset-accuracy": self._exact / self.count,
            "hamming-loss": self._mistakes / decisions if decisions else 0.0,
            "cross-entropy": self._nats / self.count,
            "samples-f1": self._samples / self.count,
            **{name: float(v) for name, v in averages(np.hstack([self._counts, lost]), known).items()},
        }

    def per_label(self) -> dict[str, LabelScore]:
        """Return precision, recall, F1 and support of every label that is gold or chosen anywhere, sorted."""
        found = {label: LabelScore.of(0, 0, n) for label, n in self._unknown.items()}
        for label, (right, predicted, gold) in zip(self.labels, self._counts.T.tolist(), strict=True):
            if predicted or gold:
                found[label] = LabelScore.of(right, predicted, gold)
        return dict(sorted(found.items()))


def samples_f1(chosen: ArrayLike, gold: ArrayLike, unknown: ArrayLike = 0) -> np.ndarray:
    """Return F1 of each text's labels (N,), from (N, K) bool and the number of gold labels that the model does not
    know, (N,). It is 1 for a text without gold and chosen labels."""
    c, g = np.asarray(chosen, bool), np.asarray(gold, bool)
    whole = c.sum(axis=1) + g.sum(axis=1) + np.asarray(unknown)
    return np.where(whole == 0, 1.0, divide(2 * (c & g).sum(axis=1), whole))


def best_thresholds(probabilities: ArrayLike, gold: ArrayLike) -> np.ndarray:
    """Return the thresholds (K,) float64 that maximise each label's F1 if it is chosen at p >= threshold, from
    probabilities (N, K) and gold labels (N, K) bool of texts that the model was not trained on.

    Each lies midway between neighbouring probabilities (the lowest: between the least one and 0). Among cuts with
    equal F1 the highest is taken, which chooses fewest; a label that is never gold has 0.5. Raises ValueError if
    shapes differ, or a probability is not a number.
    """
    p, g = np.asarray(probabilities, np.float64), np.asarray(gold, bool)
    if p.ndim != 2 or p.shape != g.shape or not (p >= 0).all():
        raise ValueError(f"probabilities {p.shape} for gold {g.shape}, all numbers from 0 to 1")
    found = np.full(p.shape[1], 0.5)
    for k in np.flatnonzero(g.any(axis=0)).tolist():
        order = np.argsort(-p[:, k])
        falling = p[order, k]
        below = np.append(falling[1:], 0.0)  # the next probability under each
        cuts = np.flatnonzero(np.append(falling[1:] != falling[:-1], True))  # ties are chosen together
        f1 = 2 * g[order, k].cumsum()[cuts] / (cuts + 1 + g[:, k].sum())  # equal ratios are equal floats
        cut = cuts[f1.argmax()]  # the first of ties: the highest threshold
        middle = (falling[cut] + below[cut]) / 2
        found[k] = middle if middle > below[cut] else falling[cut]  # no number lies between
    return found
