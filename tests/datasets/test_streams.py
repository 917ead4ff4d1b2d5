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
        with pytest.raises(SeqcliError, match=f"the training text has {length} tokens, but"):
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


@given(st.integers(60, 900), st.integers(1, 8), st.integers(1, 40), st.integers(0, 5), st.integers(0, 3))
def test_varied_lengths_read_the_same_tokens_in_other_parts(length, batch_size, sequence_length, seed, epoch):
    if length <= sequence_length:
        return
    plain = Streams(np.arange(length), batch_size, sequence_length, seed)
    varied = Streams(np.arange(length), batch_size, sequence_length, seed, varied=True)
    assert varied.batches == plain.batches
    batches = [varied.batch(epoch, i) for i in range(varied.batches)]
    assert all(len(x) == len(y) > 0 for x, y in batches)
    whole = [np.concatenate([s.batch(epoch, i)[0] for i in range(s.batches)]) for s in (plain, varied)]
    np.testing.assert_array_equal(*whole)


def test_lengths_vary_about_their_mean_and_some_are_half():
    streams = Streams(np.arange(200_001), 2, 50, 1, varied=True)
    lengths = np.array([len(streams.batch(3, i)[0]) for i in range(streams.batches)])
    assert lengths.sum() == streams.batches * 50
    assert 0.03 < (lengths < 35).mean() < 0.07
    assert 4 < lengths[lengths > 35].std() < 6
    assert [len(streams.batch(4, i)[0]) for i in range(9)] != lengths[:9].tolist()  # another epoch


def test_a_partial_shuffle_rotates_each_stream_within_itself():
    length, B, T = 1001, 5, 20
    streams = Streams(np.arange(length), B, T, seed=1, shuffled=True)
    each, seen = 200, []
    for epoch in range(4):
        batches = [streams.batch(epoch, i) for i in range(streams.batches)]
        inputs, targets = (np.concatenate(part) for part in zip(*batches, strict=True))
        np.testing.assert_array_equal(targets, inputs + 1)
        for b in range(B):
            own = inputs[:, b] - streams.offset(epoch)
            np.testing.assert_array_equal(np.sort(own), np.arange(b * each, (b + 1) * each))
            np.testing.assert_array_equal(np.diff(own) % each, 1)
        seen.append(tuple(inputs[0] % each))
    assert len(set(seen)) == 4
    assert len(set(seen[0])) > 1
