"""Squares of a picture, one a step, row by row, each with its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from seqcli import ops
from seqcli.errors import UsageError
from seqcli.front_ends import BaseFrontEnd, gathered
from seqcli.layers.blank import Rng, matrix
from seqcli.layers.transformer import waves
from seqcli.ops import Array


@dataclass(frozen=True)
class FrontEnd(BaseFrontEnd):
    """relu(W patch + b) + [sinusoids of its row; of its column] (Dosovitskiy et al. 2021, with fixed places).

    A picture's frames are its rows (W·C numbers); `side` pixels is a patch high and wide.
    """

    weight: Array  # (E, side·side·C)
    bias: Array  # (E,)
    side: int = 4
    channels: int = 3
    wide: int = 1  # pixels of a row

    @classmethod
    def create(cls, dimensions: int, size: int, rng: Rng, *, side: int = 4, channels: int = 3) -> Self:
        """Fresh weights for pictures whose rows have `dimensions` numbers, `channels` a pixel."""
        wide = dimensions // max(channels, 1)
        if side < 1 or channels < 1 or wide * channels != dimensions or wide % side or size % 4:
            raise UsageError(
                f"model.front_end: rows of {dimensions} numbers, {channels} a pixel, cannot be cut into patches"
                f" {side} pixels wide that become vectors of {size}",
                hint="side divides a picture's width, channels are its numbers a pixel, embedding is a multiple of 4",
            )
        return cls(matrix(size, side * side * channels, rng), np.zeros(size, np.float32), side, channels, wide)

    @classmethod
    def keeps(cls, **options: Any) -> bool:
        return False

    def reduced(self, lengths: np.ndarray) -> np.ndarray:
        return -(-lengths // self.side) * (self.wide // self.side)

    def read(self, frames: Array, lengths: np.ndarray) -> tuple[Array, np.ndarray]:
        side, across, counts = self.side, self.wide // self.side, self.reduced(lengths)
        of = np.repeat(np.arange(len(lengths)), counts)
        number = np.arange(len(of)) - (np.cumsum(counts) - counts)[of]
        row, column = number // across, number % across
        down = row[:, None] * side + np.arange(side)  # (M, side) rows of the picture
        begin = (np.cumsum(lengths) - lengths)[of][:, None]
        pixels = (begin + down)[:, :, None] * self.wide + (column[:, None] * side + np.arange(side))[:, None]
        inside = np.broadcast_to((down < lengths[of][:, None])[:, :, None], pixels.shape)
        index = np.where(inside, pixels, len(frames) * self.wide).reshape(len(of), -1)
        x = gathered(frames.reshape(len(frames) * self.wide, self.channels), index)
        y = ops.relu(ops.linear(x, self.weight, self.bias))
        half = y.shape[1] // 2
        return y + ops.concat([waves(row, half, y), waves(column, half, y)]), counts
