"""A sequence as one vector: its last output, the mean, the maximum, or a mean weighted by attention.

Each kind is written twice: over padded batches (the equation, for NumPy and torch), and over sequences laid end to
end, in NumPy, where a sequence's result does not depend on the others to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Self

import numpy as np

from seqcli import ops
from seqcli.errors import UsageError
from seqcli.layers.blank import Rng
from seqcli.ops import Array

Kind = Literal["last", "mean", "max", "attention"]
POOLS = ("mean", "last", "max")  # ways to pool the vectors of a record's words into one
HIDDEN = -1e4  # the value of padding; outputs of bounded cells, and ReLUs, stay above it


@dataclass(frozen=True)
class Attention:
    """a_t = softmax over t of v · tanh(W y_t + b); the pooled vector is Σ a_t y_t (Yang et al. 2016, 5 to 7)."""

    weight: Array  # (C, C)
    bias: Array  # (C,)
    context: Array  # (1, C): v

    @classmethod
    def create(cls, size: int, rng: Rng) -> Attention:
        """Return fresh weights for outputs of size C."""
        bound = 1 / np.sqrt(size)
        return cls(
            weight=rng.uniform(-bound, bound, (size, size)).astype(np.float32),
            bias=np.zeros(size, np.float32),
            context=rng.uniform(-bound, bound, (1, size)).astype(np.float32),
        )

    def scores(self, y: Array) -> Array:
        """Return v · tanh(W y + b): y (..., C) -> (...)."""
        return ops.linear(ops.tanh(ops.linear(y, self.weight, self.bias)), self.context)[..., 0]


def pool(kind: Kind, y: Array, lengths: Array, attention: Attention | None = None, *, both: bool = False) -> Array:
    """Pool padded sequences: y (T, B, C), lengths (B,) of at least 1 -> (B, C).

    `both`: the second half of C is the backward direction, whose last output is at the first step.
    """
    T, B, C = y.shape
    inside = ops.arange(T, y)[:, None] < lengths[None]  # (T, B)
    zero = ops.zeros((1,), y)
    if kind == "mean":
        return ops.where(inside[..., None], y, zero).sum(0) / lengths[:, None]
    if kind == "max":
        return ops.amax(ops.where(inside[..., None], y, zero + HIDDEN), axis=0)
    if kind == "last":
        last = y[lengths - 1, ops.arange(B, y)]
        return ops.concat([last[:, : C // 2], y[0, :, C // 2 :]]) if both else last
    assert attention is not None
    scores = ops.where(inside, attention.scores(y), zero + HIDDEN)  # (T, B)
    weights = ops.softmax(ops.at_least_float32(scores).T).T
    return (weights[..., None] * y).sum(0)


def pool_flat(
    kind: Kind, y: np.ndarray, lengths: np.ndarray, attention: Attention | None = None, *, both: bool = False
) -> tuple[np.ndarray, np.ndarray | None]:
    """Pool sequences laid end to end: y (N, C), lengths (B,) of at least 1 -> (B, C), and the attention (N,)."""
    starts = np.cumsum(lengths) - lengths
    if kind == "mean":
        return np.add.reduceat(y, starts, axis=0) / lengths[:, None].astype(y.dtype), None
    if kind == "max":
        return np.maximum.reduceat(y, starts, axis=0), None
    if kind == "last":
        last, half = y[starts + lengths - 1], y.shape[1] // 2
        return (np.concatenate([last[:, :half], y[starts, half:]], axis=1) if both else last), None
    assert attention is not None
    weights = share_out(attention.scores(y), starts, lengths)
    return np.add.reduceat(weights[:, None] * y, starts, axis=0), weights


def whole(kind: Any, y: np.ndarray, *, both: bool = False) -> np.ndarray:
    """Pool one sequence: y (T, C) -> (C,), zeros if it is empty; `kind` is mean, last or max."""
    if not len(y):
        return np.zeros(y.shape[1], y.dtype)
    return pool_flat(kind, y, np.array([len(y)]), both=both)[0][0]


def share_out(scores: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return the softmax of scores (N,) within each of the sequences that begin at `starts`."""
    e = np.exp(scores - np.repeat(np.maximum.reduceat(scores, starts), lengths))
    return e / np.repeat(np.add.reduceat(e, starts), lengths)


class Running:
    """The pooled vector of a forward sequence, updated as its outputs come; sums are float64."""

    def __init__(self, kind: Kind, attention: Attention | None = None):
        self._kind, self._attention, self._count = kind, attention, 0
        self._sum: np.ndarray = np.zeros(1)  # (C,) of outputs, weighted by e^(score - highest); or their maximum
        self._weight, self._highest = 0.0, -np.inf

    def feed(self, y: np.ndarray) -> np.ndarray:
        """Take the next outputs (n, C) and return the pooled vectors (n, C) of all outputs up to each of them."""
        if self._kind == "last" or not len(y):
            return y
        if self._kind == "max":
            found = np.maximum.accumulate(np.concatenate([self._sum[None], y]) if self._count else y)[-len(y) :]
            self._sum, self._count = found[-1], 1
            return found
        weights = np.ones(len(y))
        if self._kind == "attention":
            assert self._attention is not None
            scores = self._attention.scores(y).astype(np.float64)
            highest = max(self._highest, scores.max())
            scale = np.exp(self._highest - highest)
            self._sum, self._weight, self._highest = self._sum * scale, self._weight * scale, highest
            weights = np.exp(scores - highest)
        sums = self._sum + np.cumsum(weights[:, None] * y, axis=0)
        total = self._weight + np.cumsum(weights)
        self._sum, self._weight = sums[-1], total[-1]
        return (sums / total[:, None]).astype(y.dtype)


class Pooling(NamedTuple):
    """Which vectors are wanted: one a record, or one a word."""

    kind: str | None = None  # one of POOLS; None: the vector that the model's last layer reads, else the mean
    each: bool = False  # one vector a word

    @classmethod
    def of(cls, kind: str | None, *, each: bool) -> Self:
        """Return the pooling. Raises UsageError for an unknown `kind`, and for a `kind` together with `each`."""
        if kind is not None and kind not in POOLS:
            raise UsageError(f"--pool {kind}: expected one of {', '.join(POOLS)}")
        if kind is not None and each:
            raise UsageError("--pool makes one vector a record: it cannot be combined with --per word")
        return cls(kind, each)


WHOLE = Pooling()
