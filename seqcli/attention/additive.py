"""A small network of query and memory (Bahdanau et al. 2015)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seqcli import ops
from seqcli.attention import BaseAttention
from seqcli.errors import UsageError
from seqcli.layers.blank import Rng, matrix
from seqcli.ops import Array


@dataclass(frozen=True)
class Attention(BaseAttention):
    """score = v · tanh(W q + U m + b)."""

    query_weight: Array  # (A, Q): W
    memory_weight: Array  # (A, M): U
    bias: Array  # (A,)
    context: Array  # (1, A): v

    @classmethod
    def create(cls, query_size: int, memory_size: int, rng: Rng, *, size: int = 0) -> Attention:
        """Return fresh weights; `size` is A, the units of the network; 0: as many as the query has."""
        if size < 0:
            raise UsageError(f"model.attention: additive cannot have {size} units", hint="0: as many as the query")
        A = size or query_size
        return cls(
            query_weight=matrix(A, query_size, rng),
            memory_weight=matrix(A, memory_size, rng),
            bias=np.zeros(A, np.float32),
            context=matrix(1, A, rng),
        )

    def keys(self, memory: Array) -> Array:
        return ops.linear(memory, self.memory_weight, self.bias)

    def scores(self, query: Array, keys: Array) -> Array:
        both = ops.linear(query, self.query_weight)[:, :, None] + keys[:, None]  # (B, T, S, A)
        return ops.linear(ops.tanh(both), self.context)[..., 0]
