"""Dot product of query and memory, which have the same size (Luong et al. 2015, `dot`)."""

from __future__ import annotations

from dataclasses import dataclass

from seqcli import ops
from seqcli.attention import BaseAttention
from seqcli.errors import UsageError
from seqcli.layers.blank import Rng
from seqcli.ops import Array


@dataclass(frozen=True)
class Attention(BaseAttention):
    """score = q · m, times `scale`: 1, or 1/√Q with `scaled: true` in the recipe (Vaswani et al. 2017)."""

    scale: float = 1.0

    @classmethod
    def create(cls, query_size: int, memory_size: int, rng: Rng, *, scaled: bool = False) -> Attention:
        """Return an attention, which has no weights. Raises UsageError if the sizes differ."""
        if query_size != memory_size:
            raise UsageError(
                f"model.attention: dot compares queries of {query_size} units with a memory of {memory_size}",
                hint="make them equal (model.decoder_hidden), or use general, additive or multihead",
            )
        return cls(query_size**-0.5 if scaled else 1.0)

    def scores(self, query: Array, keys: Array) -> Array:
        return ops.similarities(query * self.scale if self.scale != 1.0 else query, keys)
