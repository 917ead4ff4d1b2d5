"""Replay: how much of an epoch is earlier data, that all of it comes in turn, and that a draw depends on no other."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from seqcli.datasets.buckets import Buckets
from seqcli.datasets.plan import Plan
from seqcli.datasets.replay import Replay
from seqcli.datasets.streams import Streams
from seqcli.errors import UsageError


@pytest.mark.parametrize(("own", "others", "share"), [(30, 50, 0.25), (30, 10, 0.25), (30, 4, 0.75), (7, 90, 0.9)])
def test_a_share_of_each_epoch_is_earlier_data(own: int, others: int, share: float) -> None:
    lengths = np.random.default_rng(3).integers(1, 40, others)
    replay = Replay(own, lengths, share, seed=1)
    count, seen = round(own * share / (1 - share)), np.zeros(others, int)
    assert replay.slots == own + count
    for epoch in range(400):
        drawn = replay.drawn(epoch)
        assert drawn[:own].tolist() == list(range(own))
        times = np.bincount(drawn[own:] - own, minlength=others)
        assert times.sum() == count
        assert times.max() - times.min() <= 1  # none twice before all were read
        seen += times
    assert seen.min() > 0
    expected = 400 * count / others
    assert abs(seen - expected).max() < 0.35 * expected + 40


def test_what_an_epoch_reads_is_a_function_of_seed_and_epoch() -> None:
    lengths = np.arange(1, 60)
    a, b = Replay(20, lengths, 0.5, seed=4), Replay(20, lengths, 0.5, seed=4)
    later = b.drawn(9)
    assert [a.drawn(e).tolist() for e in range(9)] == [b.drawn(e).tolist() for e in range(9)]
    assert a.drawn(9).tolist() == later.tolist()
    assert a.drawn(1).tolist() != a.drawn(2).tolist()
    assert Replay(20, lengths, 0.5, seed=5).drawn(1).tolist() != a.drawn(1).tolist()


def test_a_slot_never_holds_more_than_it_says() -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 50, (140, 2))
    for share in (0.2, 0.5, 0.9):
        replay = Replay(60, lengths[60:], share, seed=2)
        most = replay.lengths(lengths)
        assert most.shape == (replay.slots, 2)
        assert all((lengths[replay.drawn(epoch)] <= most).all() for epoch in range(50))


def test_batches_of_sentences_hold_the_share() -> None:
    own, earlier = ([SimpleNamespace(length=1 + i % 9, old=old) for i in range(n)] for n, old in ((40, 0), (300, 1)))
    buckets = Buckets(own, 8, 1, earlier, 0.2)
    assert buckets.batches == 7  # 50 sentences
    for epoch in range(3):
        read = [s for i in range(buckets.batches) for s in buckets.batch(epoch, i)]
        assert sum(s.old for s in read) == 10
        assert {id(s) for s in read if not s.old} == {id(s) for s in own}


def test_without_earlier_data_batches_are_what_they_were() -> None:
    own = [SimpleNamespace(length=1 + i % 9) for i in range(40)]
    rng = np.random.default_rng([1, 3])
    order = rng.permutation(40)
    order = order[np.argsort(np.array([s.length for s in own])[order], kind="stable")]
    groups = [order[i : i + 8] for i in range(0, 40, 8)]
    wanted = [groups[i].tolist() for i in rng.permutation(5)]
    found = [[own.index(s) for s in Buckets(own, 8, 1).batch(3, i)] for i in range(5)]
    assert [[own[i].length for i in g] for g in wanted] == [[own[i].length for i in g] for g in found]


def test_batches_of_pairs_keep_their_budget() -> None:
    lengths = np.random.default_rng(1).integers(1, 60, (500, 2))
    plan = Plan(lengths, 1, size=8, tokens=400, earlier=400, share=0.5)
    for epoch in range(4):
        batches = [plan.batch(epoch, i) for i in range(plan.batches)]
        read = np.concatenate(batches)
        assert sorted(read[read < 100].tolist()) == list(range(100))
        assert (read >= 100).sum() == 100
        for places in batches:
            assert len(places) == 1 or lengths[places].max(axis=0).sum() * len(places) <= 400


@pytest.mark.parametrize(("share", "rows"), [(0.25, 2), (0.01, 1), (0.99, 7)])
def test_a_share_of_the_streams_reads_the_earlier_text(share: float, rows: int) -> None:
    ids, earlier = np.arange(2000), 10_000 + np.arange(150)
    streams = Streams(ids, 8, 10, 1, earlier=earlier, share=share)
    assert streams.batch_size == 8
    assert streams.batches == 1999 // ((8 - rows) * 10)
    for epoch in range(3):
        made = [streams.batch(epoch, i) for i in range(streams.batches)]
        inputs, targets = (np.concatenate(parts) for parts in zip(*made, strict=True))  # (batches·T, B)
        assert (inputs[:, : 8 - rows] < 2000).all()
        assert (targets == inputs + 1).all()
        old = inputs[:, 8 - rows :]
        assert (old >= 10_000).all()
        assert np.isin(np.diff(old, axis=0), [1, -148]).all()  # one after the other, and again from the beginning
    assert (streams.batch(0, 0)[0][0] != streams.batch(1, 0)[0][0]).any()


def test_one_stream_cannot_be_shared() -> None:
    with pytest.raises(UsageError, match=r"data\.replay: some of the streams"):
        Streams(np.arange(200), 1, 10, 1, earlier=np.arange(50), share=0.5)
