"""Two texts as one vector: both encoded separately and compared, or one attending to the other, hop by hop.

Attention is written twice, as pooling is: over padded batches (the equation), and over sequences laid end to end, in
NumPy, where a sequence's result does not depend on the others to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from seqcli import ops
from seqcli.layers.blank import Rng, matrix
from seqcli.layers.pooling import share_out
from seqcli.ops import Array

Pair = Literal["joined", "compare", "attend"]


def compared(first: Array, second: Array) -> Array:
    """Return [u; v; |u - v|; u v] (Conneau et al. 2017, 3.1): two of (B, C) -> (B, 4 C)."""
    apart = first - second
    return ops.concat([first, second, ops.where(apart < 0, -apart, apart), first * second])


@dataclass(frozen=True)
class Hop:
    """a_t = softmax over t of (W q) · y_t; q' = q + tanh(U [q; Σ a_t y_t] + b): one hop of attention, which updates
    the query by what it attended to (Sukhbaatar et al. 2015, 2.2; the score of Luong et al. 2015, `general`)."""

    query_weight: Array  # (C, C): W
    weight: Array  # (C, 2 C): U
    bias: Array  # (C,)

    @classmethod
    def create(cls, size: int, rng: Rng) -> Hop:
        """Return fresh weights for outputs of size C."""
        return cls(matrix(size, size, rng), matrix(size, 2 * size, rng), np.zeros(size, np.float32))

    def asked(self, query: Array) -> Array:
        """Return W q, which outputs are compared with: (B, C) -> (B, C)."""
        return ops.linear(query, self.query_weight)

    def step(self, query: Array, seen: Array) -> Array:
        """Return the next query (B, C) from a query and the vector it attended to, (B, C) each."""
        return query + ops.tanh(ops.linear(ops.concat([query, seen]), self.weight, self.bias))


def look(hops: Sequence[Hop], query: Array, y: Array, inside: Array) -> Array:
    """Return the query after its hops over outputs: query (B, C), y (T, B, C), inside (B, T) -> (B, C)."""
    for hop in hops:
        scores = (hop.asked(query)[None] * y).sum(-1)  # (T, B)
        weights = ops.masked_softmax(ops.at_least_float32(scores).T, inside).T
        query = hop.step(query, (ops.like(weights, y)[..., None] * y).sum(0))
    return query


def look_flat(
    hops: Sequence[Hop], query: np.ndarray, y: np.ndarray, lengths: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Do the same over sequences end to end: query (B, C), y (N, C), lengths (B,) of at least 1 -> (B, C), and the
    attention (N, hops)."""
    starts, found = np.cumsum(lengths) - lengths, []
    for hop in hops:
        scores = (np.repeat(hop.asked(query), lengths, axis=0) * y).sum(-1)
        weights = share_out(scores, starts, lengths)
        query = hop.step(query, np.add.reduceat(weights[:, None] * y, starts, axis=0))
        found.append(weights)
    return query, np.stack(found, axis=1)
