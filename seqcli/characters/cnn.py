"""A convolution over a word's characters with max pooling (dos Santos & Zadrozny 2014)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, Field

from seqcli import ops
from seqcli.characters import UNSEEN
from seqcli.layers.blank import Rng
from seqcli.ops import Array

Size = Annotated[int, Field(gt=0)]


class Config(BaseModel, extra="forbid"):
    """Recipe keys of `model.characters: {kind: cnn}`."""

    kind: Literal["cnn"] = "cnn"
    embedding: Size = 32
    filters: Size = 128  # C: the output size
    width: Annotated[int, Field(ge=1)] = 3  # characters that a filter sees


@dataclass(frozen=True)
class Encoder:
    """max over t of relu(W [c_t; ...; c_{t+w-1}] + b): every window of w characters, padded by zeros at both ends."""

    embedding: Array  # (characters, E)
    weight: Array  # (C, w·E)
    bias: Array  # (C,)

    @classmethod
    def create(cls, config: Config, characters: int, rng: Rng) -> Encoder:
        """Return fresh weights."""
        size = config.width * config.embedding
        bound = np.sqrt(3.0 / size)
        scale = 1.0 / np.sqrt(config.embedding)
        embedding = rng.normal(0.0, scale, (characters, config.embedding)).astype(np.float32)
        embedding[UNSEEN] = 0.0
        return cls(
            embedding=embedding,
            weight=rng.uniform(-bound, bound, (config.filters, size)).astype(np.float32),
            bias=np.zeros(config.filters, np.float32),
        )

    @property
    def output_size(self) -> int:
        return len(self.bias)

    def encode(self, ids: Array, lengths: Array) -> Array:
        """Encode words: ids (U, L), lengths (U,) -> (U, C).

        The contribution of a character at each place of a window is computed once for every character, so that a
        window's value is a sum of rows, without a product.
        """
        U, L = ids.shape
        E, C = self.embedding.shape[1], self.output_size
        width = self.weight.shape[1] // E
        inside = ops.arange(L, ids)[None] < lengths[:, None]  # (U, L)
        nothing = ops.zeros((1, C), self.weight)
        ids = ops.where(inside, ids + 1, ops.zeros((1,), ids))  # 0 is outside
        before, behind = (ops.zeros((U, n), ids) for n in ((width - 1) // 2, width // 2))
        ids = ops.concat([before, ids, behind], axis=1)
        y = self.bias
        for k in range(width):
            rows = ops.concat([nothing, ops.linear(self.embedding, self.weight[:, k * E : (k + 1) * E])], axis=0)
            y = y + ops.embedding(ids[:, k : k + L], rows)  # (U, L, C)
        y = ops.where(inside[..., None], y, ops.zeros((1,), y))
        return ops.relu(ops.amax(y, axis=1))  # the zeros of the padding change nothing: relu gives at least 0
