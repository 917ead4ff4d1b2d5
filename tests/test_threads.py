"""Threads of BLAS: what is asked for is what is set, and more than one is taken only where it is faster."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from seqcli import threads


def blas_threads() -> int:
    return max((pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"), default=1)


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    """Tests begin with two threads of BLAS and leave none of their settings behind."""
    np.dot(np.ones((2, 2)), np.ones((2, 2)))
    with threadpool_limits(2, user_api="blas"):
        if blas_threads() != 2:
            pytest.skip("this BLAS has no threads to set")
        yield


def test_what_is_wanted_is_set() -> None:
    assert threads.choose(lambda: None, 10**9, wanted=1) == 1
    assert blas_threads() == 1


def test_a_small_model_takes_one_without_a_try() -> None:
    def step() -> None:
        raise AssertionError("not to be tried")

    assert threads.choose(step, threads.WORTH - 1) == 1
    assert blas_threads() == 1


@pytest.mark.parametrize(
    ("rates", "chosen", "left"), [((100.0, 150.0), 0, 2), ((100.0, 105.0), 1, 1), ((9.0, 1.0), 1, 1)]
)
def test_more_threads_are_taken_where_they_are_a_tenth_faster(
    rates: tuple[float, float], chosen: int, left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = iter(zip(rates, (1, 2), strict=True))

    def rate(step: object) -> float:
        found, expected = next(tries)
        assert blas_threads() == expected  # first one, then all
        return found

    monkeypatch.setattr(threads, "_rate", rate)
    assert threads.choose(lambda: None, threads.WORTH) == chosen
    assert blas_threads() == left


def test_a_rate_is_of_the_fastest_step_and_is_always_found() -> None:
    steps = []
    assert threads._rate(lambda: steps.append(1)) > 0
    assert len(steps) >= 2  # one to warm up
