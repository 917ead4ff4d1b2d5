"""Contiguous streams for truncated back-propagation through time: batch after batch continues where it stopped."""

from __future__ import annotations

import numpy as np

from seqcli.errors import SeqcliError


class Streams:
    """A stream of ids (N,) cut into B parallel streams, read T tokens at a time.

    Batch i of an epoch is followed in every stream by batch i + 1, so that the recurrent state carries over. All
    batches have the same shape (fused kernels are created once for each shape); what is left over, fewer than B·T
    tokens, is another stretch every epoch, since each epoch begins at an offset drawn from (seed, epoch).
    """

    def __init__(self, ids: np.ndarray, batch_size: int, sequence_length: int, seed: int):
        pairs = len(ids) - 1  # a token and the one it is to predict
        if pairs < sequence_length:
            raise SeqcliError(
                f"the training text has {len(ids):,} tokens, too few for sequences of {sequence_length} and one",
                hint=f"give more text, or set train.sequence_length to {max(pairs, 1)} or less",
            )
        self.batch_size = min(batch_size, pairs // sequence_length)
        self.sequence_length, self._ids, self._seed = sequence_length, ids, seed
        self.batches = pairs // (self.batch_size * sequence_length)  # an epoch
        self._each = self.batches * sequence_length  # tokens of one stream
        self._slack = pairs - self._each * self.batch_size

    def offset(self, epoch: int) -> int:
        """The first token of an epoch."""
        return int(np.random.default_rng([self._seed, epoch]).integers(self._slack + 1)) if epoch else 0

    def batch(self, epoch: int, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and targets (T, B), int64: targets are the inputs one token later."""
        first = self.offset(epoch) + index * self.sequence_length
        starts = first + self._each * np.arange(self.batch_size)
        rows = np.stack([self._ids[s : s + self.sequence_length + 1] for s in starts]).astype(np.int64)
        return np.ascontiguousarray(rows[:, :-1].T), np.ascontiguousarray(rows[:, 1:].T)
