"""Recurrent encoders: a source of symbols, or of frames, as one vector a step."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from seqcli import ops
from seqcli.datasets.batch import STEPS, up
from seqcli.front_ends import padded
from seqcli.inference.batch import BatchForm
from seqcli.layers.stack import Stack
from seqcli.models._base import Trained
from seqcli.ops import Array


class Encodes(Trained):
    """A model whose `encoder` reads symbols (B, S), or what a front end makes of frames (N, D) end to end."""

    source_embedding: Array | None  # (Vs, E); None: the source is frames
    front_end: Any  # what reads those, or None
    encoder: Stack
    word_dropout: float

    def look_up(self, ids: Array, table: Array, rng: Any) -> Array:
        """Embeddings (T, B, E) of ids (T, B), some words dropped whole."""
        x = self.drop(ops.embedding(ids, table), rng)
        if rng is None or not self.word_dropout:
            return x
        return x * ops.like(ops.dropout_mask((*ids.shape, 1), self.word_dropout, rng, x) != 0, x)

    def outputs(self, source: Array, lengths: Array, rng: Any = None) -> tuple[Array, Array]:
        """What the encoder makes of a batch: (S, B, C), and how long each is (B,); in torch."""
        if self.front_end is None:
            x = self.look_up(source.T, self.source_embedding, rng)
        else:
            rows, counts = self.front_end.read(source, ops.to_numpy(lengths))
            x = self.drop(padded(rows, counts, up(int(counts.max()), STEPS)), rng)
            lengths = ops.integers(counts, x)
        return self.drop(self.encoder.read(x, lengths, between=lambda y: self.drop(y, rng)), rng), lengths

    def outputs_flat(self, source: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same end to end, in NumPy: (N, C), and lengths (B,); each row independent of its batch-mates."""
        if self.front_end is not None:
            rows, lengths = self.front_end.read(source, lengths)
            first = self._form.project(rows)
            return self._form.read(lengths, lambda at, d: first[d][at]), lengths
        ids, places = np.unique(source[np.arange(source.shape[1]) < lengths[:, None]], return_inverse=True)
        projected = self._form.project(ops.embedding(ids, self.source_embedding))
        return self._form.read(lengths, lambda at, d: projected[d, places[at]]), lengths

    @cached_property
    def _form(self) -> BatchForm:
        return BatchForm(self.encoder)
