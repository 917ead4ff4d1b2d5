"""Risk against coverage, against counting."""

from __future__ import annotations

import numpy as np
import pytest

from seqcli.metrics.selective import Metric


def made(confidences: list[float], right: list[int]) -> Metric:
    metric = Metric()
    metric.update(confidences, right)
    return metric


def test_by_hand() -> None:
    metric = made([0.5, 0.9, 0.8, 0.7, 0.6], [0, 1, 1, 0, 1])
    assert metric.curve() == pytest.approx([0, 0, 1 / 3, 1 / 4, 2 / 5])
    assert metric.result() == pytest.approx({"risk-coverage-area": (1 / 3 + 1 / 4 + 2 / 5) / 5, "risk-at-80": 1 / 4})


def test_equal_confidences_are_wrong_alike_in_any_order() -> None:
    a, b = made([0.5] * 4, [1, 1, 0, 0]), made([0.5] * 4, [0, 1, 0, 1])
    assert a.curve() == pytest.approx([0.5] * 4)
    assert a.result() == pytest.approx(b.result())


def test_labels_as_calibration_takes_them() -> None:
    metric, events = Metric(), Metric()
    p = np.array([[0.7, 0.3], [0.4, 0.6], [0.1, 0.9]])
    metric.update(p, np.array([0, 0, -1]))
    events.update([0.7, 0.6, 0.9], [True, False, False])
    assert metric.result() == pytest.approx(events.result())
    chosen = Metric()
    chosen.update(p, np.array([0, 0, 1]), np.array([1, 0, 1]))
    other = Metric()
    other.update([0.3, 0.4, 0.9], [False, True, True])
    assert chosen.result() == pytest.approx(other.result())


def test_parts_are_one() -> None:
    rng = np.random.default_rng(0)
    p, right = rng.random(101), rng.random(101) < 0.7
    whole, parts = Metric(), Metric()
    whole.update(p, right)
    for i in range(0, 101, 10):
        parts.update(p[i : i + 10], right[i : i + 10])
    assert parts.result() == whole.result()
    order = np.argsort(-p)
    brute = [1 - right[order][: k + 1].mean() for k in range(101)]
    assert whole.result()["risk-coverage-area"] == pytest.approx(np.mean(brute))
    assert whole.result()["risk-at-80"] == pytest.approx(brute[80])


def test_nothing() -> None:
    assert Metric().result() == {}
