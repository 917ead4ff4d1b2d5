"""Classifiers whose logits are looked up, and texts with labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from seqcli import registry
from seqcli.datasets.vocabulary import Vocabulary
from seqcli.records import Example
from seqcli.tasks.classification.predict import Classifier
from seqcli.tasks.classification.reading import Reading
from seqcli.tokenizers import BaseTokenizer

LABELS = ["bad", "good", "so-so"]


@dataclass
class Table:
    """A model whose logits are looked up: a text is a row's number."""

    rows: np.ndarray  # (N, K)
    pooling: str = "mean"

    def logits(self, examples: Sequence[Example]) -> np.ndarray:
        return self.rows[[int(e.text) if e.text.strip() else 0 for e in examples]].astype(np.float32)

    def read(self, examples: Sequence[Example]) -> tuple[np.ndarray, list[np.ndarray]]:
        weights = [np.arange(1, len(e.words or ()) + 1, dtype=np.float32) for e in examples]
        return np.zeros((len(examples), self.rows.shape[1]), np.float32), [w / w.sum() for w in weights]


def lookup(rows: Any, labels: Sequence[str] = LABELS, **keys: Any) -> Classifier:
    return Classifier(Table(np.asarray(rows)), Vocabulary([], [], {}, list(labels)), Reading(None, 1000), **keys)


def texts(gold: Sequence[Any]) -> list[Example]:
    """Examples 0, 1, 2 ... with these labels."""
    return [
        Example(str(i), [g] if isinstance(g, str) else g, source="f", line=i + 1, column=3)
        for i, g in enumerate(gold)
    ]


def drawn(count: int, labels: Sequence[str] = LABELS, seed: int = 0, **keys: Any) -> tuple[Classifier, list[Example]]:
    """A classifier of random logits, and a label for each text."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(0, 1.5, (count, len(labels)))
    return lookup(rows, labels, **keys), texts([labels[i] for i in rng.integers(0, len(labels), count)])


def several(count: int, seed: int = 0, **keys: Any) -> tuple[Classifier, list[Example], np.ndarray]:
    """The same with any number of labels a text, and (N, K) whether each is there."""
    rng = np.random.default_rng(seed)
    gold = rng.random((count, len(LABELS))) < [0.2, 0.5, 0.4]
    rows = rng.normal(0, 1.5, gold.shape) + gold - 0.5
    named = [[label for label, has in zip(LABELS, row, strict=True) if has] for row in gold]
    return lookup(rows, multi_label=True, **keys), texts(named), gold


def learn(kind: str, lines: Sequence[str], **keys: Any) -> BaseTokenizer:
    """A tokenizer as the task learns it."""
    module = registry.load("tokenizers", kind)
    return module.Tokenizer.learn([f"{line}\n" for line in lines], module.Config(**keys))


@pytest.fixture(scope="session")
def lab() -> SimpleNamespace:
    """`lab.lookup(rows)`, `lab.texts(gold)`, `lab.drawn(n)`, `lab.several(n)`, `lab.learn(kind, lines)`, `lab.Table`."""
    return SimpleNamespace(
        labels=LABELS, Table=Table, lookup=lookup, texts=texts, drawn=drawn, several=several, learn=learn
    )
