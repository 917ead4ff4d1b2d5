"""What models that read words have in common: words from ids, vectors and characters; the loss of a text's labels."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seqcli import ops, registry
from seqcli.datasets.vocabulary import MARKS, UNKNOWN, Vocabulary
from seqcli.layers import objective
from seqcli.layers.batch import BatchForm
from seqcli.layers.blank import Rng
from seqcli.models._base import Trained
from seqcli.ops import Array

KEPT_BYTES = 64 << 20  # of words' projected inputs that are kept
KEPT_CHARACTERS = 16 << 20  # of those words themselves
ENCODED = 1024  # words encoded at once: bounds the memory


class ReadsWords(Trained):
    """A model with a table of words, perhaps an encoder of characters, and dropout."""

    embedding: Array  # (words + 1, E)
    characters: Any  # an encoder, or None
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
    """A fresh encoder of words' characters, as a recipe says, or None, and how many numbers a word is in all."""
    spec, size = config.characters, config.embedding + vocabulary.vectors.shape[1]
    if spec is None:
        return None, size
    module = registry.load("characters", spec["kind"])
    made = module.Encoder.create(module.Config(**spec), len(vocabulary.characters) + MARKS, rng)
    return made, size + made.output_size


class WordBank:
    """Words' projected first-layer inputs, kept: a word is the same wherever it stands.

    W_ih x_t is a sum over the parts of x_t, so that further columns add a row of their own small tables.
    """

    def __init__(self, model: Any):
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
        self._most = max(KEPT_BYTES // nothing.nbytes, 1)
        self._rows = nothing.repeat(1024, axis=1)
        self._known: dict[str, int] = {}
        self._characters = 0  # of the words known

    def inputs(self, sentences: Sequence[Sequence[str]], features: Sequence[Mapping[str, Sequence[str]]] = ()) -> Any:
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
            return lambda places, d: self._add(
                self._project([flat[p] for p in places.tolist()])[d], columns, places, d
            )
        for first in range(0, len(new), ENCODED):
            part = new[first : first + ENCODED]
            rows, begin = self._project(part), len(self._known)
            while begin + len(part) > (held := self._rows.shape[1]):
                more = max(min(held, self._most - held), begin + len(part) - held)
                self._rows = np.concatenate([self._rows, self._rows[:, :1].repeat(more, axis=1)], axis=1)
            self._rows[:, begin : begin + len(part)] = rows
            self._known.update(zip(part, range(begin, begin + len(part)), strict=True))
        known = self._known
        index = np.array([known[w] for w in flat], np.int64)
        return lambda places, d: self._add(self._rows[d].take(index[places], axis=0), columns, places, d)

    def _add(self, rows: np.ndarray, columns: list[np.ndarray], places: np.ndarray, d: int) -> np.ndarray:
        for table, ids in zip(self._tables, columns, strict=True):
            rows += table[d, ids[places]]
        return rows

    def _project(self, words: list[str]) -> np.ndarray:
        return self.form.project(self.model.of_words(words, self._size))
