"""Square patches of a picture as steps: convolutions over each patch and its surroundings, with its position."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np

from seqcli import ops
from seqcli.errors import UsageError
from seqcli.front_ends import BaseFrontEnd, gathered
from seqcli.layers.blank import Rng
from seqcli.layers.positions import waves
from seqcli.ops import Array


@dataclass(frozen=True)
class FrontEnd(BaseFrontEnd):
    """y = relu(W x + b) in each layer, where x are the w by w pixels around each, zeros beyond the edges. All layers
    but the first halve both sides of the picture, until a pixel stands for `side` by `side`; the sinusoids of its row
    and column are added. A picture's frames are its rows (W·C numbers)."""

    weights: tuple[Array, ...]  # (E_l, w·w·E_{l-1}); each layer has twice as many outputs as the one below it
    biases: tuple[Array, ...]  # (E_l,)
    side: int = 4
    width: int = 3
    channels: int = 3
    wide: int = 1  # pixels in a row

    @classmethod
    def create(
        cls, dimensions: int, size: int, rng: Rng, *, side: int = 4, width: int = 3, channels: int = 3
    ) -> Self:
        """Return fresh weights (He et al. 2015) for pictures with `dimensions` numbers a row, `channels` a pixel."""
        wide, depth = dimensions // max(channels, 1), side.bit_length()
        fits = side >= 1 and side == 1 << depth - 1 and wide * channels == dimensions and width > 0 and width % 2
        if not fits or wide % side or size % max(4, side):
            raise UsageError(
                f"model.front_end: rows of {dimensions} numbers, {channels} a pixel, cannot be cut into patches"
                f" {side} pixels wide that become vectors of {size}",
                hint="side must be a power of 2 that divides a picture's width and the embedding; width must be odd;"
                " channels are the numbers of a pixel",
            )
        sizes = [channels, *(size >> d for d in reversed(range(depth)))]
        weights = tuple(
            rng.normal(0.0, float(np.sqrt(2 / (width * width * n))), (m, width * width * n)).astype(np.float32)
            for n, m in pairwise(sizes)
        )
        return cls(weights, tuple(np.zeros(m, np.float32) for m in sizes[1:]), side, width, channels, wide)

    def grid(self, high: int) -> tuple[int, int]:
        """Return the rows and columns of patches of a picture `high` pixels high."""
        return -(-high // self.side), self.wide // self.side

    @classmethod
    def keeps(cls, **options: Any) -> bool:
        return False

    def reduced(self, lengths: np.ndarray) -> np.ndarray:
        return -(-lengths // self.side) * (self.wide // self.side)

    def batched(self, frames: Array, lengths: Array) -> tuple[Array, Array]:
        raise UsageError("a model of patches of pictures has no graph yet")

    def read(self, frames: Array, lengths: np.ndarray) -> tuple[Array, np.ndarray]:
        x, high, wide = frames.reshape(len(frames) * self.wide, self.channels), lengths, self.wide
        row = column = np.zeros(0, np.int64)
        for depth, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            step = 2 if depth else 1
            index, row, column = windows(high, wide, self.width, step)
            high, wide = -(-high // step), -(-wide // step)
            x = ops.relu(ops.linear(gathered(x, index), weight, bias))
        half = x.shape[1] // 2
        return x + ops.concat([waves(row, half, x), waves(column, half, x)]), high * wide


def windows(high: np.ndarray, wide: int, width: int, step: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return which pixels each output sees (M, width·width) in pictures end to end of `high` (B,) rows of `wide`
    pixels each, their total for none; and the row and the column of each output (M,)."""
    across, counts = -(-wide // step), -(-high // step) * -(-wide // step)
    of = np.repeat(np.arange(len(high)), counts)
    number = np.arange(len(of)) - (np.cumsum(counts) - counts)[of]
    row, column = number // across, number % across
    around = np.arange(width) - width // 2
    down, right = (row[:, None] * step + around)[:, :, None], (column[:, None] * step + around)[:, None]
    inside = (down >= 0) & (down < high[of][:, None, None]) & (right >= 0) & (right < wide)
    begin = (np.cumsum(high) - high)[of][:, None, None]
    return np.where(inside, (begin + down) * wide + right, int(high.sum()) * wide).reshape(len(of), -1), row, column
