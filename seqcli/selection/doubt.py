"""Find labels that a model contradicts with confidence: confident learning (Northcutt, Jiang and Chuang 2021).

A label is contradicted by another class if that class is at least as probable for the record as it is, on average,
for the records with that label; of several such classes the most probable one counts. Doubtful labels are ranked by
self-confidence, the probability of the record's own label, the lowest first. A label that the model itself predicts
is never doubtful. In sentences each word counts by itself (Wang and Mueller 2022)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Doubt(NamedTuple):
    """A label that is contradicted."""

    record: int  # the number that was passed to `add`
    label: int  # the record's own label
    confidence: float  # the probability of that label
    other: int  # the class that contradicts it
    probability: float  # of that class


class Contradicted(NamedTuple):
    """A doubtful label for output."""

    place: str  # file:line:column
    gold: str
    confidence: float  # the probability of `gold`
    predicted: str
    probability: float
    text: str
    word: str | None = None  # for a tag, its word


class Doubts:
    """Collects the probabilities of labelled records; of records that the model answers with their label, only sums
    are kept, which bounds the memory."""

    def __init__(self, labels: int):
        self.count, self.sum = np.zeros(labels, np.int64), np.zeros(labels)
        self._held: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def add(self, records: np.ndarray, own: np.ndarray, p: np.ndarray, answers: np.ndarray | None = None) -> None:
        """Add records with their numbers (N,), labels (N,), and the model's probabilities p (N, K); `answers` (N,)
        are the model's answers if those are not the most probable labels."""
        confidence = p[np.arange(len(own)), own]
        np.add.at(self.count, own, 1)
        np.add.at(self.sum, own, confidence)
        held = confidence < p.max(axis=1, initial=0.0) if answers is None else answers != own
        self._held.append((records[held], own[held], p[held]))

    def found(self) -> list[Doubt]:
        """Return the contradicted labels, the lowest self-confidence first, ties by record number."""
        least = np.where(self.count > 0, self.sum / np.maximum(self.count, 1), np.inf)  # inf: no record has it
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
