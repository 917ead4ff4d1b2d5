"""Batches of like length: every sentence once an epoch, another order each time, a function of the seed alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.datasets.buckets import POOL, Buckets


@dataclass
class Words:
    length: int
    number: int


def sentences(lengths: list[int]) -> list[Words]:
    return [Words(n, i) for i, n in enumerate(lengths)]


def epoch_of(own: Buckets[Words], epoch: int) -> list[list[int]]:
    return [[s.number for s in own.batch(epoch, i)] for i in range(own.batches)]


LENGTHS = st.lists(st.integers(1, 40), min_size=1, max_size=120)


@given(lengths=LENGTHS, size=st.integers(1, 50), seed=st.integers(0, 2**63 - 1), epoch=st.integers(0, 1000))
def test_every_sentence_once_an_epoch(lengths: list[int], size: int, seed: int, epoch: int) -> None:
    batches = epoch_of(Buckets(sentences(lengths), size, seed), epoch)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    assert len(batches) == -(-len(lengths) // size)
    full = [len(batch) for batch in batches]
    assert all(n == size for n in sorted(full)[1:])
    assert 0 < min(full) <= size


@given(lengths=LENGTHS, size=st.integers(1, 50), seed=st.integers(0, 2**32), data=st.data())
def test_a_batch_is_its_place_s_alone(lengths: list[int], size: int, seed: int, data: st.DataObject) -> None:
    """Whatever was asked before: a run that goes on asks for the middle of an epoch first."""
    own, epoch = Buckets(sentences(lengths), size, seed), data.draw(st.integers(0, 5))
    place = data.draw(st.integers(0, own.batches - 1))
    for before in data.draw(st.lists(st.integers(0, 5), max_size=3)):
        own.batch(before, 0)
    fresh = Buckets(sentences(lengths), size, seed)
    assert [s.number for s in own.batch(epoch, place)] == [s.number for s in fresh.batch(epoch, place)]


def test_epochs_and_seeds_differ_in_batches_and_in_their_order() -> None:
    lengths = np.random.default_rng(0).integers(1, 30, 300).tolist()
    own = Buckets(sentences(lengths), 8, 1)
    first = epoch_of(own, 0)
    for other in (epoch_of(own, 1), epoch_of(Buckets(sentences(lengths), 8, 2), 0)):
        assert first != other
        assert len({frozenset(b) for b in first} & {frozenset(b) for b in other}) < 4  # not merely reordered
    lengths_of = [[lengths[b[0]] for b in epoch_of(own, e)] for e in range(2)]
    assert lengths_of[0] != sorted(lengths_of[0])  # short and long batches are mixed


@pytest.mark.parametrize("size", [1, 8, 32])
def test_little_is_padding(size: int) -> None:
    """Sentences as long as in newspaper text: within a tenth of the tokens, where random batches waste half."""
    rng = np.random.default_rng(1)
    lengths = np.maximum(rng.gamma(3.5, 7, 4000).astype(int), 1)
    own = Buckets(sentences(lengths.tolist()), size, 1)
    assert own.batches > POOL
    wasted = random = 0
    shuffled = rng.permutation(lengths)
    for i, batch in enumerate(epoch_of(own, 3)):
        mine, drawn = lengths[batch], shuffled[i * size : (i + 1) * size]
        wasted += mine.max() * len(mine) - mine.sum()
        random += drawn.max() * len(drawn) - drawn.sum()
    assert wasted < 0.1 * lengths.sum()
    assert size == 1 or wasted < random / 5


def test_sentences_are_handed_over_themselves() -> None:
    given_ = sentences([3, 1, 2])
    assert {id(s) for s in Buckets(given_, 2, 0).batch(0, 0)} <= {id(s) for s in given_}
    assert Buckets(given_, 2, 7).seed == 7
