"""Batches of pairs: every pair once, the same shapes in every epoch, the budget kept, a function of its place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.datasets.plan import ROWS, STEPS, Plan

PAIRS = st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), min_size=1, max_size=120).map(np.array)
HOW = st.one_of(
    st.fixed_dictionaries({"size": st.integers(1, 40), "tokens": st.none()}),
    st.fixed_dictionaries({"size": st.just(32), "tokens": st.integers(1, 3000)}),
)
SEEDS = st.integers(0, 2**31)


def rounded(lengths: np.ndarray) -> np.ndarray:
    return -(-lengths // STEPS) * STEPS


def epoch(plan: Plan, number: int) -> list[np.ndarray]:
    return [plan.batch(number, i) for i in range(plan.batches)]


def shapes(lengths: np.ndarray, batches: list[np.ndarray]) -> list[tuple[int, ...]]:
    """(rows, longest source, longest target) of each, rounded, in an order of their own."""
    return sorted((len(b), *rounded(lengths[b]).max(axis=0).tolist()) for b in batches)


@given(lengths=PAIRS, how=HOW, seed=SEEDS)
def test_every_pair_once_in_the_same_shapes(lengths, how, seed):
    plan = Plan(lengths, seed, **how)
    first = epoch(plan, 0)
    for number in (0, 1, 7):
        batches = epoch(plan, number)
        assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
        assert shapes(lengths, batches) == shapes(lengths, first)
        assert all(len(b) for b in batches)


@given(lengths=PAIRS, how=HOW, seed=SEEDS)
def test_a_batch_is_a_function_of_seed_epoch_and_place(lengths, how, seed):
    one, two = Plan(lengths, seed, **how), Plan(lengths.copy(), seed, **how)
    wanted = {(e, i): two.batch(e, i).tolist() for e in (2, 0) for i in range(two.batches)}
    for e, i in sorted(wanted, reverse=True):
        assert one.batch(e, i).tolist() == wanted[e, i]
        assert one.batch(e, i).tolist() == wanted[e, i]  # asking changes nothing


@given(lengths=PAIRS, how=HOW, seed=SEEDS)
def test_pairs_of_a_batch_are_neighbours_in_length(lengths, how, seed):
    """By target, then source: no pair stands between two batches' lengths."""
    found = sorted(sorted(rounded(lengths[b])[:, ::-1].tolist()) for b in epoch(Plan(lengths, seed, **how), 3))
    flat = [pair for batch in found for pair in batch]
    assert flat == sorted(flat)


def packed(lengths: np.ndarray, tokens: int) -> list[list[list[int]]]:
    """(target, source) of each batch's pairs: as many neighbours as the budget holds, in multiples of ROWS."""
    rest, found = sorted(rounded(lengths)[:, ::-1].tolist()), []
    while rest:
        n = 1
        while n < len(rest) and (n + 1) * np.max(rest[: n + 1], axis=0).sum() <= tokens:
            n += 1
        if ROWS < n < len(rest):
            n -= n % ROWS
        found.append(rest[:n])
        rest = rest[n:]
    return found


@given(lengths=PAIRS, tokens=st.integers(1, 3000), seed=SEEDS)
def test_a_budget_is_kept_and_spent(lengths, tokens, seed):
    batches = epoch(Plan(lengths, seed, size=1, tokens=tokens), 0)
    assert sorted(sorted(rounded(lengths[b])[:, ::-1].tolist()) for b in batches) == sorted(packed(lengths, tokens))
    assert all(len(b) == 1 or len(b) * rounded(lengths[b]).max(axis=0).sum() <= tokens for b in batches)


def test_batches_of_a_size_are_full_but_the_last():
    plan = Plan(np.full((50, 2), 5), 1, size=8)
    assert sorted(len(b) for b in epoch(plan, 0)) == [2, 8, 8, 8, 8, 8, 8]


def test_by_budget_by_hand():
    """Pairs of 4 and 4 tokens, 8 in all: 20 fit into 160, of which 16 are a multiple of 8."""
    plan = Plan(np.full((40, 2), 3), 1, size=99, tokens=160)
    assert sorted(len(b) for b in epoch(plan, 0)) == [8, 16, 16]
    few = Plan(np.full((7, 2), 4), 1, size=99, tokens=24)  # 3 fit
    assert sorted(len(b) for b in epoch(few, 0)) == [1, 3, 3]
    huge = Plan(np.array([[500, 500], [4, 4], [4, 4]]), 1, size=99, tokens=20)  # one is larger than the budget
    assert sorted(map(tuple, epoch(huge, 0))) in ([(0,), (1, 2)], [(0,), (2, 1)])


def test_another_order_each_epoch_and_seed():
    lengths = np.random.default_rng(1).integers(1, 20, (200, 2))
    orders = {
        tuple(np.concatenate(epoch(Plan(lengths, seed, size=16), number)).tolist())
        for seed in (1, 2)
        for number in range(3)
    }
    assert len(orders) == 6
    plan = Plan(lengths, 1, size=16)
    firsts = {tuple(rounded(lengths[plan.batch(e, 0)]).max(axis=0).tolist()) for e in range(20)}
    assert len(firsts) > 5  # the batches' order is drawn, too


def test_pairs_of_one_length_change_their_batch():
    plan = Plan(np.full((64, 2), 5), 1, size=8)
    together = [{frozenset(b.tolist()) for b in epoch(plan, number)} for number in (0, 1)]
    assert together[0].isdisjoint(together[1])


@pytest.mark.parametrize("tokens", [None, 100])
def test_one_pair(tokens):
    plan = Plan(np.array([[1, 1]]), 0, size=4, tokens=tokens)
    assert (plan.batches, plan.batch(5, 0).tolist()) == (1, [0])
