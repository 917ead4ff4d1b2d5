"""Recurrent encoders: encode a source of symbols or frames as a vector for each step, its columns joined or apart."""

from __future__ import annotations

from collections.abc import Sequence
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
    """A model whose `encoder` reads symbols (B, S), or the output of a front end over concatenated frames (N, D)."""

    source_embedding: Array | None  # (Vs, E); None: the source is frames
    front_end: Any  # reads the frames; None for symbols
    encoder: Stack
    word_dropout: float
    begins: tuple[int, ...] = ()  # the first symbol of each column, if columns are read apart

    def look_up(self, ids: Array, table: Array, rng: Any) -> Array:
        """Return the embeddings (T, B, E) of ids (T, B), after dropout and word dropout."""
        x = self.drop(ops.embedding(ids, table), rng)
        if rng is None or not self.word_dropout:
            return x
        return x * ops.like(ops.dropout_mask((*ids.shape, 1), self.word_dropout, rng, x) != 0, x)

    def outputs(self, source: Array, lengths: Array, rng: Any = None) -> tuple[Array, Array]:
        """Return the encoder's outputs (S, B, C) for a batch, and their lengths (B,); in torch, or as a graph, whose
        frames are padded (B, T, D)."""
        if self.front_end is None:
            x = self.look_up(source.T, self.source_embedding, rng)
        elif source.ndim == 3:
            x, lengths = self.front_end.batched(source, lengths)
            x = self.drop(x.swapaxes(0, 1), rng)
        else:
            rows, counts = self.front_end.read(source, ops.to_numpy(lengths))
            x = self.drop(padded(rows, counts, up(int(counts.max()), STEPS)), rng)
            lengths = ops.integers(counts, x)
        if self.begins:
            return self.drop(self._apart(x, ops.to_numpy(source), ops.to_numpy(lengths), rng), rng), lengths
        return self.drop(self.encoder.read(x, lengths, between=lambda y: self.drop(y, rng)), rng), lengths

    @property
    def encoded_size(self) -> int:
        """C: the size of the encoder's output at a step."""
        return self.encoder.output_size

    def encoded(self, sources: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the encoder's outputs (S, C) for each source (ids and EOS, or frames; S is then the number of steps
        that the front end leaves), in NumPy. Each is independent of the other sources, to the last bit."""
        flat, counts = self.joined(sources)
        return np.split(flat, np.cumsum(counts)[:-1])

    def joined(self, sources: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Return the outputs of `encoded` concatenated, (N, C), and the length of each source's."""
        lengths = np.array([len(s) for s in sources], np.int64)
        if self.front_end is not None:
            return self.outputs_flat(np.concatenate(sources), lengths)
        given = np.zeros((len(sources), int(lengths.max())), np.int64)
        for row, ids in zip(given, sources, strict=True):
            row[: len(ids)] = ids
        return self.outputs_flat(given, lengths)

    def outputs_flat(self, source: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return `outputs` concatenated (N, C), in NumPy, and lengths (B,); each row independent of batch-mates."""
        if self.front_end is not None:
            rows, lengths = self.front_end.read(source, lengths)
            first = self._form.project(rows)
            return self._form.read(lengths, lambda at, d: first[d][at]), lengths
        ids, places = np.unique(source[np.arange(source.shape[1]) < lengths[:, None]], return_inverse=True)
        projected = self._form.project(ops.embedding(ids, self.source_embedding))
        parts = self._counts(source, lengths).ravel() if self.begins else lengths
        return self._form.read(parts[parts > 0], lambda at, d: projected[d, places[at]]), lengths

    def _counts(self, source: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Return the number of symbols (B, K) of each column in sources (B, S); EOS counts for the last column."""
        column = np.searchsorted(self.begins, source, side="right") - 1
        column[np.arange(source.shape[1]) >= lengths[:, None]] = -1
        return (column[:, None] == np.arange(len(self.begins))[:, None]).sum(2)

    def _apart(self, x: Array, source: np.ndarray, lengths: np.ndarray, rng: Any) -> Array:
        """Return the encoder's outputs (S, B, C) over x (S, B, E), with each column encoded as its own sequence."""
        counts = self._counts(source, lengths)
        (S, B, E), K = x.shape, counts.shape[1]
        firsts = np.cumsum(counts, axis=1) - counts
        steps, rows = np.arange(max(int(counts.max()), 1))[:, None], np.repeat(np.arange(B), K)
        at = np.minimum(firsts.ravel() + steps, S - 1) * B + rows  # (W, B·K) places in x
        parts = ops.embedding(ops.integers(at, x), x.reshape(S * B, E))
        y = self.encoder.read(
            parts, ops.integers(np.maximum(counts.ravel(), 1), x), between=lambda z: self.drop(z, rng)
        )
        column = np.minimum((np.arange(S)[:, None, None] >= np.cumsum(counts, axis=1)).sum(2), K - 1)  # (S, B)
        step = np.clip(np.arange(S)[:, None] - firsts[np.arange(B), column], 0, len(parts) - 1)
        back = step * (B * K) + np.arange(B) * K + column
        return ops.embedding(ops.integers(back, x), y.reshape(len(parts) * B * K, -1))

    @cached_property
    def _form(self) -> BatchForm:
        return BatchForm(self.encoder)
