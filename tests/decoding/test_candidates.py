"""The best continuations, against a full sort: equals, impossible ones, last blocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples

from seqcli.decoding._candidates import best, candidates


@st.composite
def scores(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, int, int]:
    """log_probs, running, rows, count: few different values, so that many are equal."""
    B, rows, count = draw(st.integers(1, 3)), draw(st.integers(1, 4)), draw(st.integers(1, 12))
    V = draw(st.sampled_from([1, 2, 3, 7, 63, 64, 65, 128, 200, 700, 1000]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    levels = draw(st.sampled_from([1, 2, 5, 1000]))
    log_probs = -rng.integers(0, levels, (B * rows, V)).astype(np.float32)
    log_probs[rng.random(log_probs.shape) < draw(st.sampled_from([0.0, 0.3, 0.99]))] = -np.inf
    running = -rng.integers(0, 3, B * rows).astype(np.float64)
    running[rng.random(B * rows) < draw(st.sampled_from([0.0, 0.5]))] = -np.inf
    return log_probs, running, rows, count


@settings(max_examples=examples(300))
@given(scores())
def test_candidates_are_those_of_a_full_sort(drawn: tuple[np.ndarray, np.ndarray, int, int]) -> None:
    log_probs, running, rows, count = drawn
    sums, parents, ids = candidates(log_probs, running, rows, count)
    V = log_probs.shape[1]
    assert sums.shape == parents.shape == ids.shape == (len(running) // rows, count)
    assert ((ids >= 0) & (ids < V)).all()
    for b in range(len(sums)):
        span = range(b * rows, (b + 1) * rows)
        assert set(parents[b].tolist()) <= set(span)
        every = [(float(running[n] + np.float64(log_probs[n, v])), n, v) for n in span for v in range(V)]
        expected = [c for c in sorted(every, key=lambda c: (-c[0], c[1:])) if c[0] > -np.inf][:count]
        assert (
            list(zip(sums[b].tolist(), parents[b].tolist(), ids[b].tolist(), strict=True))[: len(expected)]
            == expected
        )
        assert (sums[b, len(expected) :] == -np.inf).all()


@pytest.mark.parametrize("count", [1, 10, 200])
def test_candidates_of_a_large_vocabulary(count: int) -> None:
    rng = np.random.default_rng(0)
    log_probs = rng.normal(-9, 2, (12, 8001)).astype(np.float32)
    log_probs[:, 8000] = [0, -9] * 6  # the last, short block
    running = rng.normal(-5, 1, 12)
    sums, parents, ids = candidates(log_probs, running, 4, count)
    all_sums = (running[:, None] + log_probs).reshape(3, -1)
    order = np.argsort(-all_sums, axis=1, kind="stable")[:, :count]
    np.testing.assert_array_equal(sums, np.take_along_axis(all_sums, order, axis=1))
    np.testing.assert_array_equal(parents, order // 8001 + [[0], [4], [8]])
    np.testing.assert_array_equal(ids, order % 8001)


def test_best_of_equals_is_the_first() -> None:
    assert best(np.array([[1.0, 3.0, 3.0, 2.0, 3.0, -np.inf]]), 4).tolist() == [[1, 2, 4, 3]]
    assert best(np.full((2, 5), -np.inf), 3).tolist() == [[0, 1, 2]] * 2
