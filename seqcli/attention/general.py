"""A bilinear form of query and memory (Luong et al. 2015, `general`)."""

from __future__ import annotations

from dataclasses import dataclass

from seqcli import ops
from seqcli.attention import BaseAttention
from seqcli.layers.blank import Rng, matrix
from seqcli.ops import Array


@dataclass(frozen=True)
class Attention(BaseAttention):
    """score = q^T W m."""

    weight: Array  # (M, Q): W transposed

    @classmethod
    def create(cls, query_size: int, memory_size: int, rng: Rng) -> Attention:
        """Return fresh weights."""
        return cls(matrix(memory_size, query_size, rng))

    def keys(self, memory: Array) -> Array:
        return ops.linear(memory, self.weight.T)  # once for all hypotheses of a source

    def scores(self, query: Array, keys: Array) -> Array:
        return ops.similarities(query, keys)
