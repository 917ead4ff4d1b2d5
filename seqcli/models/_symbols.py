"""The two ends of a gradient-trained language model: its embedding table, and a softmax over the next symbol."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Self

import numpy as np

from seqcli import layers, ops
from seqcli.layers.blank import Rng
from seqcli.models import State, joined
from seqcli.models._base import Trained
from seqcli.ops import Array

LONGEST, SHORTEST = 0.25, 16  # waves over symbols on a line: periods along the line, symbols per period


class PredictsSymbols(Trained, ABC):
    """A language model that predicts softmax(W h + b) over V symbols, from its hidden states h (..., H)."""

    embedding: Array  # (V, E)
    output_weight: Array | None  # (V, H); None: tied to the embedding
    output_bias: Array  # (V,)
    blur: float = 0.0  # for symbols on a line: deviation in symbols by which training spreads a target; 0: none

    @property
    def vocabulary_size(self) -> int:
        return len(self.embedding)

    @property
    def table(self) -> Array:
        """The embeddings of the symbols (V, E)."""
        return self.embedding

    @property
    def output(self) -> Array:
        """The weight matrix of the softmax (V, H)."""
        return self.table if self.output_weight is None else self.output_weight

    def logits(self, h: Array) -> Array:
        """Return the scores of every next symbol: (..., H) -> (..., V)."""
        return ops.linear(h, self.output, self.output_bias)

    def nats(self, h: Array, targets: Array) -> Array:
        """Return -log p of the targets (A, B), each after its h (A, B, H) -> (A·B,) float32."""
        flat = h.reshape(-1, h.shape[-1])
        return ops.linear_cross_entropy(flat, self.output, self.output_bias, targets.reshape(-1))

    def blurred(self, h: Array, targets: Array, rng: Any) -> Array:
        """Return `nats`; with a generator, which means training, of targets spread over their neighbours.

        Cross-entropy is linear in its target, so the spread adds to the nats of a symbol the difference between its
        logit and the mean of its neighbours' logits.
        """
        nats = self.nats(h, targets)
        if rng is None or not self.blur:
            return nats
        sharp = ops.put(_sharpening(self.vocabulary_size, self.blur), self.output)  # (V, V)
        rows = ops.embedding(targets.reshape(-1), sharp @ self.output)  # (A·B, H)
        more = (h.reshape(rows.shape) * rows).sum(-1) + ops.embedding(
            targets.reshape(-1), (sharp @ self.output_bias)[:, None]
        )[:, 0]
        return nats + more

    def on_a_line(self, rng: Rng) -> Self:
        """Return the model with fresh tables for symbols that lie on a line, except the first: each column is a wave
        over the symbols, of random length and phase, so that neighbours are similar (random Fourier features: Rahimi
        & Recht 2007). Each table keeps the standard deviation that it was drawn with."""
        found = {}
        for name in ("embedding", "output_weight"):
            if (table := getattr(self, name)) is not None:
                v, wide = table.shape
                turns = np.exp(rng.uniform(np.log(LONGEST), np.log(max(v / SHORTEST, 1)), wide))
                phases = np.linspace(0, 2 * np.pi, v - 1)[:, None] * turns + rng.uniform(0, 2 * np.pi, wide)
                found[name] = np.concatenate([table[:1], np.sqrt(2) * table.std() * np.cos(phases)]).astype(
                    np.float32
                )
        return layers.replace(self, found)

    def logprobs(self, h: Array, targets: np.ndarray) -> np.ndarray:
        """Return log p of NumPy targets (A, B), each after its h (A, B, H) -> (A, B)."""
        found = self.nats(h, ops.integers(np.ascontiguousarray(targets), self.embedding))
        return -ops.to_numpy(found).reshape(targets.shape)

    # the language model, on what its kind makes of ids

    @abstractmethod
    def read(self, ids: np.ndarray, state: State) -> Iterator[tuple[Array, State]]:
        """Read ids (B, T); yield the softmax's input (B, t, H) a stretch at a time, and the state after it."""

    @abstractmethod
    def encoded(self, sequences: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the softmax's input (T, H) for each text's ids (T,), read from the initial state; independent of the
        other texts, to the last bit."""

    @property
    def encoded_size(self) -> int:
        """H: the size of the softmax's input."""
        return self.output.shape[1]

    @abstractmethod
    def advance(self, ids: np.ndarray, state: State) -> tuple[Array, State]:
        """Read one more id of each row: ids (B,) -> the softmax's input (B, H), and the next state."""

    def scored(
        self, inputs: np.ndarray, targets: np.ndarray, state: State
    ) -> Iterator[tuple[Array, np.ndarray, State]]:
        """Score a stretch at a time: yield what `read` yields, with log-probabilities (B, t) in between."""
        at = 0
        for h, after in self.read(inputs, state):
            yield h, self.logprobs(h, targets[:, at : at + h.shape[1]]), after
            at += h.shape[1]

    def score(self, inputs: np.ndarray, targets: np.ndarray, state: State) -> tuple[np.ndarray, State]:
        """Score as `LanguageModel.score` specifies."""
        return joined(self.scored(inputs, targets, state), len(inputs), state)

    def step(self, ids: np.ndarray, memory: None, state: State) -> tuple[np.ndarray, State]:
        """Step as `LanguageModel.step` specifies."""
        h, state = self.advance(ids, state)
        return self.next_logits(h), state

    def next_logits(self, h: Array) -> np.ndarray:
        """Return the logits (B, V) of a step from the softmax's input (B, H)."""
        if len(h) == 1 and not ops.is_torch(h):
            return (np.dot(self.output, h[0]) + self.output_bias)[None]
        return ops.to_numpy(self.logits(h))


@cache
def _sharpening(v: int, blur: float) -> np.ndarray:
    """Return the identity less a normal distribution about each symbol, (V, V) float32: maps logits to their
    differences from the mean of their neighbours. The first symbol lies beside the line, without neighbours."""
    at = np.arange(v)
    near = np.exp(-0.5 * ((at[:, None] - at) / blur) ** 2)
    near[0, 1:] = near[1:, 0] = 0
    return (np.eye(v) - near / near.sum(axis=1, keepdims=True)).astype(np.float32)
