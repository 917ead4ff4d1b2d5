"""Compute vectors of sentences: the states of their words, which the last layers of all targets read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqcli.records import Sentence
from seqcli.tasks.tagging.predict import Tagger


def record(own: Tagger, text: str | Sequence[str]) -> Sentence:
    """Return the sentence of a raw text, or of words."""
    if isinstance(text, str):
        return Sentence(text=text, split=False)
    return Sentence(words=list(text), text=" ".join(text))


def states(own: Tagger, records: Sequence[Sentence]) -> list[np.ndarray]:
    """Return the encoder's outputs for each word or frame: (T, C) for each sentence, (0, C) if it has no words."""
    model: Any = own.model
    found = [np.zeros((0, model.encoded_size), np.float32)] * len(records)
    for group, given in own.groups(records):
        for i, y in zip(group, model.encoded(*given), strict=True):
            found[i] = y
    return found


def symbols(own: Tagger, record: Sentence, steps: int) -> list[str]:
    """Return the words; for frames, the words that write them, or their numbers."""
    return record.words
