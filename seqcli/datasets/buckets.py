"""Batches of sentences of like length, in another order every epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

POOL = 64  # batches that are sorted by length together


class Buckets:
    """What has a `length` in batches of B: shuffled, sorted by length within pools, the batches shuffled again.

    A batch is a function of (seed, epoch, place) alone. Little of it is padding, and still no two epochs are alike.
    """

    def __init__(self, sentences: Sequence[Any], batch_size: int, seed: int):
        self.seed, self._sentences, self._size = seed, sentences, batch_size
        self._lengths = np.array([s.length for s in sentences], np.int64)
        self.batches = -(-len(sentences) // batch_size)
        self._drawn: tuple[int, list[np.ndarray]] = (-1, [])

    def batch(self, epoch: int, index: int) -> list[Any]:
        """The sentences of a batch."""
        if self._drawn[0] != epoch:
            self._drawn = epoch, self._draw(epoch)
        return [self._sentences[i] for i in self._drawn[1][index]]

    def _draw(self, epoch: int) -> list[np.ndarray]:
        rng = np.random.default_rng([self.seed, epoch])
        order, pool, found = rng.permutation(len(self._sentences)), POOL * self._size, []
        for first in range(0, len(order), pool):
            part = order[first : first + pool]
            part = part[np.argsort(self._lengths[part], kind="stable")]
            found += [part[i : i + self._size] for i in range(0, len(part), self._size)]
        return [found[i] for i in rng.permutation(len(found))]
