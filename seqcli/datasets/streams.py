"""Contiguous streams for truncated back-propagation through time: each batch continues where the last one stopped."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from seqcli.errors import SeqcliError, UsageError

SHORTER, DEVIATION, SHORTEST = 0.05, 5.0, 5  # of varied lengths: share of halved ones; deviation and least, in tokens


class Streams:
    """A stream of ids (N,) cut into B parallel streams, read T tokens at a time.

    In every stream batch i + 1 of an epoch continues batch i, so that the recurrent state carries over. All batches
    have the same shape (fused kernels are created once for each shape), unless lengths are varied: then T is their
    mean. The rest, fewer than B·T tokens, is a different stretch every epoch, since each epoch begins at an offset
    drawn from (seed, epoch). A partial shuffle rotates each stream by an amount of its own, so that different tokens
    meet in a batch and at the ends of a stream every epoch (Press 2019, "Partially shuffling the training data to
    improve language models").

    With an `earlier` text, a `share` of the B streams, the last ones, read that text: each from a place drawn from
    (seed, epoch), and from its beginning after its end. An epoch is still one pass over the training text.
    """

    def __init__(
        self,
        ids: np.ndarray,
        batch_size: int,
        sequence_length: int,
        seed: int,
        *,
        varied: bool = False,
        shuffled: bool = False,
        earlier: np.ndarray | None = None,
        share: float = 0.0,
    ):
        pairs = len(ids) - 1  # a token and the one it is to predict
        if pairs < sequence_length:
            raise SeqcliError(
                f"the training text has {len(ids):,} tokens, but one sequence needs {sequence_length} and one more",
                hint=f"give more text, or set train.sequence_length to {max(pairs, 1)} or less",
            )
        self._earlier, self._replayed = earlier, 0
        if earlier is not None:
            if batch_size < 2 or len(earlier) < 2:
                what = f"train.batch_size is {batch_size}" if batch_size < 2 else "the text has fewer than two tokens"
                raise UsageError(f"data.replay: some of the streams must read the earlier text, but {what}")
            self._replayed = min(max(round(share * batch_size), 1), batch_size - 1)
        self._own = min(batch_size - self._replayed, pairs // sequence_length)
        self.batch_size = self._own + self._replayed
        self.sequence_length, self._ids, self._seed = sequence_length, ids, seed
        self.varied, self._shuffled = varied, shuffled
        self.batches = pairs // (self._own * sequence_length)  # in an epoch
        self._each = self.batches * sequence_length  # tokens of one stream
        self._slack = pairs - self._each * self._own
        self._known: tuple[int, np.ndarray] = -1, np.zeros(0, np.int64)

    @classmethod
    def of(cls, ids: np.ndarray, train: Any, earlier: np.ndarray | None = None, share: float = 0.0) -> Self:
        """Create streams as a recipe's `train` sets them."""
        how: dict[str, Any] = {"varied": train.vary_length, "shuffled": train.partial_shuffle}
        how |= {"earlier": earlier, "share": share}
        return cls(ids, train.batch_size, train.sequence_length, train.seed, **how)

    def offset(self, epoch: int) -> int:
        """Return the index of the first token of an epoch."""
        return int(np.random.default_rng([self._seed, epoch]).integers(self._slack + 1)) if epoch else 0

    def _cuts(self, epoch: int) -> np.ndarray:
        """Return where the batches of an epoch begin within each stream, and where the last ends (batches + 1,)."""
        if self._known[0] != epoch:
            self._known = epoch, self._made_cuts(epoch)
        return self._known[1]

    def _made_cuts(self, epoch: int) -> np.ndarray:
        T = self.sequence_length
        if not self.varied or T <= SHORTEST:
            return np.arange(self.batches + 1) * T
        rng = np.random.default_rng([self._seed, epoch, 1])
        half = rng.random(self.batches) < SHORTER
        wanted = np.where(half, T / 2, T) + rng.normal(0, DEVIATION, self.batches)
        wanted = wanted.clip(SHORTEST)
        return np.rint(np.concatenate([[0], wanted.cumsum() * (self._each / wanted.sum())])).astype(np.int64)

    def batch(self, epoch: int, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return inputs and targets (T, B), int64: targets are the inputs one token later."""
        cuts, first = self._cuts(epoch), self.offset(epoch)
        within = np.arange(cuts[index], cuts[index + 1])[:, None]  # (T, 1)
        if self._shuffled:
            within = within + np.random.default_rng([self._seed, epoch, 2]).integers(self._each, size=self._own)
        places = first + self._each * np.arange(self._own) + within % self._each  # (T, B)
        inputs, targets = self._ids[places].astype(np.int64), self._ids[places + 1].astype(np.int64)
        if self._earlier is None:
            return inputs, targets
        pairs = len(self._earlier) - 1
        begins = np.random.default_rng([self._seed, epoch, 3]).integers(pairs, size=self._replayed)
        places = (begins + np.arange(cuts[index], cuts[index + 1])[:, None]) % pairs
        more = self._earlier[places].astype(np.int64), self._earlier[places + 1].astype(np.int64)
        return np.concatenate([inputs, more[0]], axis=1), np.concatenate([targets, more[1]], axis=1)
