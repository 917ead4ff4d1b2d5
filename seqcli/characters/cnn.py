"""A convolution over a word's characters, the strongest answer of each filter (dos Santos & Zadrozny 2014)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from seqcli import ops
from seqcli.layers.blank import Rng
from seqcli.ops import Array

Size = Annotated[int, Field(gt=0)]


class Config(BaseModel):
    """Recipe keys of `model.characters: {kind: cnn}`."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["cnn"] = "cnn"
    embedding: Size = 32
    filters: Size = 128  # C: the size of what it gives
    width: Annotated[int, Field(ge=1)] = 3  # characters that a filter sees


@dataclass(frozen=True)
class Encoder:
    """max over t of relu(W [c_t; ...; c_{t+w-1}] + b): every window of w characters, padded by zeros at both ends."""

    embedding: Array  # (characters, E)
    weight: Array  # (C, w·E)
    bias: Array  # (C,)

    @classmethod
    def create(cls, config: Config, characters: int, rng: Rng) -> Encoder:
        """Fresh weights."""
        size = config.width * config.embedding
        bound = np.sqrt(3.0 / size)
        return cls(
            embedding=rng.normal(0.0, 1.0 / np.sqrt(config.embedding), (characters, config.embedding)).astype(
                np.float32
            ),
            weight=rng.uniform(-bound, bound, (config.filters, size)).astype(np.float32),
            bias=np.zeros(config.filters, np.float32),
        )

    @property
    def output_size(self) -> int:
        return len(self.bias)

    @cached_property
    def _tables(self) -> np.ndarray:
        """(w, characters, C): what each character adds at each place of a window."""
        parts = self.weight.reshape(self.output_size, -1, self.embedding.shape[1])  # (C, w, E)
        return np.stack([ops.linear(self.embedding, parts[:, k]) for k in range(parts.shape[1])])

    def _looked_up(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """`encode` in NumPy: a window's answer is the sum of its characters' rows, without a product."""
        U, L = ids.shape
        tables, outside = self._tables, np.arange(L) >= lengths[:, None]
        width = len(tables)
        y = np.zeros((U, L, self.output_size), self.bias.dtype)
        y += self.bias
        for k, table in enumerate(tables):
            shift = k - (width - 1) // 2
            if abs(shift) >= L:  # beyond every word
                continue
            to, frm = slice(max(-shift, 0), L - max(shift, 0)), slice(max(shift, 0), L + min(shift, 0))
            rows = table[ids[:, frm]]
            rows[outside[:, frm]] = 0
            y[:, to] += rows
        y[outside] = 0
        return np.maximum(y.max(axis=1), 0)

    def encode(self, ids: Array, lengths: Array) -> Array:
        """ids (U, L), lengths (U,) -> (U, C)."""
        if isinstance(ids, np.ndarray):
            return self._looked_up(ids, lengths)
        U, L = ids.shape
        inside = ops.integers(np.arange(L), ids)[None, :, None] < lengths[:, None, None]  # (U, L, 1)
        x = ops.embedding(ids, self.embedding)
        x = ops.where(inside, x, ops.zeros((1,), x))  # (U, L, E)
        width = self.weight.shape[1] // x.shape[2]
        before = ops.zeros((U, (width - 1) // 2, x.shape[2]), x)
        behind = ops.zeros((U, width // 2, x.shape[2]), x)
        padded = ops.concat([before, x, behind], axis=1)
        windows = ops.concat([padded[:, k : k + L] for k in range(width)])  # (U, L, w·E)
        y = ops.relu(ops.linear(windows, self.weight, self.bias))  # (U, L, C), not negative: a zero hides nothing
        return ops.amax(ops.where(inside, y, ops.zeros((1,), y)), axis=1)
