"""Squares of a picture, one a step, row by row, each with what is around it and its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from seqcli import ops
from seqcli.errors import UsageError
from seqcli.front_ends import BaseFrontEnd, gathered
from seqcli.layers.blank import Rng
from seqcli.layers.norm import Norm
from seqcli.layers.transformer import waves
from seqcli.ops import Array


@dataclass(frozen=True)
class FrontEnd(BaseFrontEnd):
    """y = relu(norm(W x + b)), layer upon layer, of the pixels x around each square; to the last the sinusoids of the
    square's row and column are added (Dosovitskiy et al. 2021, with fixed places).

    A picture's frames are its rows (W·C numbers); `side` pixels is a square high and wide, `sees` what is read of the
    picture around its middle, zeros beyond the edges.
    """

    weights: tuple[Array, ...]  # (E, sees·sees·C), then (E, E)
    norms: tuple[Norm, ...]
    side: int = 4
    sees: int = 4
    channels: int = 3
    wide: int = 1  # pixels of a row

    @classmethod
    def create(
        cls,
        dimensions: int,
        size: int,
        rng: Rng,
        *,
        side: int = 4,
        sees: int = 8,
        layers: int = 2,
        channels: int = 3,
    ) -> Self:
        """Fresh weights (He et al. 2015) for pictures whose rows have `dimensions` numbers, `channels` each pixel."""
        wide = dimensions // max(channels, 1)
        if min(side, layers) < 1 or sees < side or wide * channels != dimensions or wide % side or size % 4:
            raise UsageError(
                f"model.front_end: rows of {dimensions} numbers, {channels} a pixel, cannot be cut into patches"
                f" {side} pixels wide, each seeing {sees}, that become vectors of {size}",
                hint="side divides a picture's width, and is at most what it sees; channels are numbers a pixel,"
                " embedding is a multiple of 4",
            )
        sizes = [sees * sees * channels] + [size] * (layers - 1)
        weights = tuple(rng.normal(0.0, float(np.sqrt(2 / n)), (size, n)).astype(np.float32) for n in sizes)
        return cls(weights, tuple(Norm.create(size) for _ in weights), side, sees, channels, wide)

    def grid(self, high: int) -> tuple[int, int]:
        """Rows and columns of the patches of a picture so many pixels high."""
        return -(-high // self.side), self.wide // self.side

    @classmethod
    def keeps(cls, **options: Any) -> bool:
        return False

    def reduced(self, lengths: np.ndarray) -> np.ndarray:
        return -(-lengths // self.side) * (self.wide // self.side)

    def read(self, frames: Array, lengths: np.ndarray) -> tuple[Array, np.ndarray]:
        across, counts = self.wide // self.side, self.reduced(lengths)
        of = np.repeat(np.arange(len(lengths)), counts)
        number = np.arange(len(of)) - (np.cumsum(counts) - counts)[of]
        row, column = number // across, number % across
        around = np.arange(self.sees) - (self.sees - self.side) // 2
        down = (row[:, None] * self.side + around)[:, :, None]  # (M, sees, 1) rows of the picture
        right = (column[:, None] * self.side + around)[:, None]  # (M, 1, sees)
        begin = (np.cumsum(lengths) - lengths)[of][:, None, None]
        inside = (down >= 0) & (down < lengths[of][:, None, None]) & (right >= 0) & (right < self.wide)
        index = np.where(inside, (begin + down) * self.wide + right, len(frames) * self.wide).reshape(len(of), -1)
        x = gathered(frames.reshape(len(frames) * self.wide, self.channels), index)
        for weight, norm in zip(self.weights, self.norms, strict=True):
            x = ops.relu(norm(ops.linear(x, weight)))
        half = x.shape[1] // 2
        return x + ops.concat([waves(row, half, x), waves(column, half, x)]), counts
