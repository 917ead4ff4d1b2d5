"""Recurrent tagger: words and their characters, stacked cells in both directions, a CRF or a softmax over labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, Self

import numpy as np
from pydantic import BaseModel, Field, field_validator

from seqcli import front_ends, layers, ops
from seqcli.characters import CharactersSpec
from seqcli.datasets.vocabulary import UNKNOWN, Vocabulary
from seqcli.errors import UsageError
from seqcli.inference.words import WordBank
from seqcli.layers.blank import Rng
from seqcli.layers.choice import CellSpec, FrontEndSpec
from seqcli.layers.crf import CRF
from seqcli.models import _heads
from seqcli.models._base import Depth, ModelNames, Rate, Size, head, stack
from seqcli.models._words import ReadsWords, encoder, front_end, table
from seqcli.ops import Array

TASK = "tagging"
VERBS = ("tag", "eval", "embed")
TRAINED = "gradient"
FRAMES = True  # it can read frames too
OF_TEXT = ("features", "word_dropout")  # keys that do not apply to frames
DEFAULT = True  # the kind of the task if a recipe names none


HEADLESS = "set model.head: softmax (for one of several targets model.targets.NAME.head)"
Head = Literal["crf", "softmax"]


class TargetKeys(_heads.Keys):
    """Keys of one of several targets."""

    head: Head | None = None  # default: model.head for the first target, softmax for the others


class BaseConfig(BaseModel, extra="forbid"):
    """Keys of `model` that do not depend on the layers that read the words."""

    kind: str
    embedding: Size = 100  # E: of words
    characters: CharactersSpec = Field(default="cnn", validate_default=True)  # a file of seqcli/characters, or none
    features: list[str] = []  # further columns of the data that the model reads, as [pos]
    reader: ModelNames = []  # one or more language models, as runs/lm, whose states are added to each word's input
    feature_embedding: Size = 16
    front_end: FrontEndSpec = None  # of frames: a file of seqcli/front_ends, one output a frame; default: linear
    head: Head = "crf"
    targets: dict[str, TargetKeys] = {}  # of several targets (data.tag), by name: weight, head
    scheme: Literal["iobes", "iob2"] = "iobes"  # of the labels inside the model, if tags are spans
    lowercase: bool = True  # words are looked up in lower case (characters are read as they are)
    fold_digits: bool = True  # words are looked up with 0 for every digit
    min_count: Size = 1  # rarer words are unknown
    word_dropout: Rate = 0.0  # of a batch's words, which become unknown
    dropout: Rate = 0.0  # of the inputs of each layer and of the head

    @field_validator("front_end")
    @classmethod
    def _each_frame(cls, value: Any) -> Any:
        if value and not front_ends.keeps(value):
            raise ValueError("it skips frames, but every frame has a tag; give a convolution stride: 1")
        return value

    @field_validator("features")
    @classmethod
    def _each_once(cls, value: list[str]) -> list[str]:
        if twice := [name for name in value if value.count(name) > 1]:
            raise ValueError(f"{twice[0]!r} is named twice")
        return value


class Config(BaseConfig):
    """Recipe keys of `model` for a recurrent tagger."""

    kind: Literal["tagger"] = "tagger"
    cell: CellSpec = Field(default="lstm", validate_default=True)  # a file of seqcli/cells, or {kind: rnn, ...}
    hidden: Size = 200  # H: of each direction
    layers: Depth = 1
    bidirectional: bool = True
    variational: bool = False  # one dropout mask for all time steps (Gal & Ghahramani 2016)


@dataclass(frozen=True)
class Model(_heads.HasHeads, ReadsWords):
    """A model e_t = W [forward h_t; backward h_t] + b over x_t = [word; vector; characters; features]; a CRF connects
    the e_t.

    Letters: T, B, E, H as everywhere; U different words of a batch, K labels (of all targets, target after target),
    I the input size of the stack.
    """

    embedding: Array | None  # (words + 1, E)
    characters: Any  # an encoder, or None
    front_end: Any  # reads frames; None: the model reads words
    features: tuple[Array, ...]  # a table for each column
    stack: Any  # a Stack, or blocks of attention in its place
    output_weight: Array  # (K, H·directions)
    output_bias: Array  # (K,)
    crf: CRF | None  # of the first, or only, target
    further_crfs: tuple[CRF | None, ...]  # of the others
    vocabulary: Vocabulary = layers.static()
    weights: Mapping[str, float] = layers.static()
    readers: tuple[Any, ...] = ()
    dropout: float = 0.0
    variational: bool = False

    kind = "tagger"

    @classmethod
    def stacked(cls, config: Any, inputs: int, rng: Rng) -> Any:
        """Create fresh layers that read the words."""
        return stack(config.cell, inputs, [config.hidden] * config.layers, rng, bidirectional=config.bidirectional)

    @classmethod
    def create(cls, config: Any, vocabulary: Vocabulary, rng: Rng) -> Self:
        characters, size = encoder(config, vocabulary, rng)
        width, labels = config.feature_embedding, vocabulary.width
        tables = tuple(
            rng.normal(0.0, 1 / np.sqrt(width), (len(vocabulary.features[name]) + 1, width)).astype(np.float32)
            for name in config.features
        )
        cells = cls.stacked(config, size + width * len(tables), rng)
        shown = bool(config.word_dropout) or config.min_count > 1
        embedding = table(vocabulary, config.embedding, rng, unknown_is_trained=shown)
        for values in tables:
            values[UNKNOWN] = 0.0
        return cls(
            embedding=embedding,
            characters=characters,
            front_end=front_end(config, vocabulary, rng),
            features=tables,
            stack=cells,
            output_weight=head(labels, cells.output_size, rng),
            output_bias=np.zeros(labels, np.float32),
            crf=crf(config, vocabulary, vocabulary.target, rng),
            further_crfs=tuple(crf(config, vocabulary, name, rng) for name in vocabulary.further),
            vocabulary=vocabulary,
            weights=_heads.weights(config, vocabulary),
            **cls.numbers(config),
        )

    # the forward pass, written once for training (torch) and inference (NumPy)

    def scores(self, x: Array, features: Array, lengths: Array, rng: Any = None) -> Array:
        """Return emissions (T, B, K) of a padded batch: x (T, B, ·), features (F, T, B)."""
        if self.features:
            x = ops.concat([x, *(ops.embedding(features[f], table) for f, table in enumerate(self.features))])
        return ops.linear(self.drop(self.encode(x, lengths, rng), rng), self.output_weight, self.output_bias)

    def loss(self, batch: Mapping[str, Array], rng: Any = None) -> Array:
        """Return the mean loss in nats per token of a padded batch (see `tasks/tagging/train.py` for its parts); for
        several targets, the weighted sum of their losses."""
        x, lengths = self.inputs(batch)
        emissions = self.scores(x, batch["features"], lengths, rng)
        if not self.vocabulary.further:
            return self._nats(emissions, batch["tags"], lengths, batch.get("allowed"))
        found = {}
        for i, (name, own) in enumerate(self.vocabulary.slices.items()):
            tags = batch["further"][i - 1] if i else batch["tags"]
            found[name] = self.only(name)._nats(emissions[..., own], tags, lengths)
        return self.weighted(found)

    def _nats(self, emissions: Array, tags: Array, lengths: Array, allowed: Array | None = None) -> Array:
        """Return the mean loss in nats per token of one target: emissions (T, B, K), tags (T, B). A softmax ignores
        tags below 0.

        For tags known in part, allowed (T, B, K) replaces them, above 0 for labels that are allowed: the mean is over
        the tokens that do not allow every label.
        """
        if self.chain is not None and allowed is None:
            return self.chain.loss(emissions, tags, lengths).sum() / lengths.sum()
        T, B, K = emissions.shape
        inside = ops.integers(np.arange(T), emissions)[:, None] < lengths[None]
        if allowed is not None:
            said = inside & ~(allowed > 0).all(-1)
            count = said.sum()
            return self._partial(emissions, allowed, lengths, said) / (count + (count == 0))
        inside = inside & (tags >= 0)
        tags = ops.where(inside, tags, 0)
        nats = ops.cross_entropy(emissions.reshape(T * B, K), tags.reshape(T * B)).reshape(T, B)
        return ops.where(inside, nats, ops.zeros((1,), nats)).sum() / lengths.sum()

    def _partial(self, emissions: Array, allowed: Array, lengths: Array, said: Array) -> Array:
        """Return the total -log p of the allowed labels; said (T, B) marks tokens that do not allow every label."""
        if self.chain is not None:
            return self.chain.partial_loss(emissions, allowed, lengths).sum()
        wide = ops.at_least_float32(emissions)
        low = ops.zeros((1,), wide) - np.inf
        nats = ops.logsumexp(wide) - ops.logsumexp(ops.where((allowed > 0) | ~said[..., None], wide, low))
        return ops.where(said, nats, ops.zeros((1,), nats)).sum()

    def only(self, name: str) -> Self:
        crfs = dict(zip(self.vocabulary.slices, (self.crf, *self.further_crfs), strict=True))
        return replace(super().only(name), crf=crfs[name], further_crfs=(), weights={})

    # inference on NumPy

    @cached_property
    def _bank(self) -> WordBank:
        return WordBank(self)

    def emissions(
        self,
        sentences: Sequence[Any],
        features: Sequence[Mapping[str, Sequence[str]]] = (),
        states: Sequence[np.ndarray] = (),
    ) -> list[np.ndarray]:
        """Return emissions (T, K) of each sentence, for all targets; independent of the others, to the last bit.

        A sentence is its words, or its frames (T, D) if the model reads frames. `features` has each sentence's
        further columns by name, if the model reads any, `states` (T, S) the reader's states of its words.
        """
        y, lengths = self._outputs(sentences, features, states)
        return _parted(ops.linear(y, self.output_weight, self.output_bias), lengths)

    def encoded(
        self,
        sentences: Sequence[Any],
        features: Sequence[Mapping[str, Sequence[str]]] = (),
        states: Sequence[np.ndarray] = (),
    ) -> list[np.ndarray]:
        """Return the last layer's input, outputs (T, C) for each sentence's words or frames."""
        return _parted(*self._outputs(sentences, features, states))

    def _outputs(self, sentences: Sequence[Any], features: Any, states: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return concatenated outputs (N, C), and the length of each sentence."""
        lengths = np.array([len(s) for s in sentences], np.int64)
        if self.front_end is not None:
            return self.of_frames(sentences)[0], lengths
        return self._bank.form.read(lengths, self._bank.inputs(sentences, features, states)), lengths

    @property
    def chain(self) -> CRF | None:
        """The CRF with what the scheme forbids; None if labels are independent."""
        return None if self.crf is None else self.crf.limited(self.vocabulary.limits)


def _parted(rows: np.ndarray, lengths: np.ndarray) -> list[np.ndarray]:
    """Split concatenated rows (N, ·) into the rows of each sentence."""
    return [rows[end - n : end] for end, n in zip(np.cumsum(lengths), lengths, strict=True)]


def crf(config: Any, vocabulary: Vocabulary, target: str, rng: Rng) -> CRF | None:
    """Create a fresh CRF for a target, or for the recipe's only one; None if its head is a softmax. Raises UsageError
    if its labels are edits."""
    own = config.targets.get(target)
    chosen = own.head if own else None
    chosen = chosen or ("softmax" if target in vocabulary.further else config.head)
    labels = vocabulary.only(target)
    if chosen == "crf" and labels.edits:
        raise UsageError("a CRF cannot predict edits of words", hint=HEADLESS)
    return CRF.create(len(labels.labels), rng) if chosen == "crf" else None
