"""The last states of a recurrent network over a word's characters in both directions (Ling et al. 2015)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, Field

from seqcli import ops
from seqcli.characters import UNSEEN
from seqcli.inference.batch import BatchForm
from seqcli.layers.blank import Rng
from seqcli.layers.choice import OneCellSpec
from seqcli.layers.stack import Stack
from seqcli.ops import Array

Size = Annotated[int, Field(gt=0)]


class Config(BaseModel, extra="forbid"):
    """Recipe keys of `model.characters: {kind: rnn}`."""

    kind: Literal["rnn"] = "rnn"
    cell: OneCellSpec = Field(default="lstm", validate_default=True)
    embedding: Size = 32
    hidden: Size = 64  # units of a direction: the output has twice as many


@dataclass(frozen=True)
class Encoder:
    """[forward state after the last character; backward state after the first]."""

    embedding: Array  # (characters, E)
    stack: Stack

    @classmethod
    def create(cls, config: Config, characters: int, rng: Rng) -> Encoder:
        """Return fresh weights."""
        assert isinstance(config.cell, dict)
        scale = 1.0 / np.sqrt(config.embedding)
        embedding = rng.normal(0.0, scale, (characters, config.embedding)).astype(np.float32)
        embedding[UNSEEN] = 0.0
        return cls(
            embedding=embedding,
            stack=Stack.create([config.cell], config.embedding, [config.hidden], rng, bidirectional=True),
        )

    @property
    def output_size(self) -> int:
        return self.stack.output_size

    @cached_property
    def _form(self) -> tuple[BatchForm, np.ndarray]:
        form = BatchForm(self.stack)
        return form, form.project(self.embedding)

    def encode(self, ids: Array, lengths: Array) -> Array:
        """Encode words: ids (U, L), lengths (U,) -> (U, 2 H)."""
        U, L = ids.shape
        H = self.stack.output_size // 2
        if isinstance(ids, np.ndarray):
            form, table = self._form
            flat = ids[np.arange(L) < lengths[:, None]]
            y = form.read(lengths, lambda places, d: table[d, flat[places]])
            ends = np.cumsum(lengths)
            return np.concatenate([y[ends - 1, :H], y[ends - lengths, H:]], axis=1)
        x = ops.embedding(ids.T, self.embedding)  # (L, U, E)
        y = self.stack.read(x, lengths)
        last = (lengths - 1) * U + ops.arange(U, ids)
        return ops.concat([ops.embedding(last, y.reshape(L * U, 2 * H))[:, :H], y[0, :, H:]])
