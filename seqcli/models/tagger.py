"""Recurrent tagger: words and their characters, stacked cells in both directions, a CRF or a softmax over labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from seqcli import layers, ops, registry
from seqcli.cells._config import CellSpec
from seqcli.characters import CharactersSpec
from seqcli.datasets._vocabulary import MARKS, UNKNOWN, Vocabulary
from seqcli.layers.batch import BatchForm
from seqcli.layers.blank import Blank, Rng
from seqcli.layers.crf import CRF
from seqcli.layers.stack import Stack
from seqcli.ops import Array

TASK = "tagging"
VERBS = ("tag", "eval")
TRAINED = "gradient"
DATASET = "tagging"
DEFAULT = True  # the kind of the task where a recipe names none

Size = Annotated[int, Field(gt=0)]
Rate = Annotated[float, Field(ge=0, lt=1)]
KEPT_BYTES = 64 << 20  # of words' projected inputs that are kept
KEPT_CHARACTERS = 16 << 20  # of those words themselves
ENCODED = 1024  # words encoded at once: bounds the memory


class Config(BaseModel):
    """Recipe keys of `model` for a recurrent tagger."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["tagger"] = "tagger"
    cell: CellSpec = Field(default="lstm", validate_default=True)  # a file of seqcli/cells, or {kind: rnn, ...}
    embedding: Size = 100  # E: of words
    characters: CharactersSpec = Field(default="cnn", validate_default=True)  # a file of seqcli/characters, or none
    features: list[str] = []  # further columns of the data that the model reads, as [pos]
    feature_embedding: Size = 16
    hidden: Size = 200  # H: of each direction
    layers: Size = 1
    bidirectional: bool = True
    head: Literal["crf", "softmax"] = "crf"
    scheme: Literal["iobes", "iob2"] = "iobes"  # of the labels inside the model, where tags are spans
    lowercase: bool = True  # words are looked up in lower case (characters are read as they are)
    fold_digits: bool = True  # and with 0 for every digit
    min_count: Size = 1  # rarer words are unknown
    word_dropout: Rate = 0.0  # of a batch's words, made unknown
    dropout: Rate = 0.0  # of what each layer reads and of what the head reads
    variational: bool = False  # one dropout mask for all time steps (Gal & Ghahramani 2016)

    @field_validator("features")
    @classmethod
    def _each_once(cls, value: list[str]) -> list[str]:
        if twice := [name for name in value if value.count(name) > 1]:
            raise ValueError(f"{twice[0]!r} is named twice")
        return value


@dataclass(frozen=True)
class Model:
    """e_t = W [forward h_t; backward h_t] + b over x_t = [word; vector; characters; features]; a CRF joins the e_t.

    Letters as everywhere: T, B, E, H; U different words of a batch, K labels, I what the stack reads.
    """

    embedding: Array  # (words + 1, E)
    characters: Any  # an encoder, or None
    features: tuple[Array, ...]  # a table each
    stack: Stack
    output_weight: Array  # (K, H·directions)
    output_bias: Array  # (K,)
    crf: CRF | None
    vocabulary: Vocabulary = layers.static()
    dropout: float = 0.0
    variational: bool = False

    kind = "tagger"

    @classmethod
    def create(cls, config: Config, vocabulary: Vocabulary, rng: Rng) -> Model:
        """A fresh model; the same generator state gives the same weights on every machine."""
        assert isinstance(config.cell, dict)
        characters, size = None, config.embedding + vocabulary.vectors.shape[1]
        if isinstance(config.characters, dict):
            module = registry.load("characters", config.characters["kind"])
            made = module.Config(**config.characters)
            characters = module.Encoder.create(made, len(vocabulary.characters) + MARKS, rng)
            size += characters.output_size
        width, options, labels = config.feature_embedding, dict(config.cell), len(vocabulary.labels)
        tables = tuple(
            rng.normal(0.0, 1 / np.sqrt(width), (len(vocabulary.features[name]) + 1, width)).astype(np.float32)
            for name in config.features
        )
        stack = Stack.create(
            options.pop("kind"),
            size + width * len(tables),
            [config.hidden] * config.layers,
            rng,
            options=options,
            bidirectional=config.bidirectional,
        )
        scale, bound = 1 / np.sqrt(config.embedding), 1 / np.sqrt(stack.output_size)
        embedding = rng.normal(0.0, scale, (len(vocabulary.words) + 1, config.embedding)).astype(np.float32)
        for table in tables:
            table[UNKNOWN] = 0.0  # what training never shows says nothing
        if not config.word_dropout and config.min_count == 1:
            embedding[UNKNOWN] = 0.0
        return cls(
            embedding=embedding,
            characters=characters,
            features=tables,
            stack=stack,
            output_weight=rng.uniform(-bound, bound, (labels, stack.output_size)).astype(np.float32),
            output_bias=np.zeros(labels, np.float32),
            crf=CRF.create(labels, rng) if config.head == "crf" else None,
            vocabulary=vocabulary,
            dropout=config.dropout,
            variational=config.variational,
        )

    @classmethod
    def restore(cls, config: Config, vocabulary: Vocabulary, arrays: Mapping[str, np.ndarray]) -> Model:
        """A stored model."""
        return layers.restore(cls.create(config, vocabulary, Blank()), arrays)

    def arrays(self) -> dict[str, np.ndarray]:
        """All its arrays by dotted name."""
        return layers.arrays(self)

    # the forward pass, written once for training (torch) and inference (NumPy)

    def words(self, ids: Array, vectors: Array, characters: Array, lengths: Array) -> Array:
        """What different words are: ids (U,), vectors (U, D), characters (U, L), their lengths (U,) -> (U, ·)."""
        parts = [ops.embedding(ids, self.embedding)]
        if vectors.shape[1]:
            parts.append(vectors)
        if self.characters is not None:
            parts.append(self.characters.encode(characters, lengths))
        return ops.concat(parts)

    def drop(self, x: Array, rng: Any) -> Array:
        """Dropout of x (T, B, ·) by the generator; without one nothing is dropped."""
        if rng is None or not self.dropout:
            return x
        shape = (1, *x.shape[1:]) if self.variational else tuple(x.shape)
        return x * ops.dropout_mask(shape, self.dropout, rng, x)

    def scores(self, words: Array, index: Array, features: Array, lengths: Array, rng: Any = None) -> Array:
        """Emissions (T, B, K) of a padded batch: words (U, ·), index (T, B) into them, features (F, T, B)."""
        x = ops.embedding(index, words)
        if self.features:
            x = ops.concat([x, *(ops.embedding(features[f], table) for f, table in enumerate(self.features))])
        y = self.stack.read(self.drop(x, rng), lengths, between=lambda y: self.drop(y, rng))
        return ops.linear(self.drop(y, rng), self.output_weight, self.output_bias)

    def loss(self, batch: Mapping[str, Array], rng: Any = None) -> Array:
        """Mean nats a token of a padded batch (see `tasks/tagging.py` for its parts)."""
        words = self.words(batch["ids"], batch["vectors"], batch["characters"], batch["character_lengths"])
        lengths, tags = batch["lengths"], batch["tags"]
        emissions = self.scores(words, batch["index"], batch["features"], lengths, rng)
        if self.crf is not None:
            return self.crf.limited(self.vocabulary.limits).loss(emissions, tags, lengths).sum() / lengths.sum()
        T, B, K = emissions.shape
        nats = ops.cross_entropy(emissions.reshape(T * B, K), tags.reshape(T * B)).reshape(T, B)
        inside = ops.integers(np.arange(T), emissions)[:, None] < lengths[None]
        return ops.where(inside, nats, ops.zeros((1,), nats)).sum() / lengths.sum()

    # inference on NumPy

    @cached_property
    def _bank(self) -> _Bank:
        return _Bank(self)

    def emissions(
        self, sentences: Sequence[Sequence[str]], features: Sequence[Mapping[str, Sequence[str]]] = ()
    ) -> list[np.ndarray]:
        """Emissions (T, K) of each sentence, the same to the last bit whatever stands beside it.

        `features` gives each sentence's further columns by name, where the model reads any.
        """
        bank, lengths = self._bank, np.array([len(s) for s in sentences], np.int64)
        y = bank.form.read(lengths, bank.inputs(sentences, features))
        scores = ops.linear(y, self.output_weight, self.output_bias)
        ends = np.cumsum(lengths)
        return [scores[end - n : end] for end, n in zip(ends, lengths, strict=True)]

    @property
    def chain(self) -> CRF | None:
        """The CRF with what the scheme forbids; None where labels are independent."""
        return None if self.crf is None else self.crf.limited(self.vocabulary.limits)


class _Bank:
    """Words' projected first-layer inputs, kept: a word is the same wherever it stands.

    W_ih x_t is a sum over the parts of x_t, so that further columns add a row of their own small tables.
    """

    def __init__(self, model: Model):
        self.model, self.form = model, BatchForm(model.stack)
        size = self._size = model.stack.cells[0][0].input_size
        at = size - sum(table.shape[1] for table in model.features)
        nothing = self.form.project(np.zeros((1, size), np.float32))  # the biases
        self._tables = []
        for table in model.features:
            x = np.zeros((len(table), size), np.float32)
            x[:, at : at + table.shape[1]] = table
            self._tables.append(self.form.project(x) - nothing)
            at += table.shape[1]
        width = nothing.shape[1]
        self._most = max(KEPT_BYTES // (4 * width), 1)
        self._rows = np.zeros((1024, width), np.float32)
        self._known: dict[str, int] = {}
        self._characters = 0  # of the words known

    def inputs(self, sentences: Sequence[Sequence[str]], features: Sequence[Mapping[str, Sequence[str]]]) -> Any:
        """What BatchForm.read asks for: places of tokens to their projected inputs."""
        flat = [w for words in sentences for w in words]
        new = [w for w in dict.fromkeys(flat) if w not in self._known]
        self._characters += sum(map(len, new))
        if len(self._known) + len(new) > self._most or self._characters > KEPT_CHARACTERS:
            self._known, new = {}, list(dict.fromkeys(flat))
            self._characters = sum(map(len, new))
        columns = [
            np.concatenate([self.model.vocabulary.feature_ids(name, f[name]) for f in features])
            for name in self.model.vocabulary.features
        ]
        if len(new) > self._most:  # a line with more different words than are kept: each time anew
            return lambda places: self._add(self._project([flat[p] for p in places.tolist()]), columns, places)
        for first in range(0, len(new), ENCODED):
            part = new[first : first + ENCODED]
            rows, begin = self._project(part), len(self._known)
            while begin + len(part) > len(self._rows):
                more = max(min(len(self._rows), self._most - len(self._rows)), begin + len(part) - len(self._rows))
                self._rows = np.concatenate([self._rows, np.zeros((more, self._rows.shape[1]), np.float32)])
            self._rows[begin : begin + len(part)] = rows
            self._known.update(zip(part, range(begin, begin + len(part)), strict=True))
        known = self._known
        index = np.array([known[w] for w in flat], np.int64)
        return lambda places: self._add(self._rows[index[places]], columns, places)

    def _add(self, rows: np.ndarray, columns: list[np.ndarray], places: np.ndarray) -> np.ndarray:
        for table, ids in zip(self._tables, columns, strict=True):
            rows += table[ids[places]]
        return rows

    def _project(self, words: list[str]) -> np.ndarray:
        vocabulary = self.model.vocabulary
        parts = []
        for first in range(0, len(words), ENCODED):
            part = words[first : first + ENCODED]
            x = self.model.words(
                vocabulary.word_ids(part), vocabulary.vector_rows(part), *vocabulary.character_ids(part)
            )
            wide = np.zeros((len(part), self._size), np.float32)
            wide[:, : x.shape[1]] = x
            parts.append(self.form.project(wide))
        return np.concatenate(parts)
