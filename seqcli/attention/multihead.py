"""Scaled dot products in several heads (Vaswani et al. 2017, 3.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from seqcli import ops
from seqcli.attention import BaseAttention
from seqcli.errors import UsageError
from seqcli.layers.blank import Rng, matrix
from seqcli.ops import Array

SCORES = 1 << 22  # scores that NumPy holds at once


@dataclass(frozen=True)
class Attention(BaseAttention):
    """head_i = softmax(Q W_i^Q (K W_i^K)^T / √d) V W_i^V; the context is W^O of all heads concatenated.

    The weights that it returns are the mean over heads. Keys and values have their heads concatenated, (B, S, C).
    """

    query_weight: Array  # (C, Q)
    key_weight: Array  # (C, M)
    value_weight: Array  # (C, M)
    output_weight: Array  # (C, C)
    heads: int = 4

    @classmethod
    def create(cls, query_size: int, memory_size: int, rng: Rng, *, heads: int = 4) -> Attention:
        """Return fresh weights; C is the query's size. Raises UsageError if it is not divisible by `heads`."""
        if heads < 1 or query_size % heads:
            raise UsageError(
                f"model.attention: {query_size} units cannot be divided into {heads} equal heads",
                hint="choose a divisor: multihead has keys {kind: multihead, heads: 4}",
            )
        C = query_size
        return cls(
            query_weight=matrix(C, query_size, rng),
            key_weight=matrix(C, memory_size, rng),
            value_weight=matrix(C, memory_size, rng),
            output_weight=matrix(C, C, rng),
            heads=heads,
        )

    def keys(self, memory: Array) -> Array:
        return ops.linear(memory, self.key_weight)

    def values(self, memory: Array) -> Array:
        return ops.linear(memory, self.value_weight)

    def context_size(self, memory_size: int) -> int:
        return self.output_weight.shape[0]

    def scores(self, query: Array, keys: Array) -> Array:
        """Return the scores of each head: query (B, T, Q), keys (B, S, C) -> (B·heads, T, S)."""
        return self._compare(ops.linear(query, self.query_weight), keys)

    def attend(self, query: Array, keys: Array, values: Array, inside: Array) -> tuple[Array, Array]:
        y, weights = self.look(ops.linear(query, self.query_weight), keys, values, inside, weigh=True)
        assert weights is not None
        return ops.linear(y, self.output_weight), weights

    # parts, for a transformer

    def project(self, x: Array) -> tuple[Array, Array, Array]:
        """Return queries, keys and values for self-attention: x (..., C) -> three of (..., C).

        One product with all three weights is no faster in either library.
        """
        return ops.linear(x, self.query_weight), self.keys(x), self.values(x)

    def look(
        self,
        q: Array,
        keys: Array,
        values: Array,
        inside: Array | None,
        *,
        dropout: float = 0.0,
        rng: Any = None,
        weigh: bool = False,
    ) -> tuple[Array, Array | None]:
        """Return all heads concatenated (B, T, C), before W^O, for projected queries (B, T, C), and with `weigh` the
        weights (B, T, S). inside (B, S) or (B, T, S); None: causal, no position attends to a later one, and T is S.

        `dropout` of the weights needs a generator. Without it and without `weigh`, torch takes a fused kernel if it
        has a fast one.
        """
        if isinstance(q, np.ndarray) and len(q) > (
            rows := max(SCORES // (self.heads * q.shape[1] * keys.shape[1]), 1)
        ):
            return self._in_parts(q, keys, values, inside, rows, weigh)
        B, T, C = q.shape
        if inside is not None and len(inside.shape) == 2:
            inside = inside[:, None]
        drops = rng is not None and dropout > 0
        if not (weigh or drops) and _has_kernel(q):
            return self._fused(q, keys, values, inside), None
        times = ops.arange(T, q)
        shown = (times[None] <= times[:, None])[None] if inside is None else inside
        scores = ops.at_least_float32(self._compare(q, keys)).reshape(B, self.heads, T, -1)
        weights = ops.masked_softmax(scores, shown[:, None])  # (B, heads, T, S)
        flat = ops.like(weights.reshape(B * self.heads, T, -1), values)
        if drops:
            flat = flat * ops.dropout_mask(tuple(flat.shape), dropout, rng, flat)
        y = ops.mix(flat, self._apart(values))  # (B·heads, T, d)
        y = y.reshape(B, self.heads, T, -1).swapaxes(1, 2).reshape(B, T, C)
        return y, weights.mean(1) if weigh else None

    def glance(self, q: Array, keys: Array, values: Array, inside: Array) -> tuple[Array, Array]:
        """Do what `look` does for few queries of each source, with weights (B, K, S). In NumPy the heads are rows of
        one product, in which each query is zero outside its head, so that keys and values need no copy."""
        if not isinstance(q, np.ndarray):
            y, weights = self.look(q, keys, values, inside, weigh=True)
            assert weights is not None
            return y, weights
        (B, K, C), h = q.shape, self.heads
        d, own = C // h, np.arange(h)
        rows = np.zeros((B, K, h, h, d), q.dtype)
        rows[:, :, own, own] = (q * q.dtype.type(d**-0.5)).reshape(B, K, h, d)
        scores = ops.similarities(rows.reshape(B, K * h, C), keys)
        weights = ops.masked_softmax(scores, inside[:, None])  # (B, K·heads, S)
        y = ops.mix(weights, values).reshape(B, K, h, h, d)[:, :, own, own].reshape(B, K, C)
        weights = weights.reshape(B, K, h, -1)
        mean = weights[:, :, 0]
        for head in range(1, h):
            mean = mean + weights[:, :, head]
        return y, mean / q.dtype.type(h)

    def _fused(self, q: Array, keys: Array, values: Array, inside: Array | None) -> Array:
        from torch.nn.functional import scaled_dot_product_attention

        B, T, C = q.shape
        q, keys, values = (x.reshape(B, -1, self.heads, C // self.heads).swapaxes(1, 2) for x in (q, keys, values))
        mask = None if inside is None else inside[:, None]
        y = scaled_dot_product_attention(q, keys, values, attn_mask=mask, is_causal=inside is None)
        return y.swapaxes(1, 2).reshape(B, T, C)

    def _in_parts(
        self, q: Array, keys: Array, values: Array, inside: Array | None, rows: int, weigh: bool
    ) -> tuple[Array, Array | None]:
        """Do what `look` does, some sources at a time, because long ones have many scores."""
        found = []
        for first in range(0, len(q), rows):
            part = slice(first, first + rows)
            own = None if inside is None else inside[part]
            found.append(self.look(q[part], keys[part], values[part], own, weigh=weigh))
        contexts, weights = zip(*found, strict=True)
        return np.concatenate(contexts), np.concatenate(weights) if weigh else None

    def _compare(self, q: Array, keys: Array) -> Array:
        """Return the scores of each head (B·heads, T, S)."""
        return ops.similarities(self._apart(q * (q.shape[-1] // self.heads) ** -0.5), self._apart(keys))

    def _apart(self, x: Array) -> Array:
        """Split the heads: (B, S, C) -> (B·heads, S, C / heads)."""
        B, S, C = x.shape
        return x.reshape(B, S, self.heads, C // self.heads).swapaxes(1, 2).reshape(B * self.heads, S, -1)


def _has_kernel(q: Array) -> bool:
    """Whether torch's fused attention is faster; in bfloat16 on a CPU its gradient takes 4 times as long."""
    return ops.is_torch(q) and (q.dtype.itemsize >= 4 or q.device.type != "cpu")
