"""Calibration error, Brier score and thresholds: closed forms, a plain loop, and scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples

from seqcli.metrics.calibration import BINS, Metric, threshold_for

OFFERS = Metric.OFFERS


def distributions(rng: np.random.Generator, n: int, k: int) -> np.ndarray:
    return rng.dirichlet(np.full(k, 0.5), n)


def slow(p: np.ndarray, gold: np.ndarray, bins: int) -> dict[str, float]:
    """The definitions, a token at a time."""
    held: list[list[tuple[float, bool]]] = [[] for _ in range(bins)]
    squares = 0.0
    for row, g in zip(p, gold, strict=True):
        best = int(row.argmax())
        b = next(b for b in range(bins) if row[best] <= (b + 1) / bins or b == bins - 1)
        held[b].append((float(row[best]), best == g))
        squares += sum((float(x) - (i == g)) ** 2 for i, x in enumerate(row)) + (g < 0)
    gaps = [
        len(h) / len(p) * abs(sum(right for _, right in h) / len(h) - sum(c for c, _ in h) / len(h))
        for h in held
        if h
    ]
    return {"calibration-error": sum(gaps), "brier": squares / len(p)}


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 6), st.integers(1, 20))
def test_the_definitions_in_a_loop(seed: int, n: int, k: int, bins: int) -> None:
    rng = np.random.default_rng(seed)
    p, gold = distributions(rng, n, k), rng.integers(-1, k, n)
    metric = Metric(bins)
    cut = n // 2
    metric.update(p[:cut], gold[:cut])
    metric.update(p[cut:], gold[cut:])
    assert metric.count == n
    assert metric.result() == pytest.approx(slow(p, gold, bins))


def test_sure_and_right_sure_and_wrong() -> None:
    sure = np.eye(3)
    right, wrong, unknown = Metric(), Metric(), Metric()
    right.update(sure, [0, 1, 2])
    wrong.update(sure, [1, 2, 0])
    unknown.update(sure, [-1, -1, -1])  # a label that the model lacks
    assert right.result() == {"calibration-error": 0.0, "brier": 0.0}
    assert wrong.result() == unknown.result() == {"calibration-error": 1.0, "brier": 2.0}
    assert right.result().keys() == OFFERS.keys()


@pytest.mark.parametrize("k", [1, 2, 7])
def test_the_uniform_distribution(k: int) -> None:
    metric = Metric()
    metric.update(np.full((k, k), 1 / k), np.arange(k))  # each label once: right in one of k
    assert metric.result() == pytest.approx({"calibration-error": 0.0, "brier": 1 - 1 / k}, abs=1e-12)


def test_probabilities_that_are_what_they_say() -> None:
    """Labels drawn from the very probabilities: the error goes to 0, Brier to the mean of 1 - sum p^2."""
    rng = np.random.default_rng(3)
    p = distributions(rng, 50_000, 4)
    gold = (p.cumsum(1) < rng.random((len(p), 1))).sum(1)
    metric = Metric()
    metric.update(p, np.minimum(gold, 3))
    found = metric.result()
    assert found["calibration-error"] < 0.01
    assert found["brier"] == pytest.approx(float((1 - (p**2).sum(1)).mean()), abs=0.01)


def test_the_prediction_may_be_another_than_the_best_label() -> None:
    metric = Metric()
    metric.update([[0.6, 0.4]], [1], [1])
    assert metric.result() == pytest.approx({"calibration-error": 0.6, "brier": 0.72})


def test_a_bin_is_closed_above() -> None:
    metric = Metric()
    metric.update([i / BINS for i in range(BINS + 1)], [True] * (BINS + 1))
    assert [row.count for row in metric.reliability()] == [2] + [1] * (BINS - 1)  # 0 is in the lowest
    assert [row.high for row in metric.reliability()] == [(i + 1) / BINS for i in range(BINS)]


def test_the_reliability_of_bins() -> None:
    metric = Metric(bins=4)
    metric.update([0.3, 0.5, 0.9], [True, False, True])
    rows = metric.reliability()
    expected = [
        (0.0, 0.25, 0, 0.0, 0.0),
        (0.25, 0.5, 2, 0.4, 0.5),
        (0.5, 0.75, 0, 0.0, 0.0),
        (0.75, 1.0, 1, 0.9, 1.0),
    ]
    assert np.array(rows) == pytest.approx(np.array(expected))
    assert metric.result() == pytest.approx(
        {"calibration-error": (2 * 0.1 + 0.1) / 3, "brier": (0.49 + 0.25 + 0.01) / 3}
    )


def test_float32_probabilities_are_summed_in_float64() -> None:
    p = np.full((100_000, 2), np.float32(0.1))
    p[:, 1] = np.float32(0.9)
    metric = Metric()
    metric.update(p, np.ones(len(p), int))
    assert metric.result() == pytest.approx({"calibration-error": 0.1, "brier": 0.02}, rel=1e-6)


def test_nothing() -> None:
    metric = Metric()
    metric.update(np.zeros((0, 3)), np.zeros(0, int))
    metric.update([], [])
    assert metric.result() == {}
    assert metric.count == 0
    assert len(metric.reliability()) == BINS


@pytest.mark.parametrize(
    ("p", "gold", "predicted"),
    [
        ([0.5, 0.5], [0], None),
        ([[0.5, 0.5]], [0, 1], None),
        ([[0.5, 0.5]], [2], None),
        ([[0.5, 0.5]], [0], [2]),
        ([[0.5, 0.5]], [0], [-1]),
        ([[0.5, 0.5]], [0], [0, 1]),
    ],
)
def test_shapes_and_labels_that_do_not_fit(p: list, gold: list[int], predicted: list[int] | None) -> None:
    with pytest.raises(ValueError):
        Metric().update(p, gold, predicted)
    with pytest.raises(ValueError):
        Metric().update([0.5], [True, False])


def test_brier_against_scikit_learn() -> None:
    sklearn = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    rng = np.random.default_rng(5)
    p, gold = distributions(rng, 300, 5), rng.integers(0, 5, 300)
    metric, events = Metric(), Metric()
    metric.update(p, gold)
    events.update(p[:, 0], gold == 0)
    theirs = sklearn.brier_score_loss(gold == 0, p[:, 0])
    assert events.result()["brier"] == pytest.approx(theirs)
    each = sum(sklearn.brier_score_loss(gold == k, p[:, k]) for k in range(5))  # one label against the rest
    assert metric.result()["brier"] == pytest.approx(each)


def test_bins_against_scikit_learn() -> None:
    calibration = pytest.importorskip("sklearn.calibration", reason="scikit-learn is not installed")
    rng = np.random.default_rng(6)
    p = rng.random(500)
    happened = rng.random(500) < p**2
    metric = Metric()
    metric.update(p, happened)
    share, mean = calibration.calibration_curve(happened, p, n_bins=BINS, strategy="uniform")
    full = [row for row in metric.reliability() if row.count]
    assert [row.accuracy for row in full] == pytest.approx(share)
    assert [row.confidence for row in full] == pytest.approx(mean)
    gap = math.fsum(row.count * abs(s - m) for row, s, m in zip(full, share, mean, strict=True)) / 500
    assert metric.result()["calibration-error"] == pytest.approx(gap)


@given(
    found=st.lists(st.tuples(st.sampled_from([0.1, 0.25, 0.5, 0.7, 0.9, 1.0]) | st.floats(0, 1), st.booleans())),
    precision=st.floats(0.01, 1) | st.sampled_from([0.5, 0.75, 1.0]),
)
@settings(max_examples=examples(300))
def test_the_threshold_is_the_least_that_is_precise(found: list[tuple[float, bool]], precision: float) -> None:
    fitting: list[tuple[float, float, float]] = []
    for p in sorted({p for p, _ in found}):
        kept = [good for q, good in found if q >= p]
        if sum(kept) / len(kept) >= precision:
            fitting.append((p, sum(kept) / len(kept), len(kept) / len(found)))
    assert threshold_for(found, precision) == (fitting[0] if fitting else None)
