"""Convolutions over time, which may skip steps: each output sees a window of frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from seqcli import ops
from seqcli.errors import UsageError
from seqcli.front_ends import BaseFrontEnd, gathered
from seqcli.layers.blank import Rng
from seqcli.layers.norm import Norm
from seqcli.ops import Array


@dataclass(frozen=True)
class FrontEnd(BaseFrontEnd):
    """y_t = relu(norm(W [x_{st-w/2}; ...; x_{st+w/2}] + b)) in each layer: windows of w frames, zero padding around a
    record, an output for every s frames. Without norm an output depends on the scale of a window's numbers."""

    weights: tuple[Array, ...]  # (E, w·D), then (E, w·E)
    biases: tuple[Array, ...]  # (E,); empty with norms, which have their own
    norms: tuple[Norm, ...]  # one a layer, or none
    width: int = 5
    stride: int = 2

    @classmethod
    def create(
        cls,
        dimensions: int,
        size: int,
        rng: Rng,
        *,
        layers: int = 2,
        width: int = 5,
        stride: int = 2,
        norm: bool = True,
    ) -> Self:
        """Return fresh weights (He et al. 2015) of so many layers; each keeps one of `stride` steps."""
        if layers < 1 or width < 1 or not 1 <= stride <= width:
            raise UsageError(
                f"model.front_end: layers {layers}, width {width}, stride {stride}: each must be at least 1, and the"
                " stride at most the width"
            )
        sizes = [dimensions] + [size] * (layers - 1)
        weights = tuple(
            rng.normal(0.0, float(np.sqrt(2 / (width * n))), (size, width * n)).astype(np.float32) for n in sizes
        )
        biases = () if norm else tuple(np.zeros(size, np.float32) for _ in weights)
        norms = tuple(Norm.create(size) for _ in weights) if norm else ()
        return cls(weights, biases, norms, width, stride)

    @classmethod
    def keeps(cls, *, stride: int = 2, **options: Any) -> bool:
        return stride == 1

    @property
    def every(self) -> int:
        return self.stride ** len(self.weights)

    def reduced(self, lengths: np.ndarray) -> np.ndarray:
        for _ in self.weights:
            lengths = -(-lengths // self.stride)
        return lengths

    def read(self, frames: Array, lengths: np.ndarray) -> tuple[Array, np.ndarray]:
        for layer in range(len(self.weights)):
            index, lengths = windows(lengths, self.width, self.stride)
            frames = self._layer(layer, gathered(frames, index))
        return frames, lengths

    def batched(self, frames: Array, lengths: Array) -> tuple[Array, Array]:
        before = (self.width - 1) // 2
        for layer in range(len(self.weights)):
            B, T, D = frames.shape
            inside = (ops.arange(T, frames)[None] < lengths[:, None])[..., None]
            around = [ops.zeros((B, n, D), frames) for n in (before, self.width - 1 - before)]
            rows = ops.concat([around[0], ops.where(inside, frames, 0 * frames), around[1]], axis=1)
            ends = [k + 1 - self.width or None for k in range(self.width)]
            seen = ops.concat([rows[:, k : ends[k] : self.stride] for k in range(self.width)])
            frames, lengths = self._layer(layer, seen), (lengths + (self.stride - 1)) // self.stride
        return frames, lengths

    def stream(self) -> Callable[[np.ndarray, bool], np.ndarray]:
        seen = [Windows(self.width, self.stride, weight.shape[1] // self.width) for weight in self.weights]

        def read(frames: np.ndarray, last: bool) -> np.ndarray:
            for layer, own in enumerate(seen):
                frames = self._layer(layer, own.feed(frames, last))
            return frames

        return read

    def _layer(self, layer: int, seen: Array) -> Array:
        """Apply a layer to the concatenated rows that its outputs see: (M, w·D) -> (M, E)."""
        if self.norms:
            return ops.relu(self.norms[layer](ops.linear(seen, self.weights[layer])))
        return ops.relu(ops.linear(seen, self.weights[layer], self.biases[layer]))


def windows(lengths: np.ndarray, width: int, stride: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which rows each output sees (M, width) in records of `lengths` (B,) end to end, their total for none,
    and how many outputs each record has (B,)."""
    counts = -(-lengths // stride)
    of = np.repeat(np.arange(len(lengths)), counts)
    time = np.arange(len(of)) - (np.cumsum(counts) - counts)[of]
    at = time[:, None] * stride + np.arange(width) - (width - 1) // 2
    inside = (at >= 0) & (at < lengths[of][:, None])
    return np.where(inside, (np.cumsum(lengths) - lengths)[of][:, None] + at, int(lengths.sum())), counts


class Windows:
    """The windows of a layer over the rows of one record that come in pieces."""

    def __init__(self, width: int, stride: int, size: int):
        self._width, self._stride = width, stride
        self._rows = np.zeros(((width - 1) // 2, size), np.float32)  # from where the next window begins
        self._due = 0  # rows that came, less `stride` for each window returned

    def feed(self, rows: np.ndarray, last: bool) -> np.ndarray:
        """Return the windows (m, width·size) that more rows (n, size) complete; with `last`, all that remain."""
        width, stride = self._width, self._stride
        self._rows, self._due = np.concatenate([self._rows, rows]), self._due + len(rows)
        complete = -(-self._due // stride) if last else max((len(self._rows) - width) // stride + 1, 0)
        if last:
            self._rows = np.concatenate([self._rows, np.zeros((width, self._rows.shape[1]), np.float32)])
        found = self._rows[np.arange(complete)[:, None] * stride + np.arange(width)]
        self._rows, self._due = self._rows[complete * stride :], self._due - complete * stride
        return found.reshape(complete, width * self._rows.shape[1])
