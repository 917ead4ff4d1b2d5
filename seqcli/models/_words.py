"""What models that read words have in common: words from ids, vectors and characters; the loss of a text's labels."""

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

    embedding: Array | None  # (words + 1, E); None: frames are read
    characters: Any  # an encoder, or None
    front_end: Any  # what reads frames, or None: words are read
    stack: Any  # what reads sequences of words: cells, or blocks of attention
    vocabulary: Vocabulary
    readers: tuple[Any, ...]  # the language models of `vocabulary.reader`, while they are trained too; else none

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

    @property
    def encoded_size(self) -> int:
        """C: numbers that the stack gives for a word or frame."""
        return self.stack.output_size

    def encode(self, x: Array, lengths: Array, rng: Any = None) -> Array:
        """What the stack makes of a padded batch: x (T, B, I), lengths (B,) -> (T, B, C)."""
        return self.stack.read(self.drop(x, rng), lengths, between=lambda y: self.drop(y, rng))

    def inputs(self, batch: Mapping[str, Array]) -> tuple[Array, Array]:
        """What the stack reads of a padded batch: (T, B, ·), and lengths (B,). Its words are `ids`, `vectors`,
        `characters` (see `words`) and `index` (T, B) into them, and `states` (T, B, S) where language models read
        them too, or what those are to read (see `read`); or it has `frames` (N, D), end to end."""
        if self.front_end is not None:
            rows, lengths = self.front_end.read(batch["frames"], ops.to_numpy(batch["lengths"]))
            return padded(rows, lengths, up(int(lengths.max()), STEPS)), ops.integers(lengths, rows)
        words = self.words(batch["ids"], batch["vectors"], batch["characters"], batch["character_lengths"])
        x = ops.embedding(batch["index"], words)
        if self.vocabulary.states:
            x = ops.concat([x, batch["states"] if "states" in batch else self.read_through(batch)])
        return x, batch["lengths"]

    def read_through(self, batch: Mapping[str, Array]) -> Array:
        """States (T, B, S) by the model's own `readers`, with gradients: the first one reads `symbols0`
        (L, B), and `ends0` (T, B) is which of its states (L·B, ·) is each word's, L·B behind a record's last."""
        found = []
        for i, own in enumerate(self.readers):
            symbols = batch[f"symbols{i}"]
            y, _ = own.hidden(symbols, own.initial_state(symbols.shape[1]))
            rows = y.reshape(-1, y.shape[-1])
            rows = ops.concat([rows, ops.zeros((1, rows.shape[1]), rows)], axis=0)
            found.append(ops.embedding(batch[f"ends{i}"], rows))
        return ops.concat(found)

    def states(self, records: Sequence[Any]) -> Sequence[np.ndarray]:
        """What language models give for the words of records, (T, S) each; nothing of a model without."""
        return self._reader(records) if self.vocabulary.states else ()

    @cached_property
    def _reader(self) -> Any:
        return self.vocabulary.reader.trained(self.readers) if self.readers else self.vocabulary.reader

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

    # frames in NumPy

    def of_frames(self, sequences: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Outputs (N, C) of sequences of frames (T, D) each, end to end, and the length of each (B,)."""
        own = np.array([len(x) for x in sequences], np.int64)
        rows, lengths = self.front_end.read(np.concatenate(sequences), own)
        first = self._form.project(rows)
        return self._form.read(lengths, lambda places, d: first[d][places]), lengths

    @cached_property
    def _form(self) -> Any:
        return form_of(self.stack)


class LabelsTexts(HasHeads, ReadsWords):
    """A model that scores the labels of texts in padded batches, those of several targets side by side."""

    label_smoothing: float

    @abstractmethod
    def scores(self, x: Array, lengths: Array, rng: Any = None, seconds: Array | None = None) -> Array:
        """Logits (B, K) of a padded batch: x (T, B, ·), lengths (B,) of at least 1; `seconds` (B,): where the second
        of two texts that were read as one begins, of a model that parts them."""

    def loss(self, batch: Mapping[str, Array], rng: Any = None) -> Array:
        """Mean nats a record of a padded batch (see `tasks/classification` for its parts), by their weights; of
        several targets the sum of theirs."""
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
    """A fresh table (words + 1, E) of words, of variance 1/E; what training never shows is 0; None of frames."""
    if vocabulary.dimensions:
        return None
    made = rng.normal(0.0, 1 / np.sqrt(size), (len(vocabulary.words) + 1, size)).astype(np.float32)
    if not unknown_is_trained:
        made[UNKNOWN] = 0.0
    return made


def front_end(config: Any, vocabulary: Vocabulary, rng: Rng) -> Any:
    """A fresh front end, as a recipe says; None where words are read. Raises UsageError for keys of the other."""
    if vocabulary.dimensions and config.word_dropout:
        raise UsageError("model.word_dropout is of words; frames.augment has what frames are trained with")
    return front_ends.create(getattr(config, "front_end", None), vocabulary.dimensions, config.embedding, rng)


def encoder(config: Any, vocabulary: Vocabulary, rng: Rng) -> tuple[Any, int]:
    """A fresh encoder of words' characters, as a recipe says, or None, and how many numbers a word is in all, what
    language models give for it among them.

    Raises SeqcliError where the vocabulary is of other columns than the recipe's."""
    if sorted(vocabulary.features) != sorted(getattr(config, "features", ())):
        raise SeqcliError(f"the vocabulary has the columns {[*vocabulary.features]}, the model reads others")
    spec, size = config.characters, config.embedding + vocabulary.vectors.shape[1] + vocabulary.states
    if spec is None or vocabulary.dimensions:
        return None, size
    module = registry.load("characters", spec["kind"])
    made = module.Encoder.create(module.Config(**spec), len(vocabulary.characters) + MARKS, rng)
    return made, size + made.output_size
