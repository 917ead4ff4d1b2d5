"""Labels that a model contradicts with confidence: confident learning (Northcutt, Jiang and Chuang 2021).

A record counts as of another class than its label where that class is at least as probable as it is on average of
the records that are labelled so, and the most probable of those that are; by self-confidence, the probability of its
own label, the least first. What the model would label so itself is never doubtful. Of words of sentences it is each
word's own (Wang and Mueller 2022).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Doubt(NamedTuple):
    """A label that is contradicted."""

    record: int  # the number that it was given
    label: int  # its own
    confidence: float  # the probability of that
    other: int  # what the model holds it for
    probability: float  # of that


class Contradicted(NamedTuple):
    """A doubtful label as it is shown."""

    place: str  # file:line:column
    gold: str
    confidence: float  # the probability of that
    predicted: str
    probability: float
    text: str
    word: str | None = None  # whose tag it is


class Doubts:
    """Collects the probabilities of labelled records, in bounded memory: of those that are not contradicted, sums."""

    def __init__(self, labels: int):
        self.count, self.sum = np.zeros(labels, np.int64), np.zeros(labels)
        self._held: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def add(self, records: np.ndarray, own: np.ndarray, p: np.ndarray, answers: np.ndarray | None = None) -> None:
        """Records by their numbers (N,), their labels (N,), and what the model gives them, p (N, K); its answers (N,)
        where those are not the most probable labels."""
        confidence = p[np.arange(len(own)), own]
        np.add.at(self.count, own, 1)
        np.add.at(self.sum, own, confidence)
        held = confidence < p.max(axis=1, initial=0.0) if answers is None else answers != own
        self._held.append((records[held], own[held], p[held]))

    def found(self) -> list[Doubt]:
        """Those that are contradicted, the least sure of its own label first; equally sure ones by their numbers."""
        least = np.where(self.count > 0, self.sum / np.maximum(self.count, 1), np.inf)  # of a label that none has
        found = []
        for records, own, p in self._held:
            sure = np.where((p >= least) & (p > p[np.arange(len(own)), own][:, None]), p, -1.0)
            other = sure.argmax(axis=1)
            rows = np.flatnonzero((sure.max(axis=1, initial=-1.0) >= 0) & (other != own))
            parts = zip(
                records[rows].tolist(), own[rows].tolist(), p[rows, own[rows]].tolist(), other[rows].tolist(),
                p[rows, other[rows]].tolist(), strict=True,
            )  # fmt: skip
            found += [Doubt(*part) for part in parts]
        return sorted(found, key=lambda doubt: (doubt.confidence, doubt.record))
