"""Blocks of a transformer (Vaswani et al. 2017): attention and a feed-forward net, each with a residual path.

Letters: B sources, S source positions, T target positions, K hypotheses a source, N = B·K, D model width, F width of
the feed-forward net. Dropout uses the generator `rng`; without one nothing is dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from seqcli import ops
from seqcli.attention.multihead import Attention
from seqcli.errors import UsageError
from seqcli.layers.blank import Rng, matrix
from seqcli.layers.dropout import drop
from seqcli.layers.norm import Norm
from seqcli.layers.positions import all_places, waves
from seqcli.ops import TILE, Array

Cache = tuple[Array, Array]  # keys and values of the positions so far (N, t, D)
Turn = Callable[[Array], Array]  # encodes positions in queries or keys (..., D)


@dataclass(frozen=True)
class Style:
    """The settings that all blocks of a model share."""

    norm: Literal["pre", "post"] = "pre"
    activation: Literal["relu", "gelu"] = "relu"
    dropout: float = 0.0  # of what is added to the residual path
    attention_dropout: float = 0.0  # of attention's weights
    feedforward_dropout: float = 0.0  # of the feed-forward net's units

    def around(self, x: Array, norm: Norm, part: Callable[[Array], Array], rng: Any = None) -> Array:
        """Return x + part(norm(x)), which trains without a warm-up (Xiong et al. 2020), or norm(x + part(x))."""
        if self.norm == "pre":
            return x + drop(part(norm(x)), self.dropout, rng)
        return norm(x + drop(part(x), self.dropout, rng))


@dataclass(frozen=True)
class FeedForward:
    """W_2 f(W_1 x + b_1) + b_2, at each position."""

    weight_in: Array  # (F, D)
    bias_in: Array  # (F,)
    weight_out: Array  # (D, F)
    bias_out: Array  # (D,)
    style: Style

    @classmethod
    def create(cls, size: int, wide: int, style: Style, rng: Rng) -> FeedForward:
        """Fresh weights."""
        return cls(
            weight_in=matrix(wide, size, rng),
            bias_in=np.zeros(wide, np.float32),
            weight_out=matrix(size, wide, rng),
            bias_out=np.zeros(size, np.float32),
            style=style,
        )

    def __call__(self, x: Array, rng: Any = None) -> Array:
        y = ops.linear(x, self.weight_in, self.bias_in)
        y = ops.relu(y) if self.style.activation == "relu" else gelu(y)
        return ops.linear(drop(y, self.style.feedforward_dropout, rng), self.weight_out, self.bias_out)


def gelu(x: Array) -> Array:
    """Return x Φ(x), Φ the normal distribution function, by the tanh approximation (Hendrycks & Gimpel 2016, 2)."""
    if ops.is_torch(x):
        import torch

        return torch.nn.functional.gelu(x, approximate="tanh")
    inner = ops.tanh(x * (1 + x * x * x.dtype.type(0.044715)) * x.dtype.type(np.sqrt(2 / np.pi)))
    return x * (inner + 1) * x.dtype.type(0.5)


@dataclass(frozen=True)
class EncoderBlock:
    """A block in which each position attends to its whole sequence, or (decoder-only) to itself and those before."""

    attention: Attention
    attention_norm: Norm
    feedforward: FeedForward
    feedforward_norm: Norm
    style: Style

    @classmethod
    def create(cls, size: int, heads: int, wide: int, style: Style, rng: Rng) -> EncoderBlock:
        """Fresh weights."""
        return cls(
            attention=Attention.create(size, size, rng, heads=heads),
            attention_norm=Norm.create(size),
            feedforward=FeedForward.create(size, wide, style, rng),
            feedforward_norm=Norm.create(size),
            style=style,
        )

    def read(self, x: Array, inside: Array, rng: Any = None) -> Array:
        """Attend to the whole sequence: x (B, S, D), or end to end (n, D) the positions inside (B, S) -> the same
        shape."""

        def look(x: Array) -> Array:
            q, k, v = (_spread(a, inside) for a in self.attention.project(x))
            y, _ = self.attention.look(q, k, v, inside, dropout=self.style.attention_dropout, rng=rng)
            return ops.linear(y if len(x.shape) == 3 else y[inside], self.attention.output_weight)

        x = self.style.around(x, self.attention_norm, look, rng)
        return self.style.around(x, self.feedforward_norm, lambda y: self.feedforward(y, rng), rng)

    def follow(self, x: Array, turn: Turn, rng: Any = None) -> tuple[Array, Cache]:
        """Attend from each position of x (B, T, D) to itself and those before it; `turn` encodes positions in queries
        and keys -> (B, T, D), and the keys and values."""
        found: list[Cache] = []

        def look(x: Array) -> Array:
            q, k, v = self.attention.project(x)
            q, k = turn(q), turn(k)
            found.append((k, v))
            y, _ = self.attention.look(q, k, v, None, dropout=self.style.attention_dropout, rng=rng)
            return ops.linear(y, self.attention.output_weight)

        x = self.style.around(x, self.attention_norm, look, rng)
        return self.style.around(x, self.feedforward_norm, lambda y: self.feedforward(y, rng), rng), found[0]

    def step(self, x: Array, cache: Cache, count: Array, turn: Turn) -> tuple[Array, Cache]:
        """Process one position x (N, D) that `count` (N,) others precede -> (N, D), and the longer cache."""
        found: list[Cache] = []
        x = self.style.around(
            x, self.attention_norm, lambda x: look_back(self.attention, x, cache, count, turn, found)
        )
        return self.style.around(x, self.feedforward_norm, self.feedforward), found[0]


@dataclass(frozen=True)
class Encoder:
    """Blocks over a projection of the inputs (I) and sinusoids of positions; usable in place of a `Stack`."""

    weight: Array  # (D, I)
    bias: Array  # (D,)
    blocks: tuple[EncoderBlock, ...]
    norm: Norm | None  # of the last block's output; None if the block ends with a norm of its own

    both = False  # its outputs are not those of two directions

    @classmethod
    def create(cls, inputs: int, size: int, heads: int, wide: int, layers: int, style: Style, rng: Rng) -> Encoder:
        """Return fresh weights. Raises UsageError if the size is not divisible by the number of heads."""
        if size % heads:
            raise UsageError(
                f"model.heads: {size} units cannot be divided into {heads} equal heads",
                hint="choose a divisor of model.size",
            )
        return cls(
            weight=matrix(size, inputs, rng),
            bias=np.zeros(size, np.float32),
            blocks=tuple(EncoderBlock.create(size, heads, wide, style, rng) for _ in range(layers)),
            norm=Norm.create(size) if style.norm == "pre" else None,
        )

    @property
    def output_size(self) -> int:
        return len(self.bias)

    @property
    def first(self) -> tuple[Array, Array]:
        """The weight (D, I) and bias (D,) of the projection of the inputs."""
        return self.weight, self.bias

    def read(self, x: Array, lengths: Array, rng: Any = None) -> Array:
        """Return the outputs of right-padded sequences: x (T, B, I), lengths (B,) -> (T, B, D)."""
        times = ops.arange(x.shape[0], x)[None]
        inside = (times < lengths[:, None]) | (times == 0)  # an empty sequence, too, has a position
        return self.look(ops.linear(x, *self.first).swapaxes(0, 1), inside, rng).swapaxes(0, 1)

    def look(self, x: Array, inside: Array, rng: Any = None) -> Array:
        """Apply the blocks to projected inputs: x (B, S, D), or end to end (n, D) the positions inside (B, S) -> the
        same shape."""
        places = np.nonzero(inside)[1] if len(x.shape) == 2 else all_places(inside.shape[1], x)
        x = x * self.output_size**0.5 + waves(places, self.output_size, x)  # (Vaswani et al. 2017, 3.4)
        for block in self.blocks:
            x = block.read(x, inside, rng)
        return x if self.norm is None else self.norm(x)


@dataclass(frozen=True)
class DecoderBlock:
    """A block in which each position attends to itself and those before it, then to the source."""

    attention: Attention
    attention_norm: Norm
    cross: Attention
    cross_norm: Norm
    feedforward: FeedForward
    feedforward_norm: Norm
    style: Style

    @classmethod
    def create(cls, size: int, heads: int, wide: int, style: Style, rng: Rng) -> DecoderBlock:
        """Fresh weights."""
        return cls(
            attention=Attention.create(size, size, rng, heads=heads),
            attention_norm=Norm.create(size),
            cross=Attention.create(size, size, rng, heads=heads),
            cross_norm=Norm.create(size),
            feedforward=FeedForward.create(size, wide, style, rng),
            feedforward_norm=Norm.create(size),
            style=style,
        )

    def remember(self, y: Array, inside: Array) -> Cache:
        """Return keys and values (B, S, D) of the encoder's outputs, y (B, S, D) or end to end (n, D)."""
        return _spread(self.cross.keys(y), inside), _spread(self.cross.values(y), inside)

    def read(
        self, x: Array, source: Cache, inside: Array, rng: Any = None, *, weigh: bool = False
    ) -> tuple[Array, Array | None]:
        """Process all positions: x (B, T, D) -> the same shape, and with `weigh` the weights of the source
        (B, T, S)."""
        rate, found = self.style.attention_dropout, []

        def own(x: Array) -> Array:
            y, _ = self.attention.look(*self.attention.project(x), None, dropout=rate, rng=rng)
            return ops.linear(y, self.attention.output_weight)

        def cross(x: Array) -> Array:
            q = ops.linear(x, self.cross.query_weight)
            y, weights = self.cross.look(q, *source, inside, dropout=rate, rng=rng, weigh=weigh)
            found.append(weights)
            return ops.linear(y, self.cross.output_weight)

        x = self.style.around(x, self.attention_norm, own, rng)
        x = self.style.around(x, self.cross_norm, cross, rng)
        return self.style.around(x, self.feedforward_norm, lambda y: self.feedforward(y, rng), rng), found[0]

    def step(self, x: Array, cache: Cache, count: Array, source: Cache, inside: Array) -> tuple[Array, Cache, Array]:
        """Process one position x (N, D) that `count` (N,) others precede -> (N, D), the longer cache, and the weights
        of the source (N, S)."""
        (N, D), B = x.shape, inside.shape[0]
        found: list[Any] = []

        def own(x: Array) -> Array:
            return look_back(self.attention, x, cache, count, lambda x: x, found)

        def cross(x: Array) -> Array:
            q = ops.linear(x, self.cross.query_weight).reshape(B, N // B, D)
            y, weights = self.cross.glance(q, *source, inside)
            found.append(weights.reshape(N, -1))
            return ops.linear(y.reshape(N, D), self.cross.output_weight)

        x = self.style.around(x, self.attention_norm, own)
        x = self.style.around(x, self.cross_norm, cross)
        return self.style.around(x, self.feedforward_norm, self.feedforward), *found


def look_back(attention: Attention, x: Array, cache: Cache, count: Array, turn: Turn, found: list[Cache]) -> Array:
    """Attend from a new position x (N, D) to itself and those before it -> (N, D); append the longer cache to
    `found`."""
    q, k, v = attention.project(x)
    keys, values = append(cache[0], turn(k), count), append(cache[1], v, count)
    found.append((keys, values))
    so_far = ops.arange(keys.shape[1], count)[None] <= count[:, None]
    y, _ = attention.glance(turn(q)[:, None], keys, values, so_far)
    return ops.linear(y[:, 0], attention.output_weight)


def with_room(caches: tuple[Cache, ...], count: Array, used: Array) -> tuple[tuple[Cache, ...], Array]:
    """Return caches in which place `count` (N,) of each row is free, and how many places are used, that one included.

    A place is written once, without a copy of the rest. `used` (N,) belongs to the arrays, not to a state: it is
    changed in place, so that another step from the same state finds the place taken and gets arrays of its own. NumPy
    arrays grow by whole tiles; torch's, which autograd tracks, are made anew by `append`.
    """
    if not isinstance(count, np.ndarray):
        return caches, used
    size, most = caches[0][0].shape[1], int(count.max(initial=0))
    if most >= size or (used != count).any():
        more = TILE if most >= size else 0
        caches = tuple((_longer(keys, more), _longer(values, more)) for keys, values in caches)
        used = count.copy()
    used += 1
    return caches, used


def _longer(x: np.ndarray, more: int) -> np.ndarray:
    """Return a copy of x (N, t, D) with zeros appended."""
    y = np.zeros((len(x), x.shape[1] + more, x.shape[2]), x.dtype)
    y[:, : x.shape[1]] = x
    return y


def append(cache: Array, row: Array, count: Array) -> Array:
    """Return the cache (N, t, D) with row (N, D) at place `count` (N,); in NumPy it is written in place."""
    if not isinstance(cache, np.ndarray):
        return ops.concat([cache, row[:, None]], axis=1)
    cache[np.arange(len(count)), count] = row
    return cache


def _spread(x: Array, inside: Array) -> Array:
    """Spread positions end to end (n, C) -> (B, S, C), zero outside; return x (B, S, C) as it is."""
    if len(x.shape) == 3:
        return x
    y = np.zeros((*inside.shape, x.shape[-1]), x.dtype)
    y[inside] = x
    return y
