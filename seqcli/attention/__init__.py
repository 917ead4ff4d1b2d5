"""Attention: how much a query attends to each position of a memory; one score a file. This module is the contract.

The module of a score has `Attention`, a subclass of `BaseAttention` that implements `scores`; masking, the softmax
and the weighted sum are written here, once. Letters: B sources, S their positions, T queries of each, M memory size,
Q query size, A size of the keys, C context size.

`keys` and `values` depend on a source alone and are computed once for all its queries.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Self

from seqcli import ops, registry
from seqcli.layers.blank import Rng
from seqcli.ops import Array


@dataclass(frozen=True)
class BaseAttention(ABC):
    """a = softmax over s of score(query, memory_s); the context is the sum of a_s value_s."""

    @classmethod
    @abstractmethod
    def create(cls, query_size: int, memory_size: int, rng: Rng) -> Self:
        """Return fresh weights for queries and memories of these sizes; options of a kind are keyword-only. Raises
        UsageError for sizes that do not fit each other."""

    def keys(self, memory: Array) -> Array:
        """Return what queries are compared with: memory (B, S, M) -> (B, S, A)."""
        return memory

    def values(self, memory: Array) -> Array:
        """Return what is summed: memory (B, S, M) -> (B, S, C)."""
        return memory

    @abstractmethod
    def scores(self, query: Array, keys: Array) -> Array:
        """The equation: query (B, T, Q), keys (B, S, A) -> (B, T, S)."""

    def attend(self, query: Array, keys: Array, values: Array, inside: Array) -> tuple[Array, Array]:
        """Return context (B, T, C) and weights (B, T, S) of queries (B, T, Q); inside (B, S) or (B, T, S) is True for
        positions to attend to."""
        inside = inside if len(inside.shape) == 3 else inside[:, None]
        weights = ops.masked_softmax(ops.at_least_float32(self.scores(query, keys)), inside)
        return ops.mix(ops.like(weights, values), values), weights

    def context_size(self, memory_size: int) -> int:
        """Return C."""
        return memory_size


def create(spec: dict[str, Any], query_size: int, memory_size: int, rng: Rng) -> BaseAttention:
    """Return the attention that a recipe's `attention` names, with fresh weights."""
    options = dict(spec)
    kind = registry.load("attention", options.pop("kind"))
    return kind.Attention.create(query_size, memory_size, rng, **options)
