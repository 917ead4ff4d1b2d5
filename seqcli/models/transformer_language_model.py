"""Transformer language model: attention to earlier tokens within a window (Radford et al. 2019)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel

from seqcli import ops
from seqcli.errors import UsageError
from seqcli.layers.blank import Rng
from seqcli.layers.norm import Norm
from seqcli.layers.positions import all_places, rotated, rotation
from seqcli.layers.transformer import EncoderBlock, Style, with_room
from seqcli.models import State
from seqcli.models._base import Depth, Rate, Size
from seqcli.models._seq2seq import normal
from seqcli.models._symbols import PredictsSymbols
from seqcli.ops import Array

TASK = "language-model"
VERBS = ("generate", "eval", "rescore", "embed")
TRAINED = "gradient"

UNTRAINED = 256  # the window in tokens if neither a recipe's model nor its training sets one
READ = 4096  # tokens read at once: bounds the memory


class Config(BaseModel, extra="forbid"):
    """Recipe keys of `model` for a transformer language model."""

    kind: Literal["transformer-language-model"] = "transformer-language-model"
    size: Size = 256  # D: of embeddings and of each layer's output
    heads: Size = 4  # of each attention; they divide the size equally
    feedforward: Size | None = None  # units of each feed-forward net; default: 4 times the size
    layers: Depth = 4
    window: Size | None = None  # most tokens that it attends to; default: train.sequence_length
    positions: Literal["rotary", "learned"] = "rotary"
    activation: Literal["relu", "gelu"] = "gelu"  # of the feed-forward nets
    norm: Literal["pre", "post"] = "pre"  # before each part, which trains more easily, or after its sum
    dropout: Rate = 0.1  # of embeddings and of each part's output
    attention_dropout: Rate = 0.0  # of attention weights; above 0 training is slower
    feedforward_dropout: Rate = 0.0  # of the units of the feed-forward nets
    tied: bool = True  # the softmax uses the embedding's weights (Press & Wolf 2017)

    @property
    def units(self) -> int:
        """Roughly how many numbers training holds for each token."""
        return self.layers * (10 * self.size + 2 * (self.feedforward or 4 * self.size))


@dataclass(frozen=True)
class Model(PredictsSymbols):
    """A model p(x_t | x_<t) = softmax(W_o h_t + b_o), h_t the output of blocks of attention over the tokens so far.

    For a text longer than the window W: when W tokens are known and another follows, the older half is forgotten and
    the rest is read again. So each prediction depends on the last W / 2 to W tokens alone, as in training.
    The state is these tokens (B, t), the number of used places in the caches (B,), and the caches.
    """

    embedding: Array  # (V, D)
    positions: Array | None  # (W, D); None: rotary
    blocks: tuple[EncoderBlock, ...]
    norm: Norm | None  # of the last block's output; None if the blocks end in their own norm
    output_weight: Array | None  # (V, D); None: the embedding
    output_bias: Array  # (V,)
    window: int = 64  # W
    dropout: float = 0.0
    blur: float = 0.0

    kind = "transformer-language-model"

    @classmethod
    def create(cls, config: Config, vocabulary_size: int, rng: Rng) -> Model:
        D, wide = config.size, config.feedforward or 4 * config.size
        if D % config.heads or (config.positions == "rotary" and D // config.heads % 2):
            raise UsageError(
                f"model.heads: {D} units cannot be divided into {config.heads} equal heads of an even size",
                hint="choose a divisor of model.size",
            )
        window = config.window or UNTRAINED
        style = Style(
            config.norm, config.activation, config.dropout, config.attention_dropout, config.feedforward_dropout
        )
        return cls(
            embedding=normal(vocabulary_size, D, rng),
            positions=normal(window, D, rng) if config.positions == "learned" else None,
            blocks=tuple(EncoderBlock.create(D, config.heads, wide, style, rng) for _ in range(config.layers)),
            norm=Norm.create(D) if config.norm == "pre" else None,
            output_weight=None if config.tied else normal(vocabulary_size, D, rng),
            output_bias=np.zeros(vocabulary_size, np.float32),
            window=window,
            dropout=config.dropout,
        )

    def initial_state(self, batch: int) -> State:
        """Return the state before any token."""
        ids = ops.integers(np.zeros((batch, 0), np.int64), self.embedding)
        nothing = ops.zeros((batch, 0, self.embedding.shape[1]), self.embedding)
        return ids, ids.sum(1), tuple((nothing, nothing) for _ in self.blocks)

    # the forward pass, written once for training (torch) and inference (NumPy)

    def _embedded(self, ids: Array, places: Any) -> Array:
        """Embed ids (...) at places that broadcast to them -> (..., D)."""
        x = ops.embedding(ids, self.embedding)
        if self.positions is not None:
            x = x + ops.embedding(ops.integers(places, x), self.positions)
        return x * self.embedding.shape[1] ** 0.5

    def _turn(self, places: Any) -> Any:
        """Return the function that rotates queries and keys by their places; the identity for learned positions."""
        if self.positions is not None:
            return lambda x: x
        heads = self.blocks[0].attention.heads
        cos, sin = (ops.put(a, self.embedding) for a in rotation(places, self.embedding.shape[1] // heads))
        return lambda x: rotated(x, cos, sin, heads)

    def hidden(self, ids: Array, rng: Any = None) -> tuple[Array, tuple[Any, ...]]:
        """Read texts from their beginnings: ids (B, T) -> the softmax's input (B, T, D), and the caches."""
        places = all_places(ids.shape[1], ids)
        x, turn, caches = self.drop(self._embedded(ids, places), rng), self._turn(places), []
        for block in self.blocks:
            x, cache = block.follow(x, turn, rng)
            caches.append(cache)
        return x if self.norm is None else self.norm(x), tuple(caches)

    def loss(self, inputs: Array, targets: Array, state: State, rng: Any = None) -> tuple[Array, State]:
        """Return the mean cross-entropy in nats per token of inputs and targets (T, B), each text read from its
        beginning; and the state unchanged."""
        h, _ = self.hidden(inputs.T, rng)
        return self.blurred(h, targets.T, rng).mean(), state

    # a language model: scoring and stepping

    def room(self, ids: Array) -> Array:
        """Return the tokens (B, t) that are still known when another follows."""
        return ids[:, self.window - self.window // 2 :] if ids.shape[1] >= self.window else ids

    def _read(self, ids: Array) -> tuple[Array, State]:
        """Read texts from their beginnings, some at a time: (B, t) -> (B, t, D), and the state after them."""
        B, t = ids.shape
        rows = max(1, READ // max(t, 1))
        parts = [self.hidden(ids[first : first + rows]) for first in range(0, B, rows)]
        caches = tuple(
            tuple(ops.concat([caches[depth][i] for _, caches in parts], axis=0) for i in range(2))
            for depth in range(len(self.blocks))
        )
        return ops.concat([h for h, _ in parts], axis=0), (ids, ops.integers(np.full(B, t), ids), caches)

    def read(self, ids: np.ndarray, state: State) -> Iterator[tuple[Array, State]]:
        """Do as in PredictsSymbols."""
        at = 0
        while at < ids.shape[1]:
            known = self.room(state[0])
            new = ops.integers(ids[:, at : at + self.window - known.shape[1]], self.embedding)
            h, state = self._read(ops.concat([known, new], axis=1))
            yield h[:, known.shape[1] :], state
            at += new.shape[1]

    def encoded(self, sequences: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Do as in PredictsSymbols."""
        none = [np.zeros((0, self.encoded_size), np.float32)]
        return [
            np.concatenate([*none, *(h[0] for h, _ in self.read(ids[None], self.initial_state(1)))])
            for ids in sequences
        ]

    def start(self, prompt: np.ndarray, state: State | None = None) -> tuple[None, State]:
        """Read a prompt (T,) once, from `state` or the initial state; return no memory, and the state after it."""
        own: Any = self.initial_state(1) if state is None else state
        ids = np.concatenate([ops.to_numpy(own[0])[0], prompt])
        while len(ids) > self.window:  # as reading token by token would forget it
            ids = ids[self.window - self.window // 2 :]
        return None, self._read(ops.integers(ids[None], self.embedding))[1] if len(prompt) else own

    def advance(self, ids: np.ndarray, state: State) -> tuple[Array, State]:
        """Do as in PredictsSymbols."""
        (known, used, caches), new = state, ops.integers(ids[:, None], self.embedding)
        left = self.room(known)
        if left is not known:
            _, (known, used, caches) = self._read(left)
        places = np.full(len(ids), known.shape[1])
        count = ops.integers(places, known)
        caches, used = with_room(caches, count, used)
        x, turn, found = self._embedded(new[:, 0], places), self._turn(places), []
        for block, cache in zip(self.blocks, caches, strict=True):
            x, cache = block.step(x, cache, count, turn)
            found.append(cache)
        return x if self.norm is None else self.norm(x), (ops.concat([known, new], axis=1), used, tuple(found))
