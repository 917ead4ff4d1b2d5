"""What models that read words share: words from ids, vectors and characters; the loss of a text's labels."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from seqcli import front_ends, ops, registry
from seqcli.datasets.batch import STEPS, up
from seqcli.datasets.vocabulary import MARKS, UNKNOWN, Vocabulary
from seqcli.errors import SeqcliError, UsageError
from seqcli.front_ends import padded
from seqcli.inference.words import form_of
from seqcli.layers import objective
from seqcli.layers.blank import Rng
from seqcli.models._base import Trained
from seqcli.models._heads import HasHeads
from seqcli.ops import Array

ENCODED = 1024  # words encoded at once: bounds the memory


class ReadsWords(Trained):
    """A model with a table of words, perhaps an encoder of characters, and dropout."""

    embedding: Array | None  # (words + 1, E); None: the model reads frames
    characters: Any  # an encoder, or None
    front_end: Any  # reads frames; None: the model reads words
    stack: Any  # reads sequences of words: cells, or blocks of attention
    vocabulary: Vocabulary
    readers: tuple[Any, ...]  # the language models of `vocabulary.reader` while they are trained too; else empty

    def words(
        self, ids: Array, vectors: Array, characters: Array | None = None, lengths: Array | None = None
    ) -> Array:
        """Return the representations (U, ·) of different words: ids (U,), vectors (U, D), characters (U, L) and their
        lengths (U,)."""
        parts = [ops.embedding(ids, self.embedding)]
        if vectors.shape[1]:
            parts.append(vectors)
        if self.characters is not None:
            parts.append(self.characters.encode(characters, lengths))
        return ops.concat(parts)

    @property
    def encoded_size(self) -> int:
        """C: the size of the stack's output for a word or frame."""
        return self.stack.output_size

    def encode(self, x: Array, lengths: Array, rng: Any = None) -> Array:
        """Run the stack over a padded batch: x (T, B, I), lengths (B,) -> (T, B, C)."""
        return self.stack.read(self.drop(x, rng), lengths, between=lambda y: self.drop(y, rng))

    def inputs(self, batch: Mapping[str, Array]) -> tuple[Array, Array]:
        """Return the stack's input (T, B, ·) for a padded batch, and lengths (B,). The batch holds words as `ids`,
        `vectors`, `characters` (see `words`) and `index` (T, B) into them, and with a reader also `states` (T, B, S)
        or the reader's own input (see `read_through`); or it holds `frames` (N, D), concatenated."""
        if self.front_end is not None:
            rows, lengths = self.front_end.read(batch["frames"], ops.to_numpy(batch["lengths"]))
            return padded(rows, lengths, up(int(lengths.max()), STEPS)), ops.integers(lengths, rows)
        words = self.words(batch["ids"], batch["vectors"], batch["characters"], batch["character_lengths"])
        x = ops.embedding(batch["index"], words)
        if self.vocabulary.states:
            x = ops.concat([x, batch["states"] if "states" in batch else self.read_through(batch)])
        return x, batch["lengths"]

    def read_through(self, batch: Mapping[str, Array]) -> Array:
        """Return states (T, B, S) of the model's own `readers`, with gradients. The first reader reads `symbols0`
        (L, B); `ends0` (T, B) is the index of each word's state among (L·B, ·), and L·B in the padding."""
        found = []
        for i, own in enumerate(self.readers):
            symbols = batch[f"symbols{i}"]
            y, _ = own.hidden(symbols, own.initial_state(symbols.shape[1]))
            rows = y.reshape(-1, y.shape[-1])
            rows = ops.concat([rows, ops.zeros((1, rows.shape[1]), rows)], axis=0)
            found.append(ops.embedding(batch[f"ends{i}"], rows))
        return ops.concat(found)

    def states(self, records: Sequence[Any]) -> Sequence[np.ndarray]:
        """Return the reader's states (T, S) for each record's words; nothing for a model without a reader."""
        return self._reader(records) if self.vocabulary.states else ()

    @cached_property
    def _reader(self) -> Any:
        return self.vocabulary.reader.trained(self.readers) if self.readers else self.vocabulary.reader

    def of_words(self, words: Sequence[str], width: int = 0) -> np.ndarray:
        """Return the representations of words in NumPy, (U, ·), padded with zeros to `width`."""
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

    # frames in NumPy

    def of_frames(self, sequences: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Return the concatenated outputs (N, C) of sequences of frames (T, D), and the length of each (B,)."""
        own = np.array([len(x) for x in sequences], np.int64)
        rows, lengths = self.front_end.read(np.concatenate(sequences), own)
        first = self._form.project(rows)
        return self._form.read(lengths, lambda places, d: first[d][places]), lengths

    @cached_property
    def _form(self) -> Any:
        return form_of(self.stack)


class LabelsTexts(HasHeads, ReadsWords):
    """A model that scores the labels of texts in padded batches; the labels of several targets stand side by side."""

    label_smoothing: float

    @abstractmethod
    def scores(self, x: Array, lengths: Array, rng: Any = None, seconds: Array | None = None) -> Array:
        """Return logits (B, K) of a padded batch: x (T, B, ·), lengths (B,) of at least 1; `seconds` (B,): where the
        second of two joined texts begins, for a model that separates them."""

    def loss(self, batch: Mapping[str, Array], rng: Any = None) -> Array:
        """Return the mean loss in nats per record of a padded batch (see `tasks/classification` for its parts),
        weighted by record; for several targets, the weighted sum of their losses."""
        logits = self.scores(*self.inputs(batch), rng, *(batch[n] for n in batch if n == "seconds"))
        if "further" not in batch:
            return (batch["weights"] * self._nats(logits, batch["targets"])).mean()
        first, *others = self.vocabulary.slices.items()
        found = {first[0]: (batch["weights"] * self._nats(logits[:, first[1]], batch["targets"])).mean()}
        for (name, own), labels in zip(others, batch["further"], strict=True):
            found[name] = self._nats(logits[:, own], labels).mean()
        return self.weighted(found)

    def _nats(self, logits: Array, targets: Array) -> Array:
        return objective.nats(logits, targets, smoothing=self.label_smoothing)


def table(vocabulary: Vocabulary, size: int, rng: Rng, *, unknown_is_trained: bool) -> np.ndarray | None:
    """Return a fresh table (words + 1, E) of variance 1/E, or None for frames. The row of unknown words is 0 unless
    training shows them."""
    if vocabulary.dimensions:
        return None
    made = rng.normal(0.0, 1 / np.sqrt(size), (len(vocabulary.words) + 1, size)).astype(np.float32)
    if not unknown_is_trained:
        made[UNKNOWN] = 0.0
    return made


def front_end(config: Any, vocabulary: Vocabulary, rng: Rng) -> Any:
    """Create a recipe's front end; None if the model reads words. Raises UsageError for keys that do not apply."""
    if vocabulary.dimensions and config.word_dropout:
        raise UsageError("model.word_dropout applies to words; for frames see frames.augment")
    return front_ends.create(getattr(config, "front_end", None), vocabulary.dimensions, config.embedding, rng)


def encoder(config: Any, vocabulary: Vocabulary, rng: Rng) -> tuple[Any, int]:
    """Create a recipe's encoder of characters, or None, and return it with the total size of a word's representation,
    reader states included.

    Raises SeqcliError if the vocabulary has other columns than the recipe."""
    if sorted(vocabulary.features) != sorted(getattr(config, "features", ())):
        raise SeqcliError(f"the vocabulary has the columns {[*vocabulary.features]}, but the model reads others")
    spec, size = config.characters, config.embedding + vocabulary.vectors.shape[1] + vocabulary.states
    if spec is None or vocabulary.dimensions:
        return None, size
    module = registry.load("characters", spec["kind"])
    made = module.Encoder.create(module.Config(**spec), len(vocabulary.characters) + MARKS, rng)
    return made, size + made.output_size
