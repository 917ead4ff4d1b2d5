"""The paired bootstrap: every draw of small data, closed forms of large data, scipy, and draws scored one by one."""

from __future__ import annotations

import itertools
import math
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples

from seqcli import bootstrap
from seqcli.bootstrap import Interval, paired
from seqcli.metrics.classification import Metric, contributions, one_hot, statistic

pytestmark = pytest.mark.filterwarnings("error")

MANY = 1 << 40  # of KINDS: records are drawn; 0: kinds are
LABELS = ["a", "b", "c"]


def systems(n: int, right: float, apart: float, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Whether each of two systems is right (N,): a share `right`, and `apart` of the records are redrawn for one."""
    rng = np.random.default_rng(seed)
    a = rng.random(n) < right
    return a, np.where(rng.random(n) < apart, rng.random(n) < right, a)


def ratio(sums: np.ndarray) -> np.ndarray:
    """The mean, where the second column is 1."""
    return sums[:, 0] / sums[:, 1]


# what is drawn


@pytest.mark.parametrize("kinds", [0, MANY])
def test_every_draw_of_small_data(monkeypatch: pytest.MonkeyPatch, kinds: int) -> None:
    """Four records have 4^4 draws, each as probable as the others."""
    monkeypatch.setattr(bootstrap, "KINDS", kinds)
    a, b = np.array([1.0, 0.3, 0.7, 0.4]), np.array([0.0, 0.5, 0.7, 0.1])
    draws = np.array([(a - b)[list(pick)].mean() for pick in itertools.product(range(4), repeat=4)])
    difference = (a - b).mean()
    found = paired(a, b, resamples=40_000, level=0.8)
    assert found.difference == pytest.approx(difference)
    assert found.low == pytest.approx(np.quantile(draws, 0.1), abs=0.015)
    assert found.high == pytest.approx(np.quantile(draws, 0.9), abs=0.015)
    far = (np.abs(draws - difference) >= difference - 1e-9).mean()
    assert found.p_value == pytest.approx(far, abs=4 * math.sqrt(far * (1 - far) / 40_000))


@pytest.mark.parametrize("kinds", [0, MANY])
def test_draws_are_multinomial(monkeypatch: pytest.MonkeyPatch, kinds: int) -> None:
    """The counts of three kinds, 5, 3 and 2 of 10 records: mean n p_i, covariance n (p_i [i = j] - p_i p_j)."""
    monkeypatch.setattr(bootstrap, "KINDS", kinds)
    held: list[np.ndarray] = []
    x = np.eye(3)[[0, 1, 0, 2, 1, 0, 0, 2, 1, 0]]

    def watch(sums: np.ndarray) -> np.ndarray:
        held.append(sums)
        return sums[:, 0]

    paired(x, x, watch, resamples=20_000)
    observed, counts, p = held[0], np.concatenate(held[2::2]), np.array([0.5, 0.3, 0.2])
    assert observed.tolist() == [[5, 3, 2]]
    assert counts.shape == (20_000, 3)
    assert (counts.sum(axis=1) == 10).all()
    assert counts.mean(axis=0) == pytest.approx(10 * p, abs=0.05)
    assert np.cov(counts.T) == pytest.approx(10 * (np.diag(p) - np.outer(p, p)), abs=0.1)


@pytest.mark.parametrize("kinds", [0, MANY])
def test_a_draw_is_scored_as_its_records_would_be(monkeypatch: pytest.MonkeyPatch, kinds: int) -> None:
    """A column a record counts how often each is drawn: the records themselves, as often, give the same macro F1."""
    monkeypatch.setattr(bootstrap, "KINDS", kinds)
    rng, n = np.random.default_rng(7), 40
    gold, a, b = ([(*LABELS, "new")[i] for i in rng.integers(0, top, n)] for top in (4, 3, 3))
    known = [True] * 3 + [False]
    names = [*LABELS, "new"]
    score, held = statistic("macro-f1", known), []

    def watch(sums: np.ndarray) -> np.ndarray:
        held.append(sums)
        return score(sums[:, n:])

    one, two = (
        np.hstack([np.eye(n, dtype=bool), contributions(one_hot(x, names), one_hot(gold, names))]) for x in (a, b)
    )
    found = paired(one, two, watch, resamples=30)
    values = []
    for of_a, of_b in zip(held[::2], held[1::2], strict=True):
        for row_a, row_b in zip(of_a, of_b, strict=True):
            times = row_a[:n].astype(int)
            assert (times == row_b[:n]).all()  # both systems on the same draw
            scores = []
            for predicted in (a, b):
                metric = Metric(LABELS)
                drawn = [i for i, count in enumerate(times) for _ in range(count)]
                flat = np.full((len(drawn), 3), 1 / 3)
                metric.update(flat, [gold[i] for i in drawn], [predicted[i] for i in drawn])
                scores.append(metric.result()["macro-f1"])
            values.append(scores[0] - scores[1])
    assert len(values) == 31
    assert found.difference == pytest.approx(values[0])
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(values[1:], [0.025, 0.975])))
    assert found.p_value == (1 + sum(abs(v - values[0]) >= abs(values[0]) - 1e-12 for v in values[1:])) / 31


@pytest.mark.parametrize("kinds", [0, MANY])
def test_what_is_held_at_once_changes_nothing(monkeypatch: pytest.MonkeyPatch, kinds: int) -> None:
    monkeypatch.setattr(bootstrap, "KINDS", kinds)
    a, b = systems(200, 0.8, 0.2)
    whole = paired(a, b, resamples=100)
    for held in (1, 7):
        monkeypatch.setattr(bootstrap, "HELD", held)
        assert paired(a, b, resamples=100) == whole


@given(st.lists(st.tuples(*[st.sampled_from([0.0, -0.0, 1.0, 0.5])] * 3), min_size=1, max_size=12))
def test_the_kinds_of_records(rows: list[tuple[float, float, float]]) -> None:
    x = np.array(rows)
    kinds, which, counts = bootstrap._kinds(x)
    assert (kinds[which] == x).all()
    assert counts.tolist() == [int((which == u).sum()) for u in range(len(kinds))]
    assert [int(np.argmax(which == u)) for u in range(len(kinds))] == sorted(
        {which.tolist().index(u) for u in which.tolist()}
    )
    assert len(kinds) == len(np.unique(x, axis=0))


# how far it can be believed


@pytest.mark.parametrize("accuracies", [True, False])
def test_large_data_is_normal(accuracies: bool) -> None:
    """The interval is d ± 1.96 s / √N, and the p-value the tails beyond |d| √N / s (central limit theorem)."""
    if accuracies:
        a, b = systems(20_000, 0.8, 0.05)
    else:
        rng = np.random.default_rng(9)
        a, b = rng.exponential(1.0, 2000), rng.exponential(1.03, 2000)
    d = a.astype(float) - b
    error = d.std() / math.sqrt(len(d))
    found = paired(a, b, resamples=10_000)
    assert found.difference == pytest.approx(d.mean())
    assert (found.low, found.high) == pytest.approx(
        (d.mean() - 1.96 * error, d.mean() + 1.96 * error), abs=0.1 * error
    )
    assert found.p_value == pytest.approx(2 * NormalDist().cdf(-abs(d.mean()) / error), abs=0.02)
    narrow = paired(a, b, resamples=10_000, level=0.5)
    assert narrow.high - narrow.low == pytest.approx(2 * 0.6745 * error, rel=0.05)


def test_scipy_finds_the_same_interval_for_macro_f1() -> None:
    scipy = pytest.importorskip("scipy.stats", reason="scipy is not installed")
    rng = np.random.default_rng(5)
    gold, a = rng.integers(0, 3, 150), rng.integers(0, 3, 150)
    b = np.where(rng.random(150) < 0.4, gold, a)
    each = np.eye(3, dtype=bool)
    score = statistic("macro-f1")

    def difference(*picked: np.ndarray, axis: int = -1) -> np.ndarray:
        g, x, y = (np.moveaxis(part, axis, -1).reshape(-1, 150) for part in np.broadcast_arrays(*picked))
        found = []
        for predicted in (x, y):
            sums = [contributions(each[c], each[h]).sum(axis=0) for c, h in zip(predicted, g, strict=True)]
            found.append(score(np.array(sums)))
        return (found[0] - found[1]).reshape(picked[0].shape[:-1])

    theirs = scipy.bootstrap(
        (gold, a, b),
        difference,
        paired=True,
        vectorized=True,
        n_resamples=4000,
        method="percentile",
        rng=np.random.default_rng(1),
    ).confidence_interval
    ours = paired(contributions(each[a], each[gold]), contributions(each[b], each[gold]), score, resamples=4000)
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs), abs=0.05 * (ours.high - ours.low))
    assert ours.high < 0  # b copies the gold labels now and then
    assert ours.p_value == 1 / 4001


def test_equal_systems_differ_by_chance_as_often_as_is_said() -> None:
    """Of 400 comparisons of equally good systems, some 5 % have p < 0.05, and about 95 % of intervals hold 0."""
    significant = outside = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        found = paired(rng.random(150) < 0.8, rng.random(150) < 0.8, resamples=200)
        significant += found.p_value < 0.05
        outside += not found.low <= 0 <= found.high
    assert 8 <= significant <= 34  # 20 ± 3.2 standard errors
    assert 8 <= outside <= 34


@given(
    st.lists(st.tuples(st.floats(-5, 5), st.floats(-5, 5)), min_size=1, max_size=30),
    st.integers(0, 2**32 - 1),
    st.floats(0.05, 0.99),
)
@settings(max_examples=examples(100))
def test_the_other_way_round(data: list[tuple[float, float]], seed: int, level: float) -> None:
    a, b = np.array(data).T
    found, back = (paired(x, y, None, 60, seed, level) for x, y in ((a, b), (b, a)))
    assert found == paired(a, b, None, 60, seed, level)
    assert found.difference == pytest.approx((a - b).mean(), abs=1e-12)
    assert back == pytest.approx(Interval(-found.difference, -found.high, -found.low, found.p_value, 60), abs=1e-9)
    assert found.low <= found.high
    assert 1 / 61 <= found.p_value <= 1


def test_the_seed_matters() -> None:
    a, b = systems(300, 0.7, 0.3)
    assert paired(a, b, seed=1) == paired(a, b)
    assert paired(a, b, seed=2) != paired(a, b)


def test_the_unit_does_not_matter() -> None:
    """Some draws lie exactly as far from d as d from 0: in tenths, whose sums are rounded, they count all the same."""
    a = np.random.default_rng(5).integers(-3, 5, 20)
    whole, tenths = paired(a, 0 * a), paired(0.1 * a, 0.0 * a)
    assert tenths.p_value == whole.p_value
    assert tenths[:3] == pytest.approx([0.1 * x for x in whole[:3]])


def test_the_mean_is_a_statistic_too() -> None:
    a, b = systems(300, 0.7, 0.3)
    one, two = (np.column_stack([x, np.ones(300, bool)]) for x in (a, b))
    plain, counted = paired(a, b, resamples=20_000), paired(one, two, ratio, resamples=20_000)
    assert counted.difference == pytest.approx(plain.difference)
    assert (counted.low, counted.high) == pytest.approx((plain.low, plain.high), abs=0.003)
    assert paired(a[:, None], b[:, None]) == paired(a, b)


# ends


@pytest.mark.parametrize("n", [1, 2, 50, 500])
def test_a_system_and_itself(n: int) -> None:
    a, _ = systems(n, 0.7, 0.3)
    assert paired(a, a) == Interval(0.0, 0.0, 0.0, 1.0, 1000)
    assert paired(a, a, lambda sums: sums[:, 0] ** 2) == Interval(0.0, 0.0, 0.0, 1.0, 1000)


def test_the_same_difference_everywhere() -> None:
    assert paired([1, 1, 1], [0, 0, 0], resamples=99) == Interval(1.0, 1.0, 1.0, 0.01, 99)
    assert paired([1.0], [0.0]) == Interval(1.0, 1.0, 1.0, 1.0, 1000)  # one record is no evidence
    assert paired([True], [False], resamples=1).difference == 1.0


@pytest.mark.parametrize(
    ("a", "b", "options"),
    [
        ([], [], {}),
        ([1.0], [1.0, 2.0], {}),
        ([[1.0, 2.0]], [[1.0, 2.0]], {}),
        ([[[1.0]]], [[[1.0]]], {}),
        (1.0, 1.0, {}),
        ([1.0, math.nan], [1.0, 2.0], {}),
        ([1.0, math.inf], [1.0, 2.0], {"statistic": lambda sums: sums[:, 0]}),
        ([1.0, 3.0], [1.0, 2.0], {"statistic": lambda sums: sums}),
        ([1.0], [1.0], {"resamples": 0}),
        ([1.0], [1.0], {"level": 0.0}),
        ([1.0], [1.0], {"level": 1.0}),
    ],
)
def test_what_does_not_fit(a: Any, b: Any, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        paired(a, b, **options)
