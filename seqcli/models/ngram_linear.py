"""Hashed n-grams of words and characters, scaled by naive-Bayes ratios, and one linear layer: fast, and hard to beat.

The features of a text are its word n-grams, with a mark at either end; its first words as extra features, which
distinguish questions; and the character n-grams of each word, with marks at the word's ends. A fixed hash assigns
each feature to one of `buckets`, and

    s_k = b_k + sum_f w_fk x_f / sqrt(n_f),

where x_f is the count of feature f in the text and n_f the count of all word features, or of all character features,
known or not. The weights are fitted to the softmax of the scores (for multi-label data to a sigmoid for each label)
under the penalty l2 / (2 C) sum_fk (w_fk / r_fk)^2 over C columns, with r_fk = |log(p_fk / q_fk)|^ratio: the weight
of a feature about as frequent in label k (p_fk, smoothed) as in the others (q_fk) must stay small, that of a feature
that distinguishes them may grow. This uses naive Bayes' log-count ratio as the scale of a feature (S. Wang and C.
Manning, Baselines and bigrams, ACL 2012) for any number of labels. Two labels need one column: the score of the
second against the first.

Weights are stored and added as integers, so that sums do not depend on their order, nor scores on batch-mates.
The character n-grams of a word are looked up when it is first met.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, Field, model_validator

from seqcli.datasets.vocabulary import Vocabulary
from seqcli.errors import SeqcliError
from seqcli.models._base import ClassWeights
from seqcli.models._ngram_terms import Term, terms
from seqcli.ngrams import MARK, buckets_of, hash_characters, hash_sequences, hash_words, numbers, words_of
from seqcli.records import Example

TASK = "classification"
VERBS = ("classify", "eval")
TRAINED = "counted"
TOKENIZED = False

CHUNK = 1 << 14  # positions times columns looked up at once
LINES = 1 << 12  # texts cut into words at once
FEW = 1 << 12  # up to so many n-grams are searched for; more need the table of all buckets, made in milliseconds
HELD = 1 << 22  # sums of words kept in memory, 16 MB
SHORT = 64  # pieces of text of up to so many characters are kept in memory

Order = Annotated[int, Field(ge=1, le=20)]


class Config(BaseModel, extra="forbid"):
    """Recipe keys of `model: {kind: ngram-linear}`."""

    kind: Literal["ngram-linear"] = "ngram-linear"
    words: Annotated[int, Field(ge=0, le=6)] = 2  # words of the longest word n-gram; 0: none
    characters: tuple[Order, Order] | None = (3, 6)  # shortest and longest n-gram within a word; null: none
    opening: Annotated[int, Field(ge=0, le=1000)] = 4  # number of first words that are extra features
    lowercase: bool = False
    min_count: Annotated[int, Field(ge=1)] = 1  # n-grams rarer than this in training are dropped
    buckets: Annotated[int, Field(ge=1, le=1 << 28)] = 1 << 22  # that n-grams are hashed into: 4 bytes each
    ratio: Annotated[float, Field(ge=0, le=2)] = 0.75  # power of the naive-Bayes ratios; 0: plain features
    l2: Annotated[float, Field(ge=0)] = 1e-5  # penalty on squared weights, relative to the mean loss per text
    iterations: Annotated[int, Field(ge=1)] = 60  # of L-BFGS, at most
    class_weights: ClassWeights = "none"  # balanced: every label counts the same in total; or {label: weight}

    @model_validator(mode="after")
    def _some_features(self) -> Config:
        if self.characters is None and not self.words and not self.opening:
            raise ValueError("words and opening are 0 and characters is null: no features are left")
        if self.characters and self.characters[0] > self.characters[1]:
            raise ValueError("characters: give the shortest n-gram first, as [3, 6]")
        return self


@dataclass(frozen=True, eq=False)
class Model:
    """A linear model with weights by bucket, in C columns: one if there are two exclusive labels, otherwise K."""

    kind: ClassVar[str] = "ngram-linear"

    config: Config
    labels: int  # K
    ids: np.ndarray  # (F,) uint32, ascending: the buckets whose weights are not all 0
    weights: np.ndarray  # (F, C) int16
    scale: np.ndarray  # (C,) float32: the value of an integer weight of 1
    bias: np.ndarray  # (C,) float32

    @classmethod
    def fit(
        cls,
        examples: Sequence[Example],
        targets: np.ndarray,
        vocabulary: Vocabulary,
        config: Config,
        *,
        multi_label: bool = False,
        class_weights: np.ndarray | None = None,
        advance: Callable[[int], object] = lambda n: None,
    ) -> Model:
        """Fit N examples; targets are labels (N,) 0 .. K-1, or (N, K) truth values or probabilities.

        `class_weights` (K,): the weight of an example of each label; with `multi_label`, the weight of a true label
        relative to its absence. Calls `advance(1)` after each of at most `config.iterations` iterations.
        Raises SeqcliError if there are no examples, no n-grams or no second label, or if SciPy is missing;
        ValueError for targets that do not fit.
        """
        from seqcli.models import _ngram_fit

        texts, labels = [example.text for example in examples], len(vocabulary.labels)
        arrays = _ngram_fit.fit(texts, targets, labels, config, multi_label, class_weights, advance)
        return cls.restore(config, vocabulary, arrays)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return `ids`, `weights`, `scale` and `bias`: see the fields."""
        return {"ids": self.ids, "weights": self.weights, "scale": self.scale, "bias": self.bias}

    @classmethod
    def restore(cls, config: Config, vocabulary: Vocabulary, arrays: Mapping[str, np.ndarray]) -> Model:
        """Restore the model that `arrays` describe. Raises SeqcliError if they do not fit."""
        labels = len(vocabulary.labels)
        if odd := sorted({"ids", "weights", "scale", "bias"} ^ arrays.keys()):
            raise SeqcliError(f"the stored weights do not fit the model's configuration: {', '.join(odd[:5])}")
        ids, weights, scale, bias = (arrays[name] for name in ("ids", "weights", "scale", "bias"))
        fits = (
            [a.dtype for a in (ids, weights, scale, bias)] == [np.uint32, np.int16, np.float32, np.float32]
            and (ids.ndim, weights.ndim, scale.ndim) == (1, 2, 1)
            and len(ids) == len(weights)
            and weights.shape[1] in ({1, 2} if labels == 2 else {labels})
            and scale.shape == bias.shape == weights.shape[1:]
            and bool((ids[1:] > ids[:-1]).all())
            and int(ids.max(initial=0)) < config.buckets
            and bool(np.isfinite(scale).all() and np.isfinite(bias).all())
        )
        if not fits:
            raise SeqcliError("the stored weights contradict each other", hint="train the model again")
        return cls(config, labels, ids, weights, scale, bias)

    @property
    def parameters(self) -> int:
        """The number of weights."""
        return self.weights.size + self.bias.size

    def logits(self, examples: Sequence[Example]) -> np.ndarray:
        """Return the scores (N, K) float32 in nats; each row depends on its own text alone, to the last bit."""
        parts = [self._logits(examples[i : i + LINES]) for i in range(0, len(examples), LINES)]
        return np.concatenate(parts) if parts else np.zeros((0, self.labels), np.float32)

    def _logits(self, examples: Sequence[Example]) -> np.ndarray:
        rows, lengths = self._words.rows([example.text for example in examples])
        words, characters, spelled = self._sums(rows, lengths)
        per_word = numbers(lengths, self.config.words, self.config.opening)
        scores = self.bias.astype(np.float64)
        for sums, total in ((words, per_word), (characters, spelled)):
            scores = scores + sums * self.scale / np.sqrt(np.maximum(total, 1))[:, None]
        if scores.shape[1] < self.labels:
            scores = np.concatenate([-scores, scores], axis=1) / 2
        return scores.astype(np.float32)

    def _sums(self, rows: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the exact sums of the weights of N texts' word n-grams (N, C) and character n-grams (N, C), and the
        number of the latter (N,). `rows` are the words' rows in `_Words`, with a mark before each text."""
        columns = self.weights.shape[1]
        held, hashes = self._words.sums, self._words.hashes
        starts = np.cumsum(lengths) - lengths
        sums = np.zeros((len(lengths), held.shape[1]), np.int64)
        step = max(1, CHUNK // columns)
        orders = range(2, self.config.words + 1)  # single words are in `held`
        grams = list(hash_sequences(hashes[rows], lengths, orders, self.config.opening))
        lines = np.repeat(np.arange(len(lengths)), lengths)
        for first in range(0, len(lines), step):
            part = slice(first, min(first + step, len(lines)))
            found = held.take(rows[part], axis=0)
            for hashed, valid in grams:
                found[:, :columns] += self._table.take(np.where(valid[part], self._rows(hashed[part]), 0), axis=0)
            begins = np.maximum(starts[lines[first] : lines[part.stop - 1] + 1] - first, 0)
            sums[lines[first] : lines[part.stop - 1] + 1] += np.add.reduceat(found, begins, axis=0, dtype=np.int64)
        return sums[:, :columns], sums[:, columns:-1], sums[:, -1]

    def terms(self, text: str) -> tuple[np.ndarray, list[Term]]:
        """Return the bias (K,), and what each n-gram of a text adds to it: they sum to the logits."""
        return terms(self, text)

    def find(self, hashes: np.ndarray) -> np.ndarray:
        """Return the weights (n, C) int16 of n-grams by their hashes (n,), 0 for an unknown one."""
        return self._table[self._rows(hashes)]

    def _rows(self, hashes: np.ndarray) -> np.ndarray:
        """Return the row of `_table` (n,) for each hash (n,)."""
        buckets = buckets_of(hashes, self.config.buckets)
        if len(hashes) > FEW or not len(self.ids) or "_places" in self.__dict__:
            return self._places[buckets]
        found = np.minimum(np.searchsorted(self.ids, buckets.astype(np.uint32)), len(self.ids) - 1)
        return np.where(self.ids[found] == buckets, found + 1, 0)

    @cached_property
    def _table(self) -> np.ndarray:
        """The weights after a row of zeros for unknown n-grams, (F + 1, C)."""
        return np.concatenate([np.zeros_like(self.weights[:1], shape=(1, self.weights.shape[1])), self.weights])

    @cached_property
    def _places(self) -> np.ndarray:
        """The row of `_table` for each bucket, (buckets,)."""
        places = np.zeros(self.config.buckets, np.int32)
        places[self.ids] = np.arange(1, len(self.ids) + 1, dtype=np.int32)
        return places

    @cached_property
    def _words(self) -> _Words:
        return _Words(self)


class _Words(dict[str, int]):
    """A cache of rows by word, filled when a word is first met and emptied when it is too large.

    `hashes` (n,) uint64; `sums` (n, 2 C + 1) int32: the weights of the word, the sums of its character n-grams'
    weights, and the number of those n-grams. Row 0 belongs to the mark, which has no weights.
    """

    def __init__(self, model: Model):
        super().__init__()
        self._model, self._limit = model, max(1, HELD // (2 * model.weights.shape[1] + 1))
        self._new: list[str] = []
        self._pieces = _Pieces(self, model.config.lowercase)
        self._empty()

    def _empty(self) -> None:
        self.clear()
        self._pieces.clear()
        self[MARK], self._pieces[MARK] = 0, (0,)
        self.hashes = hash_words([MARK])
        self.sums = np.zeros((1, 2 * self._model.weights.shape[1] + 1), np.int32)

    def __missing__(self, word: str) -> int:
        self[word] = row = len(self)
        self._new.append(word)
        return row

    def rows(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows of N texts' words, with the mark's row before each text and after the last, and the number
        of words of each text with its mark (N,)."""
        if max(len(self), len(self._pieces)) > self._limit:
            self._empty()
        pieces = chain.from_iterable([MARK, *text.split()] for text in texts)
        found = np.array([*chain.from_iterable(map(self._pieces.__getitem__, pieces)), 0], np.int64)
        if self._new:
            self._learn(self._new)
            self._new = []
        return found, np.diff(np.flatnonzero(found == 0))

    def _learn(self, words: list[str]) -> None:
        config, columns = self._model.config, self._model.weights.shape[1]
        hashes = hash_words(words)
        sums = np.zeros((len(words), 2 * columns + 1), np.int32)
        if config.words:
            one = np.append(hashes, hashes[:1]), np.array([len(words)])
            ((found, _),) = hash_sequences(*one, [1], 0)
            sums[:, :columns] = self._model.find(found)
        if config.characters:
            grams, lengths = hash_characters(words, *config.characters)
            ends = np.cumsum(lengths)
            starts = ends - lengths
            some = np.flatnonzero(lengths)
            if len(some):
                found = self._model.find(grams)
                sums[some, columns:-1] = np.add.reduceat(found, starts[some], axis=0, dtype=np.int32)
            sums[:, -1] = lengths
        self.hashes = np.concatenate([self.hashes, hashes])
        self.sums = np.concatenate([self.sums, sums])


class _Pieces(dict[str, tuple[int, ...]]):
    """A cache of the rows of the words in each piece of text between white space."""

    def __init__(self, words: _Words, lowercase: bool):
        super().__init__()
        self._words, self._lowercase = words, lowercase

    def __missing__(self, piece: str) -> tuple[int, ...]:
        rows = tuple(self._words[word] for word in words_of(piece, self._lowercase))
        if len(piece) <= SHORT:
            self[piece] = rows
        return rows
