"""Bag of words: averaged embeddings and a softmax over labels; the textbook model that ignores word order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, Field

from seqcli import layers, ops
from seqcli.characters import CharactersSpec
from seqcli.datasets.vocabulary import Vocabulary
from seqcli.layers.blank import Rng
from seqcli.layers.pooling import pool, pool_flat
from seqcli.models._base import ClassWeights, Rate, Size, head
from seqcli.models._words import LabelsTexts, encoder, table
from seqcli.models.classifier import groups
from seqcli.ops import Array
from seqcli.records import Example

TASK = "classification"
VERBS = ("classify", "eval", "embed")
TRAINED = "gradient"


class Config(BaseModel, extra="forbid"):
    """Recipe keys of `model: {kind: bag}`."""

    kind: Literal["bag"] = "bag"
    embedding: Size = 128  # E: of words, characters or pieces
    characters: CharactersSpec = Field(default=None)  # a file of seqcli/characters, or none
    word_dropout: Rate = 0.0  # of a batch's words, which become unknown
    dropout: Rate = 0.0  # of the embeddings and of their mean
    label_smoothing: Rate = 0.0  # share of the target probability spread evenly over all labels
    class_weights: ClassWeights = "none"  # balanced: every label counts the same in total; or {label: weight}


@dataclass(frozen=True)
class Model(LabelsTexts):
    """A model W (Σ_t x_t / T) + b over the mean of the word representations (Iyyer et al. 2015, without layers)."""

    embedding: Array  # (words + 1, E)
    characters: Any  # an encoder, or None
    output_weight: Array  # (K, ·)
    output_bias: Array  # (K,)
    vocabulary: Vocabulary = layers.static()
    dropout: float = 0.0
    label_smoothing: float = 0.0

    kind = "bag"
    front_end = None

    @classmethod
    def create(cls, config: Config, vocabulary: Vocabulary, rng: Rng) -> Model:
        characters, size = encoder(config, vocabulary, rng)
        labels = len(vocabulary.labels)
        return cls(
            embedding=table(vocabulary, config.embedding, rng, unknown_is_trained=False),
            characters=characters,
            output_weight=head(labels, size, rng),
            output_bias=np.zeros(labels, np.float32),
            vocabulary=vocabulary,
            **cls.numbers(config),
        )

    def scores(self, x: Array, lengths: Array, rng: Any = None, seconds: Array | None = None) -> Array:
        mean = pool("mean", self.drop(x, rng), lengths)
        return ops.linear(self.drop(mean[None], rng)[0], self.output_weight, self.output_bias)

    def logits(self, examples: Sequence[Example]) -> np.ndarray:
        """Return logits (N, K) of texts split into words; each row is independent of the others, to the last bit."""
        return ops.linear(self.summary(examples), self.output_weight, self.output_bias)

    def summary(self, examples: Sequence[Example]) -> np.ndarray:
        """Return the means of words (N, C), which the last layer reads; zeros for a text without words."""
        means = np.zeros((len(examples), self.encoded_size), np.float32)
        for group, x, lengths in self._grouped(examples):
            means[group], _ = pool_flat("mean", x, lengths)
        return means

    def encoded(self, examples: Sequence[Example]) -> list[np.ndarray]:
        """Return the representations (T, C) of each text's words."""
        found = [np.zeros((0, self.encoded_size), np.float32)] * len(examples)
        for group, x, lengths in self._grouped(examples):
            for i, part in zip(group, np.split(x, np.cumsum(lengths)[:-1]), strict=True):
                found[i] = part
        return found

    @property
    def encoded_size(self) -> int:
        return self.output_weight.shape[1]

    def _grouped(self, examples: Sequence[Example]) -> Iterator[tuple[list[int], np.ndarray, np.ndarray]]:
        """Yield for each group of texts with words: their indices, the concatenated representations (N, C) of their
        words, and the number of words (B,) of each text."""
        for group in groups([len(e.words or ()) for e in examples]):
            flat = [w for i in group for w in examples[i].words or ()]
            places = {w: n for n, w in enumerate(dict.fromkeys(flat))}
            x = self.of_words(list(places))[[places[w] for w in flat]]
            yield group, x, np.array([len(examples[i].words or ()) for i in group], np.int64)
