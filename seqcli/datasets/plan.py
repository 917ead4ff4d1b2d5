"""Batches of pairs of similar lengths, by number or by a budget of tokens, in a different order every epoch."""

from __future__ import annotations

import numpy as np

from seqcli.datasets.batch import STEPS  # lengths are rounded up to multiples of it, as in the batches
from seqcli.datasets.replay import Replay

ROWS = 8  # batches by budget have a multiple of so many pairs if they can, for few different shapes


class Plan:
    """The assignment of pairs to batches: pairs of one rounded length stand together, so that little is padding.

    The lengths at each place of the order are the same in every epoch, and so are the number and shapes of batches;
    which of the pairs of these lengths stand there, and the order of the batches, is drawn anew. A batch is a
    function of (seed, epoch, index) alone.
    """

    def __init__(
        self,
        lengths: np.ndarray,
        seed: int,
        *,
        size: int,
        tokens: int | None = None,
        earlier: int = 0,
        share: float = 0.0,
    ):
        """Plan batches for `lengths` (N, 2) of sources and targets: `size` pairs in a batch, or as many as fit into
        `tokens`, counting both sides and padding (at least one). The last `earlier` pairs are replayed: they make up
        a `share` of each epoch (see `Replay`)."""
        self.seed, own = seed, len(lengths) - earlier
        self._replay = Replay(own, lengths[own:], share, seed) if earlier else None
        lengths = self._replay.lengths(lengths) if self._replay else lengths
        rounded = -(-np.asarray(lengths, np.int64) // STEPS) * STEPS
        self._keys = rounded[:, 1] * (int(rounded[:, 0].max(initial=0)) + 1) + rounded[:, 0]
        order = np.argsort(self._keys, kind="stable")
        self._cuts = self._cut(rounded[order], size, tokens)
        self.batches = len(self._cuts) - 1
        self._drawn: tuple[int, np.ndarray, np.ndarray] = (-1, order, order)

    @staticmethod
    def _cut(lengths: np.ndarray, size: int, tokens: int | None) -> list[int]:
        """Return where batches begin in the order of lengths, and the end."""
        if tokens is None:
            return [*range(0, len(lengths), size), len(lengths)]
        cuts, longest, i = [0], (0, 0), 0
        while i < len(lengths):
            source, target = lengths[i].tolist()
            longest = max(longest[0], source), max(longest[1], target)
            if (count := i - cuts[-1]) and sum(longest) * (count + 1) > tokens:
                i = cuts[-1] + max(count - count % ROWS, min(count, ROWS))
                cuts.append(i)
                longest = 0, 0
            else:
                i += 1
        return [*cuts, len(lengths)]

    def batch(self, epoch: int, index: int) -> np.ndarray:
        """Return the indices of a batch's pairs."""
        if self._drawn[0] != epoch:
            rng = np.random.default_rng([self.seed, epoch])
            drawn = rng.permutation(len(self._keys))
            order = drawn[np.argsort(self._keys[drawn], kind="stable")]
            batches = rng.permutation(self.batches)
            self._drawn = epoch, self._replay.drawn(epoch)[order] if self._replay else order, batches
        _, order, batches = self._drawn
        at = int(batches[index])
        return order[self._cuts[at] : self._cuts[at + 1]]
