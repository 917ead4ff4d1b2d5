"""The best of lists by weighted scores; weights against every step of a line, tried one by one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples

from seqcli.decoding.rescoring import WIDTH, Lists, corners, fit, ranked, totals

seeds = st.integers(0, 2**32 - 1)


def share(sums: np.ndarray) -> np.ndarray:
    return sums[:, 0] / np.maximum(sums[:, 1], 1)


def drawn(seed: int, whole: bool = False) -> Lists:
    """Some lists of different lengths; with `whole`, of whole numbers, where much is equal."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(rng.integers(1, 7)):
        size = int(rng.integers(1, 6))
        features = rng.integers(-2, 3, (size, 3)).astype(float) if whole else rng.normal(size=(size, 3))
        made.append((features, rng.integers(0, 4, (size, 2)).astype(float)))
    return Lists.of(made, share)


def steps_of(lists: Lists, weights: np.ndarray, direction: np.ndarray) -> list[float]:
    """A point within each step of a line: between all crossings of any two answers of a list."""
    crossings = set()
    for own, real in zip(lists.features, lists.real, strict=True):
        lines = [(f @ weights, f @ direction) for f in own[real]]
        for (a, b), (c, d) in itertools.combinations(lines, 2):
            if b != d:
                crossings.add((a - c) / (d - b))
    edges = [-1000.0, *sorted(x for x in crossings if abs(x) < 1000), 1000.0]
    return [(x + y) / 2 for x, y in itertools.pairwise(edges) if y - x > WIDTH]


@given(seeds, st.booleans())
@settings(max_examples=examples(200))
def test_a_line_is_searched_exactly(seed: int, whole: bool) -> None:
    lists, rng = drawn(seed, whole), np.random.default_rng(seed)
    weights, direction = rng.normal(size=3), rng.normal(size=3)
    value, x = lists.along(weights, direction)
    tried = [lists.value(weights + at * direction) for at in steps_of(lists, weights, direction)]
    assert value == pytest.approx(max(tried))
    assert lists.value(weights + x * direction) == pytest.approx(value)


@given(seeds)
@settings(max_examples=examples(100))
def test_corners_are_where_the_best_answer_changes(seed: int) -> None:
    lists, rng = drawn(seed), np.random.default_rng(seed)
    a, b = totals(lists.features, rng.normal(size=3)), totals(lists.features, rng.normal(size=3))
    for x, row, left, right in zip(*corners(a, b, lists.real), strict=True):
        line = np.where(lists.real[row], a[row] + x * b[row], -np.inf)
        assert line[left] == pytest.approx(line.max())
        assert line[right] == pytest.approx(line.max())
        assert b[row, right] > b[row, left]


def test_weights_are_found_that_make_all_right() -> None:
    """The truth is a weighted sum with a negative weight, of scores of very different size."""
    rng, truth, made = np.random.default_rng(3), np.array([1.0, -2.0, 0.5]) / [1, 1000, 0.01], []
    for _ in range(100):
        features = rng.normal(size=(8, 3)) * [1, 1000, 0.01]
        right = np.zeros((8, 2))
        right[:, 1] = 1
        right[(features @ truth).argmax(), 0] = 1
        made.append((features, right))
    lists = Lists.of(made, share)
    assert lists.value([1.0, 0.0, 0.0]) < 0.6
    best = fit(lists, [1.0, 0.0, 0.0])
    assert best.value >= 0.97
    assert best.value == lists.value(best.weights)
    assert max(map(abs, best.weights)) == 1
    assert best == fit(lists, [1.0, 0.0, 0.0])  # the same for the same arguments
    own = [np.array(best.weights)[i] / truth[i] for i in range(3)]
    assert max(own) / min(own) < 1.5  # the truth, but for its size


@given(seeds)
@settings(max_examples=examples(15), deadline=None)
def test_fitting_is_never_worse_than_where_it_begins(seed: int) -> None:
    lists = drawn(seed, whole=True)
    start = [1.0, 0.0, 0.0]
    assert fit(lists, start, seed).value >= lists.value(start)


def test_equal_totals_keep_their_order_and_totals_their_bits() -> None:
    features = np.array([[0.1, 2.0], [0.3, 1.0], [0.3, 1.0]])
    order, total = ranked(features, [1.0, 0.0])
    assert order.tolist() == [1, 2, 0]
    rng = np.random.default_rng(1)
    wide, weights = rng.normal(size=(50, 7, 3)), rng.normal(size=3)
    alone = [[totals(row, weights) for row in rows] for rows in wide]
    assert np.array_equal(totals(wide, weights), np.array(alone))
    assert total.tolist() == [0.3, 0.3, 0.1]
