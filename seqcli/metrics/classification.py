"""Scores of single-label classification: precision, recall and F1 over labels, ROC-AUC.

Each label has precision P = right / predicted, recall R = right / gold and F1 = 2 right / (predicted + gold), and
each is 0 if there is nothing to divide by. Over labels,

- macro: the mean over the labels that the model knows and that are gold or predicted anywhere, each counted once
  (macro F1 is the mean of F1s, not the F1 of the mean P and R);
- weighted: the mean weighted by how often each label is gold;
- micro: P, R and F1 of the sums of all counts.

A gold label that the model does not know can never be predicted. It is wrong like any other, so it counts in the
weighted and micro means; a macro mean excludes it, because it would describe the data and not the model. With one
label a text, micro F1 and weighted recall equal the accuracy. In terms of scikit-learn's `labels=`, macro has the
known labels that occur, the others every label that occurs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from seqcli.metrics import BaseMetric, Offer, accuracy, cross_entropy
from seqcli.metrics.accuracy import Confusion, LabelScore

AVERAGES = {
    "macro-f1": Offer("share", True, "mean F1 of the known labels that are gold or predicted somewhere"),
    "macro-precision": Offer("share", True, "mean precision of the same labels"),
    "macro-recall": Offer("share", True, "mean recall of the same labels"),
    "weighted-f1": Offer("share", True, "mean F1 of the labels, weighted by how often each is gold"),
    "weighted-precision": Offer("share", True, "mean precision, weighted likewise"),
    "weighted-recall": Offer("share", True, "mean recall, weighted likewise"),
    "micro-f1": Offer("share", True, "F1 of the counts of all labels together"),
    "micro-precision": Offer("share", True, "multi-label: the share of the chosen labels that are right"),
    "micro-recall": Offer("share", True, "multi-label: the share of the gold labels that are chosen"),
}
TINY = float(np.finfo(np.float64).tiny)  # replaces a probability of 0 in cross-entropy: 708 nats, not infinity


@dataclass
class Metric(BaseMetric):
    """Counts over texts with one label each; `labels` are the model's K, in the order of its columns."""

    OFFERS: ClassVar = {
        "accuracy": accuracy.Metric.OFFERS["accuracy"],
        **cross_entropy.Metric.OFFERS,
        **{name: offer for name, offer in AVERAGES.items() if name not in ("micro-precision", "micro-recall")},
        "roc-auc": Offer(
            "share",
            True,
            "two classes: P(a text of one gets more of its probability than one of the other), ties half",
        ),
    }

    labels: Sequence[str] = ()
    _pairs: accuracy.Metric = field(default_factory=accuracy.Metric)
    _nats: float = 0.0
    _known: int = 0  # texts whose gold label the model knows
    _scores: list[np.ndarray] = field(default_factory=list)  # of two classes: complex (n,), see `update`
    _positive: list[np.ndarray] = field(default_factory=list)  # whether the gold label is the second class

    def __post_init__(self) -> None:
        self._index = {label: k for k, label in enumerate(self.labels)}

    @property
    def count(self) -> int:
        """N, the number of texts."""
        return self._pairs.counts()[1]

    def update(self, probabilities: ArrayLike, gold: Sequence[str], predicted: Sequence[str] | None = None) -> None:
        """Add N texts: probabilities (N, K), gold labels (N,), and predicted ones (N,) if they are not the most
        probable (ties by order).

        A gold label that the model does not know is never right. Raises ValueError if shapes differ, the model does
        not have a predicted label, or a probability is not a number.
        """
        p = np.asarray(probabilities, np.float64)
        if p.ndim != 2 or p.shape != (len(gold), len(self.labels)):
            raise ValueError(f"probabilities {p.shape} for {len(gold)} gold of {len(self.labels)} labels")
        if not (p >= 0).all():
            raise ValueError("a probability is not a number, or below 0")
        if not len(gold):
            return
        best: list[int] = p.argmax(axis=1).tolist()
        found = [self.labels[k] for k in best] if predicted is None else predicted
        if len(found) != len(gold) or not self._index.keys() >= set(found):
            raise ValueError(f"predicted labels must be among the {len(self.labels)} of the model, one a text")
        self._pairs.update(found, gold)
        ids = np.array([self._index.get(label, -1) for label in gold])
        known = np.flatnonzero(ids >= 0)
        self._nats -= float(np.log(np.maximum(p[known, ids[known]], TINY)).sum())
        self._known += len(known)
        if len(self.labels) == 2:
            # complex numbers are ordered by their real part, then the imaginary one: among texts whose second class
            # has a probability rounded to 1, that of the first class decides
            self._scores.append(p[known, 1] - 1j * p[known, 0])
            self._positive.append(ids[known] == 1)

    def result(self) -> dict[str, float]:
        """Return every metric of OFFERS (cross-entropy over texts whose label the model knows); none before the first
        text, `roc-auc` only if both of two classes occur."""
        if not self.count:
            return {}
        labels, pairs = self.confusion()
        counts = np.stack([pairs.diagonal(), pairs.sum(axis=0), pairs.sum(axis=1)])
        found = {"accuracy": self._pairs.result()["accuracy"]}
        if self._known:
            found["cross-entropy"] = self._nats / self._known
        means = averages(counts, [label in self._index for label in labels])
        found |= {name: float(value) for name, value in means.items() if name in self.OFFERS}
        if self._positive:
            area = roc_auc(np.concatenate(self._scores), np.concatenate(self._positive))
            found |= {} if area is None else {"roc-auc": area}
        return found

    def confusion(self) -> Confusion:
        """Return how often each gold label was predicted as each; unknown gold labels are rows (and empty columns)
        too."""
        return self._pairs.confusion()

    def per_label(self) -> dict[str, LabelScore]:
        """Return precision, recall, F1 and support of every label that is gold or predicted anywhere, sorted."""
        return self._pairs.per_label()


def averages(counts: ArrayLike, known: ArrayLike | None = None) -> dict[str, np.ndarray]:
    """Return the macro, weighted and micro means, each (...), by name, of counts (..., 3, K): how often each label is
    right, predicted and gold. `known` (K,) bool are the labels that macro means may include, by default all."""
    right, predicted, gold = np.moveaxis(np.asarray(counts, np.float64), -2, 0)
    taken = (predicted + gold > 0) & (True if known is None else np.asarray(known, bool))
    found: dict[str, np.ndarray] = {}
    for name, part, whole in (
        ("f1", 2 * right, predicted + gold),
        ("precision", right, predicted),
        ("recall", right, gold),
    ):
        each = divide(part, whole)
        found[f"macro-{name}"] = divide((each * taken).sum(axis=-1), taken.sum(axis=-1))
        found[f"weighted-{name}"] = divide((each * gold).sum(axis=-1), gold.sum(axis=-1))
        found[f"micro-{name}"] = divide(part.sum(axis=-1), whole.sum(axis=-1))
    return {name: found[name] for name in AVERAGES}


def one_hot(names: Sequence[str], labels: Sequence[str]) -> np.ndarray:
    """Return (N, K) bool, which of K labels each of N texts has; none if its name is not a label."""
    index = {label: k for k, label in enumerate(labels)}
    return np.array([index.get(name, -1) for name in names], np.int64)[:, None] == np.arange(len(labels))


def contributions(chosen: ArrayLike, gold: ArrayLike) -> np.ndarray:
    """Return (N, 3K) bool, what each text adds to the counts of `averages`, from labels (N, K) bool; for `paired`."""
    c, g = np.asarray(chosen, bool), np.asarray(gold, bool)
    return np.concatenate([c & g, c, g], axis=1)


def statistic(name: str, known: ArrayLike | None = None) -> Callable[[np.ndarray], np.ndarray]:
    """Return a mean of `averages` as a function of sums (R, 3K) of `contributions` -> (R,); for `paired`."""
    return lambda sums: averages(sums.reshape(len(sums), 3, -1), known)[name]


def roc_auc(scores: ArrayLike, positive: ArrayLike) -> float | None:
    """Return the share of pairs of a positive and a negative in which the positive has the higher score, ties counted
    half: the area under the ROC curve (Hanley and McNeil 1982), by ranks. Scores (N,), positive (N,) bool; None
    without a positive and a negative. Raises ValueError if shapes differ."""
    s, was = np.asarray(scores), np.asarray(positive, bool)
    if s.ndim != 1 or s.shape != was.shape:
        raise ValueError(f"scores {s.shape} for {was.shape}")
    _, which = np.unique(s, return_inverse=True)
    good = np.bincount(which[was], minlength=which.max(initial=-1) + 1)
    bad = np.bincount(which[~was], minlength=len(good))
    pairs = int(good.sum()) * int(bad.sum())
    if not pairs:
        return None
    # twice the pairs won, in integers: the pairs with a lower negative, and half of those with an equal one
    return int((good * (2 * (bad.cumsum() - bad) + bad)).sum()) / (2 * pairs)


def divide(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return part / whole, 0 where there is nothing to divide by."""
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)
