"""Contiguous streams for truncated back-propagation, against the plain definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.datasets.streams import Streams
from seqcli.errors import SeqcliError


@given(
    length=st.integers(2, 400),
    batch_size=st.integers(1, 40),
    sequence_length=st.integers(1, 30),
    seed=st.integers(0, 5),
    epoch=st.integers(0, 3),
)
def test_every_epoch_reads_contiguous_streams(length, batch_size, sequence_length, seed, epoch):
    ids = np.arange(length)  # an id is its own position
    if length - 1 < sequence_length:
        with pytest.raises(SeqcliError, match=f"the training text has {length} tokens, too few"):
            Streams(ids, batch_size, sequence_length, seed)
        return
    streams = Streams(ids, batch_size, sequence_length, seed)
    B, T = streams.batch_size, sequence_length
    batches = [streams.batch(epoch, i) for i in range(streams.batches)]
    assert all(x.shape == y.shape == (T, B) and x.dtype == y.dtype == np.int64 for x, y in batches)
    inputs, targets = (np.concatenate(part) for part in zip(*batches, strict=True))  # (batches T, B)
    assert np.array_equal(targets, inputs + 1)
    assert np.array_equal(np.diff(inputs, axis=0), np.ones((len(inputs) - 1, B)))  # batch follows batch
    seen = np.sort(inputs.T.reshape(-1))
    assert np.array_equal(seen, np.arange(seen[0], seen[0] + len(seen)))  # each token once, no gap
    assert seen[-1] < length - 1
    assert length - 1 - len(seen) < B * T  # what is left over
    assert min(batch_size, (length - 1) // T) == B
    if epoch == 0:
        assert inputs[0, 0] == 0


def test_epochs_leave_out_different_stretches():
    streams = Streams(np.arange(1000), 4, 30, seed=1)  # 8 batches of 120 leave 39
    offsets = [streams.offset(e) for e in range(30)]
    assert offsets[0] == 0
    assert len(set(offsets)) > 10
    assert all(0 <= o <= 39 for o in offsets)
    assert offsets == [Streams(np.arange(1000), 4, 30, seed=1).offset(e) for e in range(30)]
    assert offsets[1:] != [Streams(np.arange(1000), 4, 30, seed=2).offset(e) for e in range(1, 30)]


def test_the_hint_names_a_length_that_works():
    with pytest.raises(SeqcliError) as caught:
        Streams(np.arange(6), 8, 16, 0)
    assert "set train.sequence_length to 5 or less" in caught.value.hint
    assert Streams(np.arange(6), 8, 5, 0).batches == 1
