"""The two ends of a language model trained by gradients: a table of its symbols, and a softmax over the next one."""

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

LONGEST, SHORTEST = 0.25, 16  # the waves of symbols on a line: turns from end to end, symbols of a turn


class PredictsSymbols(Trained, ABC):
    """softmax(W h + b) over V symbols, of what the model's `hidden` gives: h (..., H)."""

    embedding: Array  # (V, E)
    output_weight: Array | None  # (V, H); None: tied to the embedding
    output_bias: Array  # (V,)
    blur: float = 0.0  # symbols on a line: over how many of its neighbours the training spreads a target, 0: none

    @property
    def vocabulary_size(self) -> int:
        return len(self.embedding)

    @property
    def table(self) -> Array:
        """What symbols are (V, E)."""
        return self.embedding

    @property
    def output(self) -> Array:
        """The weight of the softmax (V, H)."""
        return self.table if self.output_weight is None else self.output_weight

    def logits(self, h: Array) -> Array:
        """Scores of every next token: (..., H) -> (..., V)."""
        return ops.linear(h, self.output, self.output_bias)

    def nats(self, h: Array, targets: Array) -> Array:
        """-log p of the targets (A, B), each after its h (A, B, H) -> (A·B,) float32."""
        flat = h.reshape(-1, h.shape[-1])
        return ops.linear_cross_entropy(flat, self.output, self.output_bias, targets.reshape(-1))

    def blurred(self, h: Array, targets: Array, rng: Any) -> Array:
        """The same where a generator says that it is for training: of targets that are spread over their neighbours.

        Cross-entropy is linear in its target: what comes to the nats of a symbol's own logit is the difference to the
        mean of its neighbours' logits.
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
        """The model with fresh tables for symbols that stand on a line, the first one beside it: a column is a wave
        over their number, of random length and phase, so that neighbours are alike (random Fourier features: Rahimi &
        Recht 2007). Each table keeps the deviation that it was drawn with."""
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
        """The same for scoring, as log p: targets in NumPy (A, B) -> (A, B)."""
        found = self.nats(h, ops.integers(np.ascontiguousarray(targets), self.embedding))
        return -ops.to_numpy(found).reshape(targets.shape)

    # a language model, of what its own kind reads of ids

    @abstractmethod
    def read(self, ids: np.ndarray, state: State) -> Iterator[tuple[Array, State]]:
        """What the softmax reads of ids (B, T), a stretch at a time: (B, t, H), and the state behind it."""

    @abstractmethod
    def encoded(self, sequences: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The same of many texts, each from nothing: ids (T,) -> (T, H) each, to the last bit its own whatever is
        read beside it."""

    @property
    def encoded_size(self) -> int:
        """H: numbers that the softmax reads."""
        return self.output.shape[1]

    @abstractmethod
    def advance(self, ids: np.ndarray, state: State) -> tuple[Array, State]:
        """The same of one more id of each row: ids (B,) -> (B, H)."""

    def scored(
        self, inputs: np.ndarray, targets: np.ndarray, state: State
    ) -> Iterator[tuple[Array, np.ndarray, State]]:
        """`score` a stretch at a time: what `read` gives, and the log-probabilities (B, t) between."""
        at = 0
        for h, after in self.read(inputs, state):
            yield h, self.logprobs(h, targets[:, at : at + h.shape[1]]), after
            at += h.shape[1]

    def score(self, inputs: np.ndarray, targets: np.ndarray, state: State) -> tuple[np.ndarray, State]:
        """As LanguageModel.score."""
        return joined(self.scored(inputs, targets, state), len(inputs), state)

    def step(self, ids: np.ndarray, memory: None, state: State) -> tuple[np.ndarray, State]:
        """As LanguageModel.step."""
        h, state = self.advance(ids, state)
        return self.next_logits(h), state

    def next_logits(self, h: Array) -> np.ndarray:
        """The logits (B, V) that a step gives of what the softmax reads (B, H)."""
        if len(h) == 1 and not ops.is_torch(h):
            return (np.dot(self.output, h[0]) + self.output_bias)[None]
        return ops.to_numpy(self.logits(h))


@cache
def _sharpening(v: int, blur: float) -> np.ndarray:
    """What leads from the means over a symbol's neighbours to the symbol, (V, V) float32: one, less a normal
    distribution about each symbol but the first."""
    at = np.arange(v)
    near = np.exp(-0.5 * ((at[:, None] - at) / blur) ** 2)
    near[0, 1:] = near[1:, 0] = 0
    return (np.eye(v) - near / near.sum(axis=1, keepdims=True)).astype(np.float32)
