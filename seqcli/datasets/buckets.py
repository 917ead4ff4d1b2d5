"""Batches of sentences of similar length, in a different order every epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqcli.datasets.replay import Replay

POOL = 64  # batches in a pool that is sorted by length


class Buckets:
    """Batches of B records that have a `length`: shuffled, sorted by length within pools, then shuffled as batches.

    A batch is a function of (seed, epoch, index) alone. Batches contain little padding, and yet no two epochs are the
    same. With `earlier` records, these make up a `share` of each epoch (see `Replay`).
    """

    def __init__(
        self, sentences: Sequence[Any], batch_size: int, seed: int, earlier: Sequence[Any] = (), share: float = 0.0
    ):
        self.seed, self._sentences, self._size = seed, [*sentences, *earlier], batch_size
        self._lengths = np.array([s.length for s in self._sentences], np.int64)
        self._replay = Replay(len(sentences), self._lengths[len(sentences) :], share, seed) if earlier else None
        self.batches = -(-(self._replay.slots if self._replay else len(sentences)) // batch_size)
        self._drawn: tuple[int, list[np.ndarray]] = (-1, [])

    def batch(self, epoch: int, index: int) -> list[Any]:
        """Return the sentences of a batch."""
        if self._drawn[0] != epoch:
            self._drawn = epoch, self._draw(epoch)
        return [self._sentences[i] for i in self._drawn[1][index]]

    def _draw(self, epoch: int) -> list[np.ndarray]:
        rng = np.random.default_rng([self.seed, epoch])
        read = self._replay.drawn(epoch) if self._replay else np.arange(len(self._sentences))
        order, pool, found = rng.permutation(read), POOL * self._size, []
        for first in range(0, len(order), pool):
            part = order[first : first + pool]
            part = part[np.argsort(self._lengths[part], kind="stable")]
            found += [part[i : i + self._size] for i in range(0, len(part), self._size)]
        return [found[i] for i in rng.permutation(len(found))]
