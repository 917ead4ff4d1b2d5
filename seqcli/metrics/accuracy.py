"""Accuracy of tags: by token, by sentence, for words of the training text and for new ones, and label by label.

A gold label that the model does not have can never be predicted: it counts as wrong, like any other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import ClassVar, NamedTuple

import numpy as np

from seqcli.metrics import BaseMetric, Offer


class LabelScore(NamedTuple):
    """Precision, recall and F1 of one label, each 0 if there is nothing to divide by."""

    precision: float
    recall: float
    f1: float
    support: int  # how often it is gold

    @classmethod
    def of(cls, right: int, predicted: int, gold: int) -> LabelScore:
        """Compute it from how often the label was right, predicted, and gold. F1 is 2 right / (predicted + gold)."""
        return cls(_ratio(right, predicted), _ratio(right, gold), _ratio(2 * right, predicted + gold), gold)


class Confusion(NamedTuple):
    """A confusion matrix."""

    labels: list[str]  # K, sorted: every label that is gold or predicted anywhere
    counts: np.ndarray  # (K, K) int64 [gold, predicted]


@dataclass
class Metric(BaseMetric):
    """Counts over tagged sentences."""

    OFFERS: ClassVar = {
        "accuracy": Offer("share", True, "tokens with the right tag"),
        "accuracy-known": Offer("share", True, "the same, among words that the training text has"),
        "accuracy-unknown": Offer("share", True, "the same, among words that the training text does not have"),
        "sentence-accuracy": Offer("share", True, "sentences with every tag right, among those with a token"),
    }

    sentences: int = 0  # with at least one token
    right_sentences: int = 0
    _counts: Counter[tuple[str, str, bool | None]] = field(default_factory=Counter)  # (gold, predicted, known)

    def update(self, predicted: Sequence[str], gold: Sequence[str], known: Sequence[bool] | None = None) -> None:
        """Add a sentence: T predicted and T gold tags, and for each token whether the training text has the word.

        Without `known` the words are neither known nor unknown. Raises ValueError if lengths differ.
        """
        if not len(predicted) == len(gold) == len(gold if known is None else known):
            raise ValueError(f"{len(predicted)} predicted tags for {len(gold)} gold ones")
        self._counts.update(zip(gold, predicted, repeat(None) if known is None else map(bool, known), strict=False))
        self.sentences += len(gold) > 0
        self.right_sentences += len(gold) > 0 and list(predicted) == list(gold)

    def counts(self, known: bool | None = None) -> tuple[int, int]:
        """Return (right, tokens) for all words, or for the known or unknown ones."""
        right = total = 0
        for (gold, predicted, kind), count in self._counts.items():
            if known is None or kind is known:
                right, total = right + count * (gold == predicted), total + count
        return right, total

    def result(self) -> dict[str, float]:
        """Return every metric of OFFERS that has something to divide by."""
        found = {
            "accuracy": self.counts(),
            "accuracy-known": self.counts(True),
            "accuracy-unknown": self.counts(False),
            "sentence-accuracy": (self.right_sentences, self.sentences),
        }
        return {name: right / total for name, (right, total) in found.items() if total}

    def confusion(self) -> Confusion:
        """Return how often each gold label was tagged as each label."""
        labels = sorted({label for gold, predicted, _ in self._counts for label in (gold, predicted)})
        index = {label: i for i, label in enumerate(labels)}
        counts = np.zeros((len(labels), len(labels)), np.int64)
        for (gold, predicted, _), count in self._counts.items():
            counts[index[gold], index[predicted]] += count
        return Confusion(labels, counts)

    def per_label(self) -> dict[str, LabelScore]:
        """Return precision, recall, F1 and support of every label that is gold or predicted anywhere, sorted."""
        labels, counts = self.confusion()
        right, predicted, gold = counts.diagonal().tolist(), counts.sum(0).tolist(), counts.sum(1).tolist()
        return {label: LabelScore.of(right[i], predicted[i], gold[i]) for i, label in enumerate(labels)}


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
