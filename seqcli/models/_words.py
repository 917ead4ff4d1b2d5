"""What models that read words have in common: words from ids, vectors and characters; the loss of a text's labels."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seqcli import ops, registry
from seqcli.datasets.vocabulary import MARKS, UNKNOWN, Vocabulary
from seqcli.errors import SeqcliError
from seqcli.layers import objective
from seqcli.layers.blank import Rng
from seqcli.models._base import Trained
from seqcli.ops import Array

ENCODED = 1024  # words encoded at once: bounds the memory


class ReadsWords(Trained):
    """A model with a table of words, perhaps an encoder of characters, and dropout."""

    embedding: Array  # (words + 1, E)
    characters: Any  # an encoder, or None
    stack: Any  # what reads sequences of words: cells, or blocks of attention
    vocabulary: Vocabulary

    def words(
        self, ids: Array, vectors: Array, characters: Array | None = None, lengths: Array | None = None
    ) -> Array:
        """What different words are: ids (U,), vectors (U, D), characters (U, L), their lengths (U,) -> (U, ·)."""
        parts = [ops.embedding(ids, self.embedding)]
        if vectors.shape[1]:
            parts.append(vectors)
        if self.characters is not None:
            parts.append(self.characters.encode(characters, lengths))
        return ops.concat(parts)

    def encode(self, x: Array, lengths: Array, rng: Any = None) -> Array:
        """What the stack makes of a padded batch: x (T, B, I), lengths (B,) -> (T, B, C)."""
        return self.stack.read(self.drop(x, rng), lengths, between=lambda y: self.drop(y, rng))

    def words_of(self, batch: Mapping[str, Array]) -> Array:
        """What the different words of a batch are."""
        return self.words(batch["ids"], batch["vectors"], batch["characters"], batch["character_lengths"])

    def of_words(self, words: Sequence[str], width: int = 0) -> np.ndarray:
        """What words are, in NumPy: (U, ·), made up with zeros to a width."""
        parts = []
        for first in range(0, len(words), ENCODED):
            part = words[first : first + ENCODED]
            v = self.vocabulary
            characters = v.character_ids(part) if self.characters is not None else v.character_ids([])
            x = self.words(v.word_ids(part), v.vector_rows(part), *characters)
            wide = np.zeros((len(part), max(width, x.shape[1])), np.float32)
            wide[:, : x.shape[1]] = x
            parts.append(wide)
        return np.concatenate(parts)


class LabelsTexts(ReadsWords):
    """A model that scores the labels of texts in padded batches."""

    label_smoothing: float

    @abstractmethod
    def scores(self, words: Array, index: Array, lengths: Array, rng: Any = None) -> Array:
        """Logits (B, K) of a padded batch: words (U, ·), index (T, B) into them, lengths (B,) of at least 1."""

    def loss(self, batch: Mapping[str, Array], rng: Any = None) -> Array:
        """Mean nats a record of a padded batch (see `tasks/classification` for its parts), by their weights."""
        logits = self.scores(self.words_of(batch), batch["index"], batch["lengths"], rng)
        return (batch["weights"] * objective.nats(logits, batch["targets"], smoothing=self.label_smoothing)).mean()


def table(vocabulary: Vocabulary, size: int, rng: Rng, *, unknown_is_trained: bool) -> np.ndarray:
    """A fresh table (words + 1, E) of words, of variance 1/E; what training never shows says nothing."""
    made = rng.normal(0.0, 1 / np.sqrt(size), (len(vocabulary.words) + 1, size)).astype(np.float32)
    if not unknown_is_trained:
        made[UNKNOWN] = 0.0
    return made


def encoder(config: Any, vocabulary: Vocabulary, rng: Rng) -> tuple[Any, int]:
    """A fresh encoder of words' characters, as a recipe says, or None, and how many numbers a word is in all.

    Raises SeqcliError where the vocabulary is of other columns than the recipe's."""
    if sorted(vocabulary.features) != sorted(getattr(config, "features", ())):
        raise SeqcliError(f"the vocabulary has the columns {[*vocabulary.features]}, the model reads others")
    spec, size = config.characters, config.embedding + vocabulary.vectors.shape[1]
    if spec is None:
        return None, size
    module = registry.load("characters", spec["kind"])
    made = module.Encoder.create(module.Config(**spec), len(vocabulary.characters) + MARKS, rng)
    return made, size + made.output_size
