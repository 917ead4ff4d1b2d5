"""Recurrent classifier: cells over words, characters or sub-words, pooled into one vector, a softmax over labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, Field, model_validator

from seqcli import layers, ops
from seqcli.characters import CharactersSpec
from seqcli.datasets.vocabulary import Vocabulary
from seqcli.inference.words import WordBank
from seqcli.layers.blank import Rng
from seqcli.layers.choice import CellSpec, FrontEndSpec
from seqcli.layers.pairs import Hop, Pair, compared, look, look_flat
from seqcli.layers.pooling import Attention, Kind, pool, pool_flat
from seqcli.models import _heads
from seqcli.models._base import ClassWeights, Depth, ModelNames, Rate, Size, head, stack
from seqcli.models._words import LabelsTexts, encoder, front_end, table
from seqcli.ops import Array
from seqcli.records import MARK, Example, apart, second

TASK = "classification"
VERBS = ("classify", "eval", "embed")
TRAINED = "gradient"
FRAMES = True  # it can read frames too
OF_TEXT = ("characters", "word_dropout", "linear")  # keys that do not apply to frames
DEFAULT = True  # the kind of the task if a recipe names none

Hops = Annotated[int, Field(gt=0, le=100)]

GROUP = 8192  # words processed at once; a single text may be longer


class BaseConfig(BaseModel, extra="forbid"):
    """Keys of `model` that do not depend on the layers that read the words."""

    kind: str
    embedding: Size = 128  # E: of words, characters or pieces, or of a front end's output
    characters: CharactersSpec = None  # a file of seqcli/characters that reads each word's characters too, or none
    reader: ModelNames = []  # one or more language models, as runs/lm, whose states are added to each word's input
    front_end: FrontEndSpec = None  # of frames: a file of seqcli/front_ends, or {kind: conv, ...}; default: linear
    pooling: Kind = "max"  # over time: last, mean, max, attention
    pair: Pair = (
        "joined"  # two texts: joined, read as one; compare, read apart; attend, the first attends to the second
    )
    hops: Hops = 1  # of attend: how often it attends, each time with what it found before
    word_dropout: Rate = 0.0  # of a batch's words, which become unknown
    dropout: Rate = 0.0  # of the inputs of each layer and of the softmax
    label_smoothing: Rate = 0.0  # share of the target probability spread evenly over all labels
    class_weights: ClassWeights = "none"  # balanced: every label counts the same in total; or {label: weight}
    targets: dict[str, _heads.Keys] = {}  # of several targets (data.label), by name: weight
    linear: bool = False  # add the scores of an ngram-linear model with a weight fitted on the validation split

    @model_validator(mode="after")
    def _hops(self) -> Self:
        if self.hops > 1 and self.pair != "attend":
            raise ValueError("hops: applies only to pair: attend")
        return self


class Config(BaseConfig):
    """Recipe keys of `model` for a recurrent classifier."""

    kind: Literal["classifier"] = "classifier"
    cell: CellSpec = Field(default="lstm", validate_default=True)  # a file of seqcli/cells, or {kind: rnn, ...}
    hidden: Size = 128  # H: of each direction
    layers: Depth = 1
    bidirectional: bool = True
    variational: bool = False  # one dropout mask for all time steps (Gal & Ghahramani 2016)


@dataclass(frozen=True)
class Model(LabelsTexts):
    """A model W pool(y_1 ... y_T) + b over the outputs y_t of the stack; for two texts see `layers/pairs.py`.

    Letters: T, B, E, H as everywhere; U different words of a batch, K labels (of all targets), C = H·directions.
    """

    embedding: Array | None  # (words + 1, E)
    characters: Any  # an encoder, or None
    front_end: Any  # reads frames; None: the model reads words
    stack: Any  # a Stack, or blocks of attention in its place
    attention: Attention | None
    hops: tuple[Hop, ...]  # of a pair whose first text attends to the second
    output_weight: Array  # (K, C); (K, 4 C) if two texts are compared
    output_bias: Array  # (K,)
    vocabulary: Vocabulary = layers.static()
    weights: Mapping[str, float] = layers.static()
    pooling: Kind = "max"
    pair: Pair = "joined"
    readers: tuple[Any, ...] = ()
    dropout: float = 0.0
    variational: bool = False
    label_smoothing: float = 0.0

    kind = "classifier"
    features = ()  # no further columns

    @classmethod
    def stacked(cls, config: Any, inputs: int, rng: Rng) -> Any:
        """Create fresh layers that read the words."""
        return stack(config.cell, inputs, [config.hidden] * config.layers, rng, bidirectional=config.bidirectional)

    @classmethod
    def create(cls, config: Any, vocabulary: Vocabulary, rng: Rng) -> Self:
        characters, size = encoder(config, vocabulary, rng)
        cells, labels = cls.stacked(config, size, rng), vocabulary.width
        C, hops = cells.output_size, config.hops if config.pair == "attend" else 0
        return cls(
            embedding=table(vocabulary, config.embedding, rng, unknown_is_trained=False),
            characters=characters,
            front_end=front_end(config, vocabulary, rng),
            stack=cells,
            attention=Attention.create(C, rng) if config.pooling == "attention" else None,
            hops=tuple(Hop.create(C, rng) for _ in range(hops)),
            output_weight=head(labels, 4 * C if config.pair == "compare" else C, rng),
            output_bias=np.zeros(labels, np.float32),
            vocabulary=vocabulary,
            weights=_heads.weights(config, vocabulary),
            **cls.numbers(config),
        )

    # the forward pass, written once for training (torch) and inference (NumPy)

    def scores(self, x: Array, lengths: Array, rng: Any = None, seconds: Array | None = None) -> Array:
        return self.read_off(self.encode(x, lengths, rng), lengths, rng, seconds)

    def read_off(self, y: Array, lengths: Array, rng: Any = None, seconds: Array | None = None) -> Array:
        """Return logits (B, K) from outputs y (T, B, C); to compare two texts, the second half of B are the second
        texts.

        If one text attends to another, the mark between them belongs to both, so that neither is empty.
        """
        pooled = pool(
            self.pooling, y, lengths if seconds is None else seconds + 1, self.attention, both=self.stack.both
        )
        if seconds is not None:
            times = ops.arange(y.shape[0], y)[None]
            pooled = look(self.hops, pooled, y, (times >= seconds[:, None]) & (times < lengths[:, None]))
        if self.pair == "compare":
            pooled = compared(*pooled.reshape(2, -1, pooled.shape[1]))
        return ops.linear(self.drop(pooled[None], rng)[0], self.output_weight, self.output_bias)

    # inference on NumPy

    @cached_property
    def _bank(self) -> WordBank:
        return WordBank(self)

    def logits(self, examples: Sequence[Example]) -> np.ndarray:
        """Return logits (N, K) of texts split into words; each row is independent of the others, to the last bit."""
        return self.read(examples)[0]

    def read(self, examples: Sequence[Example]) -> tuple[np.ndarray, list[np.ndarray]]:
        """Return logits (N, K), and the attention that each text's words get: (T,) if the pooling is attention,
        (T, hops) if one of two texts attends to the other.

        A text without words has the logits of a pooled vector of zeros.
        """
        summary, attention = self._summed(examples)
        return ops.linear(summary, self.output_weight, self.output_bias), attention

    def summary(self, examples: Sequence[Example]) -> np.ndarray:
        """Return the last layer's input for texts split into words: (N, C), or (N, 4 C) for two that are compared;
        zeros for a text without words. Each row is independent of the others, to the last bit."""
        return self._summed(examples)[0]

    def encoded(self, examples: Sequence[Example]) -> list[np.ndarray]:
        """Return the outputs (T, C) for each text's words or frames, likewise independent."""
        found = [np.zeros((0, self.encoded_size), np.float32)] * len(examples)
        for group in groups([e.length for e in examples]):
            y, lengths = self._outputs([examples[i] for i in group])
            for i, part in zip(group, np.split(y, np.cumsum(lengths)[:-1]), strict=True):
                found[i] = part
        return found

    def _summed(self, examples: Sequence[Example]) -> tuple[np.ndarray, list[np.ndarray]]:
        """Return the last layer's input, and the attention as `read` returns it."""
        if self.pair != "compare":
            return self._pooled(examples)
        pairs, n = [apart(e.words or []) for e in examples], len(examples)
        pooled, weights = self._pooled([Example("", words=[*pair[i]]) for i in (0, 1) for pair in pairs])
        attention = []
        for example, a, b in zip(examples, weights[:n], weights[n:], strict=True):
            words = example.words or []
            attention.append(np.zeros(len(words) if len(a) else 0, np.float32))
            if len(a):
                at = words.index(MARK) if MARK in words else len(words)
                attention[-1][:at], attention[-1][at + 1 :] = a[:at] / 2, b[: max(len(words) - at - 1, 0)] / 2
        return compared(pooled[:n], pooled[n:]), attention

    def _pooled(self, examples: Sequence[Example]) -> tuple[np.ndarray, list[np.ndarray]]:
        """Return the pooled vectors (N, C), and the attention of each text's words."""
        pooled = np.zeros((len(examples), self.stack.output_size), np.float32)
        attention = [np.zeros(0, np.float32)] * len(examples)
        for group in groups([e.length for e in examples]):
            y, lengths = self._outputs([examples[i] for i in group])
            if self.pair == "attend":
                seconds = np.array([second(examples[i].words or []) for i in group])
                pooled[group], weights = self._looked(y, lengths, seconds)
            else:
                pooled[group], weights = pool_flat(self.pooling, y, lengths, self.attention, both=self.stack.both)
            if weights is not None:
                for i, part in zip(group, np.split(weights, np.cumsum(lengths)[:-1]), strict=True):
                    attention[i] = part
        return pooled, attention

    def _outputs(self, examples: Sequence[Example]) -> tuple[np.ndarray, np.ndarray]:
        """Return the concatenated outputs (N, C) of texts that are not empty, and the length of each."""
        if self.front_end is not None:
            return self.of_frames([example.frames for example in examples])
        sequences = [example.words or [] for example in examples]
        lengths = np.array([len(s) for s in sequences], np.int64)
        return self._bank.form.read(lengths, self._bank.inputs(sequences, states=self.states(examples))), lengths

    def _looked(self, y: np.ndarray, lengths: np.ndarray, seconds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the pooled vectors of first texts that attend to second ones, from outputs y (N, C), and the
        attention (N, hops)."""
        at = np.arange(len(y)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        first, other = at <= np.repeat(seconds, lengths), at >= np.repeat(seconds, lengths)
        query, _ = pool_flat(self.pooling, y[first], seconds + 1, self.attention, both=self.stack.both)
        weights = np.zeros((len(y), len(self.hops)), np.float32)
        query, weights[other] = look_flat(self.hops, query, y[other], lengths - seconds)
        return query, weights


def groups(lengths: Sequence[int]) -> list[list[int]]:
    """Return the indices of non-empty sequences in groups to process together: in order, at most GROUP words each."""
    found: list[list[int]] = []
    held = GROUP
    for i, length in enumerate(lengths):
        if not length:
            continue
        if held + length > GROUP:
            found.append([])
            held = 0
        found[-1].append(i)
        held += length
    return found
