"""The temperature of the least cost: closed forms, a fine grid, scipy, and its ends."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.temperature import fit_temperature

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")  # of NumPy: nothing overflows


@given(st.floats(0.26, 3.9), st.sampled_from([0.1, 0.01, 1e-6]))
def test_the_least_of_a_parabola(best: float, tolerance: float) -> None:
    found = fit_temperature(lambda t: (math.log(t) - math.log(best)) ** 2, tolerance=tolerance)
    assert abs(math.log(found / best)) <= tolerance


@pytest.mark.parametrize(("low", "high"), [(0.25, 4.0), (0.5, 0.6), (1.0, 100.0)])
def test_the_least_may_lie_at_an_end(low: float, high: float) -> None:
    assert fit_temperature(lambda t: t, low, high) == pytest.approx(low, rel=0.01)
    assert fit_temperature(lambda t: -t, low, high) == pytest.approx(high, rel=0.01)


def test_each_step_asks_once_and_within_the_range() -> None:
    asked: list[float] = []
    fit_temperature(lambda t: asked.append(t) or (t - 1) ** 2)
    assert len(asked) == len(set(asked)) == 14
    assert all(0.25 < t < 4 for t in asked)


def test_the_temperature_of_a_softmax() -> None:
    """Labels drawn at temperature 1 from scores that are given 2.5 times too large; scipy's minimum of the cost."""
    optimize = pytest.importorskip("scipy.optimize", reason="scipy is not installed")
    rng = np.random.default_rng(1)
    scores = rng.normal(0, 1.5, (4000, 5))
    gold = (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)

    def cost(temperature: float) -> float:
        e = 2.5 * scores / temperature
        return float((np.log(np.exp(e).sum(axis=1)) - e[np.arange(len(gold)), gold]).sum())

    found = fit_temperature(cost)
    theirs = optimize.minimize_scalar(cost, bounds=(0.25, 4), method="bounded")
    assert found == pytest.approx(theirs.x, rel=0.01)
    assert found == pytest.approx(2.5, rel=0.06)


@pytest.mark.parametrize(
    ("low", "high", "tolerance"),
    [(0, 1, 0.1), (2, 1, 0.1), (1, 1, 0.1), (1, math.inf, 0.1), (1, 2, 0), (1, math.nan, 1)],
)
def test_a_range_without_inside(low: float, high: float, tolerance: float) -> None:
    with pytest.raises(ValueError):
        fit_temperature(lambda t: t, low, high, tolerance)
