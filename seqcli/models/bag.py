"""Bag of words: embeddings averaged, a softmax over labels; the textbook's approach that has no order."""

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
    word_dropout: Rate = 0.0  # of a batch's words, made unknown
    dropout: Rate = 0.0  # of the embeddings and of their mean
    label_smoothing: Rate = 0.0  # share of the target that is given to all labels alike
    class_weights: ClassWeights = "none"  # balanced: a rare label's records count as much; or {label: weight}


@dataclass(frozen=True)
class Model(LabelsTexts):
    """W (Σ_t x_t / T) + b: the mean of what the words are, in any order (Iyyer et al. 2015, without layers)."""

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
        """(N, K) of texts whose words are found, the same to the last bit whatever stands beside them."""
        return ops.linear(self.summary(examples), self.output_weight, self.output_bias)

    def summary(self, examples: Sequence[Example]) -> np.ndarray:
        """The means of words (N, C), which the last layer reads; zeros of a text without words."""
        means = np.zeros((len(examples), self.encoded_size), np.float32)
        for group, x, lengths in self._grouped(examples):
            means[group], _ = pool_flat("mean", x, lengths)
        return means

    def encoded(self, examples: Sequence[Example]) -> list[np.ndarray]:
        """What the words of each text are, (T, C)."""
        found = [np.zeros((0, self.encoded_size), np.float32)] * len(examples)
        for group, x, lengths in self._grouped(examples):
            for i, part in zip(group, np.split(x, np.cumsum(lengths)[:-1]), strict=True):
                found[i] = part
        return found

    @property
    def encoded_size(self) -> int:
        return self.output_weight.shape[1]

    def _grouped(self, examples: Sequence[Example]) -> Iterator[tuple[list[int], np.ndarray, np.ndarray]]:
        """Places of texts with words, what these are (N, C), end to end, and how many (B,) each text has."""
        for group in groups([len(e.words or ()) for e in examples]):
            flat = [w for i in group for w in examples[i].words or ()]
            places = {w: n for n, w in enumerate(dict.fromkeys(flat))}
            x = self.of_words(list(places))[[places[w] for w in flat]]
            yield group, x, np.array([len(examples[i].words or ()) for i in group], np.int64)
