"""How well texts are put into classes: precision, recall and F1 over labels, ROC-AUC; one label a text or several.

Each label has precision P = right / predicted, recall R = right / gold and F1 = 2 right / (predicted + gold), and
each is 0 where there is nothing to divide by. Over labels,

- macro: the mean over the labels that the model knows and that are gold or predicted somewhere, each counted once
  (macro F1 is the mean of F1s, not the F1 of the mean P and R);
- weighted: the mean weighted by how often each label is gold;
- micro: P, R and F1 of the sums of all counts.

A gold label that the model does not know can never be predicted. It is wrong like any other, so it counts in the
weighted and micro means; a macro mean leaves it out, since it would tell about the data and not about the model. With
one label a text, micro F1 and weighted recall are the accuracy. This is scikit-learn's `labels=`: the known labels
that occur for macro, every label that occurs for the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from seqcli.metrics import Offer, accuracy
from seqcli.metrics.accuracy import Confusion, LabelScore

OFFERS = {
    "macro-f1": Offer("share", True, "mean F1 of the known labels that are gold or predicted somewhere"),
    "macro-precision": Offer("share", True, "mean precision of the same labels"),
    "macro-recall": Offer("share", True, "mean recall of the same labels"),
    "weighted-f1": Offer("share", True, "mean F1 of the labels, weighted by how often each is gold"),
    "weighted-precision": Offer("share", True, "mean precision, weighted likewise"),
    "weighted-recall": Offer("share", True, "mean recall, weighted likewise"),
    "micro-f1": Offer("share", True, "F1 of the counts of all labels together"),
    "micro-precision": Offer("share", True, "multi-label: the share of the chosen labels that are right"),
    "micro-recall": Offer("share", True, "multi-label: the share of the gold labels that are chosen"),
    "roc-auc": Offer(
        "share", True, "two classes: P(a text of one gets more of its probability than one of the other), ties half"
    ),
    "subset-accuracy": Offer("share", True, "multi-label: texts with exactly the gold labels"),
    "hamming-loss": Offer("share", False, "multi-label: decisions, one a text and label, that are wrong"),
    "samples-f1": Offer("share", True, "multi-label: mean over texts of F1 of their labels; none and none is 1"),
}
MULTI_LABEL = frozenset({"micro-precision", "micro-recall", "subset-accuracy", "hamming-loss", "samples-f1"})

TINY = float(np.finfo(np.float64).tiny)  # what a probability of 0 counts as in cross-entropy: 708 nats, not infinity


@dataclass
class Metric:
    """Counts over texts with one label each; `labels` are the model's K, in the order of its columns."""

    labels: Sequence[str] = ()
    _pairs: accuracy.Metric = field(default_factory=accuracy.Metric)
    _nats: float = 0.0
    _known: int = 0  # texts whose gold label the model knows
    _scores: list[np.ndarray] = field(default_factory=list)  # of two classes: complex (n,), see `update`
    _positive: list[np.ndarray] = field(default_factory=list)  # whether the gold label is the second class

    def __post_init__(self) -> None:
        self._index = {label: k for k, label in enumerate(self.labels)}
        self._strange = "<unknown>"  # what a gold -1 is called
        while self._strange in self._index:
            self._strange = f"<{self._strange}>"

    @property
    def count(self) -> int:
        """N: how many texts."""
        return self._pairs.counts()[1]

    def update(
        self,
        probabilities: ArrayLike,
        gold: ArrayLike | Sequence[str],
        predicted: ArrayLike | Sequence[str] | None = None,
    ) -> None:
        """Add N texts: probabilities (N, K), gold labels (N,), and predicted ones (N,) where they are not the most
        probable (the first of equals).

        Labels are names or 0 .. K-1. A gold label that the model does not know is its own name, or below 0; it is
        never right. Raises ValueError where shapes differ, a label is none, or a probability is not a number.
        """
        p, (ids, names) = np.asarray(probabilities, np.float64), self._read(gold)
        if p.ndim != 2 or p.shape != (len(names), len(self.labels)):
            raise ValueError(f"probabilities {p.shape} for {len(names)} gold of {len(self.labels)} labels")
        if not (p >= 0).all():
            raise ValueError("a probability is not a number, or below 0")
        if not names:
            return
        chosen, found = self._read(p.argmax(axis=1) if predicted is None else predicted)
        if len(found) != len(names) or chosen.min() < 0:
            raise ValueError(f"predicted labels must be among the {len(self.labels)} of the model, one a text")
        self._pairs.update(found, names)
        known = np.flatnonzero(ids >= 0)
        self._nats -= float(np.log(np.maximum(p[known, ids[known]], TINY)).sum())
        self._known += len(known)
        if len(self.labels) == 2:
            # complex numbers are in order by their real part, then the imaginary one: where the second class has all
            # but a rounding error, so that many have 1, what is left to the first tells them apart
            self._scores.append(p[known, 1] - 1j * p[known, 0])
            self._positive.append(ids[known] == 1)

    def _read(self, given: Any) -> tuple[np.ndarray, list[str]]:
        """Labels as (ids, -1 for what the model does not know; names)."""
        values: list[Any] = given.tolist() if isinstance(given, np.ndarray) else list(given)
        if values and all(isinstance(value, str) for value in values):
            return np.array([self._index.get(value, -1) for value in values]), values
        ids = np.asarray(values, np.int64)
        if ids.ndim != 1 or (ids >= len(self.labels)).any():
            raise ValueError(f"labels must be names, or numbers below {len(self.labels)}, one a text")
        ids = np.maximum(ids, -1)
        return ids, [self.labels[int(k)] if k >= 0 else self._strange for k in ids]

    def result(self) -> dict[str, float]:
        """Every metric of OFFERS for one label a text, and `accuracy` and `cross-entropy` (nats a text, over those
        whose label the model knows); none before the first text, `roc-auc` only where both of two classes occur."""
        if not self.count:
            return {}
        labels, pairs = self.confusion()
        counts = np.stack([pairs.diagonal(), pairs.sum(axis=0), pairs.sum(axis=1)])
        found = {"accuracy": self._pairs.result()["accuracy"]}
        if self._known:
            found["cross-entropy"] = self._nats / self._known
        means = averages(counts, [label in self._index for label in labels])
        found |= {name: float(value) for name, value in means.items() if name not in MULTI_LABEL}
        if self._positive:
            area = roc_auc(np.concatenate(self._scores), np.concatenate(self._positive))
            found |= {} if area is None else {"roc-auc": area}
        return found

    def confusion(self) -> Confusion:
        """How often each gold label was taken for each; unknown gold labels are rows (and empty columns) too."""
        return self._pairs.confusion()

    def per_label(self) -> dict[str, LabelScore]:
        """Precision, recall, F1 and support of every label that is gold or predicted somewhere, sorted."""
        return self._pairs.per_label()


@dataclass
class MultiLabel:
    """Counts over texts with any number of labels each; `labels` are the model's K, in the order of its columns."""

    labels: Sequence[str] = ()
    count: int = 0  # N: how many texts
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
        gold: ArrayLike,
        chosen: ArrayLike | None = None,
        unknown: Sequence[Collection[str]] | None = None,
    ) -> None:
        """Add N texts: probabilities (N, K), gold and chosen labels (N, K) bool, and per text the different gold
        labels that the model does not know. Without `chosen`, labels of at least 0.5 are.

        Raises ValueError where shapes differ, or a probability is not a number.
        """
        p, g = np.asarray(probabilities, np.float64), np.asarray(gold, bool)
        c = p >= 0.5 if chosen is None else np.asarray(chosen, bool)
        lost = [set(names) for names in unknown] if unknown is not None else [set()] * len(p)
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
        """Every metric of OFFERS but `roc-auc`, and `cross-entropy` (nats a text: the sum over the known labels);
        none before the first text."""
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
        """Precision, recall, F1 and support of every label that is gold or chosen somewhere, sorted."""
        found = {label: LabelScore.of(0, 0, n) for label, n in self._unknown.items()}
        for label, (right, predicted, gold) in zip(self.labels, self._counts.T.tolist(), strict=True):
            if predicted or gold:
                found[label] = LabelScore.of(right, predicted, gold)
        return dict(sorted(found.items()))


def averages(counts: ArrayLike, known: ArrayLike | None = None) -> dict[str, np.ndarray]:
    """The macro, weighted and micro means of counts (..., 3, K), how often each label is right, predicted and gold:
    by name, each (...). `known` (K,) bool are the labels that macro means may take in; all, unless told."""
    right, predicted, gold = np.moveaxis(np.asarray(counts, np.float64), -2, 0)
    taken = (predicted + gold > 0) & (True if known is None else np.asarray(known, bool))
    found: dict[str, np.ndarray] = {}
    for name, part, whole in (
        ("f1", 2 * right, predicted + gold),
        ("precision", right, predicted),
        ("recall", right, gold),
    ):
        each = _divide(part, whole)
        found[f"macro-{name}"] = _divide((each * taken).sum(axis=-1), taken.sum(axis=-1))
        found[f"weighted-{name}"] = _divide((each * gold).sum(axis=-1), gold.sum(axis=-1))
        found[f"micro-{name}"] = _divide(part.sum(axis=-1), whole.sum(axis=-1))
    return {name: found[name] for name in OFFERS if name in found}


def one_hot(names: Sequence[str], labels: Sequence[str]) -> np.ndarray:
    """(N, K) bool: which of K labels each of N texts has. A name that is no label has none."""
    index = {label: k for k, label in enumerate(labels)}
    return np.array([index.get(name, -1) for name in names], np.int64)[:, None] == np.arange(len(labels))


def contributions(chosen: ArrayLike, gold: ArrayLike) -> np.ndarray:
    """(N, 3K) bool: what each text adds to the counts of `averages`, from its labels (N, K) bool: for `paired`."""
    c, g = np.asarray(chosen, bool), np.asarray(gold, bool)
    return np.concatenate([c & g, c, g], axis=1)


def statistic(name: str, known: ArrayLike | None = None) -> Callable[[np.ndarray], np.ndarray]:
    """A mean of `averages` by name, as a function of sums (R, 3K) of `contributions`: (R,). For `paired`."""
    return lambda sums: averages(sums.reshape(len(sums), 3, -1), known)[name]


def samples_f1(chosen: ArrayLike, gold: ArrayLike, unknown: ArrayLike = 0) -> np.ndarray:
    """F1 of each text's labels (N,), from (N, K) bool and how many gold labels the model does not know, (N,). A text
    without a label, gold and chosen, is right: 1."""
    c, g = np.asarray(chosen, bool), np.asarray(gold, bool)
    whole = c.sum(axis=1) + g.sum(axis=1) + np.asarray(unknown)
    return np.where(whole == 0, 1.0, _divide(2 * (c & g).sum(axis=1), whole))


def roc_auc(scores: ArrayLike, positive: ArrayLike) -> float | None:
    """The share of pairs of a positive and a negative in which the positive has the greater score, equal ones half:
    the area under the ROC curve (Hanley and McNeil 1982), by ranks. Scores (N,), positive (N,) bool; None without a
    positive and a negative. Raises ValueError where shapes differ."""
    s, was = np.asarray(scores), np.asarray(positive, bool)
    if s.ndim != 1 or s.shape != was.shape:
        raise ValueError(f"scores {s.shape} for {was.shape}")
    _, which = np.unique(s, return_inverse=True)
    good = np.bincount(which[was], minlength=which.max(initial=-1) + 1)
    bad = np.bincount(which[~was], minlength=len(good))
    pairs = int(good.sum()) * int(bad.sum())
    if not pairs:
        return None
    # twice the pairs won, in integers: those with lower negatives, and half of those with equal ones
    return int((good * (2 * (bad.cumsum() - bad) + bad)).sum()) / (2 * pairs)


def best_thresholds(probabilities: ArrayLike, gold: ArrayLike) -> np.ndarray:
    """The thresholds (K,) float64 at which choosing a label where p >= threshold gives it the most F1, from
    probabilities (N, K) and gold labels (N, K) bool of texts that the model was not trained on.

    Each lies midway between neighbouring probabilities (the lowest: between the least one and 0). Of cuts with equal
    F1 the highest is taken, which chooses least; a label that is never gold has 0.5. Raises ValueError where shapes
    differ, or a probability is not a number.
    """
    p, g = np.asarray(probabilities, np.float64), np.asarray(gold, bool)
    if p.ndim != 2 or p.shape != g.shape or not (p >= 0).all():
        raise ValueError(f"probabilities {p.shape} for gold {g.shape}, all numbers from 0 to 1")
    found = np.full(p.shape[1], 0.5)
    for k in np.flatnonzero(g.any(axis=0)).tolist():
        order = np.argsort(-p[:, k])
        falling = p[order, k]
        below = np.append(falling[1:], 0.0)  # the next probability under each
        cuts = np.flatnonzero(np.append(falling[1:] != falling[:-1], True))  # equal ones are chosen together
        f1 = 2 * g[order, k].cumsum()[cuts] / (cuts + 1 + g[:, k].sum())  # equal ratios are equal floats
        cut = cuts[f1.argmax()]  # the first of equals: the highest threshold
        middle = (falling[cut] + below[cut]) / 2
        found[k] = middle if middle > below[cut] else falling[cut]  # no number lies between
    return found


def _divide(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole, 0 where there is nothing to divide by."""
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)
