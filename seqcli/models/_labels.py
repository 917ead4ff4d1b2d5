"""What models that label whole texts by their words have in common: the loss."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from seqcli.layers import objective
from seqcli.models._words import ReadsWords
from seqcli.ops import Array


class LabelsTexts(ReadsWords):
    """A model that scores the labels of texts in padded batches."""

    label_smoothing: float

    @abstractmethod
    def scores(self, words: Array, index: Array, lengths: Array, rng: Any = None) -> Array:
        """Logits (B, K) of a padded batch: words (U, ·), index (T, B) into them, lengths (B,) of at least 1."""

    def loss(self, batch: Mapping[str, Array], rng: Any = None) -> Array:
        """Mean nats a record of a padded batch (see `tasks/classification.py` for its parts), by their weights."""
        words = self.words(batch["ids"], batch["vectors"], batch["characters"], batch["character_lengths"])
        logits = self.scores(words, batch["index"], batch["lengths"], rng)
        return (batch["weights"] * objective.nats(logits, batch["targets"], smoothing=self.label_smoothing)).mean()
