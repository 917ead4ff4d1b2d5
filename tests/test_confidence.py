"""How probable it is that an answer is right: fitted weights against their likelihood, and against what was planted."""

from __future__ import annotations

import math

import numpy as np
import pytest

from seqcli import confidence


def drawn(count: int = 4000, seed: int = 0) -> tuple[list[tuple[float, int]], list[bool]]:
    """Answers that are right with the probability σ(1 + 0.8 log p + 2 log p / n)."""
    rng = np.random.default_rng(seed)
    answers = [
        (-float(a), int(n)) for a, n in zip(rng.exponential(2.0, count), rng.integers(1, 12, count), strict=True)
    ]
    z = np.array([1 + 0.8 * p + 2 * p / n for p, n in answers])
    return answers, (rng.random(count) < 1 / (1 + np.exp(-z))).tolist()


def test_planted_weights_are_found() -> None:
    weights = confidence.fit_weights(*drawn(40_000))
    assert weights == pytest.approx([1.0, 0.8, 2.0], abs=0.12)


def test_no_other_weights_are_likelier() -> None:
    answers, right = drawn(500)

    def cost(weights: list[float]) -> float:
        n = sum(right)
        targets = [(n + 1) / (n + 2) if good else 1 / (len(right) - n + 2) for good in right]
        p = [confidence.probability(weights, *answer) for answer in answers]
        return -sum(t * math.log(q) + (1 - t) * math.log(1 - q) for t, q in zip(targets, p, strict=True))

    best = confidence.fit_weights(answers, right)
    for i in range(3):
        for change in (-0.05, 0.05):
            other = [w + change * (i == j) for j, w in enumerate(best)]
            assert cost(other) > cost(best) - 1e-3  # the ridge


def test_the_mean_confidence_is_the_share_that_is_right() -> None:
    answers, right = drawn()
    weights = confidence.fit_weights(answers, right)
    p = [confidence.probability(weights, *answer) for answer in answers]
    assert np.mean(p) == pytest.approx(np.mean(right), abs=2e-3)


@pytest.mark.parametrize("good", [True, False])
def test_answers_of_one_kind_leave_weights_finite(good: bool) -> None:
    answers, _ = drawn(50)
    weights = confidence.fit_weights(answers, [good] * 50)
    p = [confidence.probability(weights, *answer) for answer in answers]
    assert all(math.isfinite(w) for w in weights)
    assert all((q > 0.5) == good for q in p)


def test_separable_answers_and_none() -> None:
    answers = [(-0.1, 3)] * 20 + [(-30.0, 3)] * 20
    weights = confidence.fit_weights(answers, [True] * 20 + [False] * 20)
    assert confidence.probability(weights, -0.1, 3) > 0.9
    assert confidence.probability(weights, -30.0, 3) < 0.1
    with pytest.raises(ValueError, match="no answers"):
        confidence.fit_weights([], [])


def test_without_weights_it_is_the_probability_of_the_answer() -> None:
    assert confidence.probability(None, math.log(0.25), 4) == pytest.approx(0.25)
    assert confidence.probability(None, 1e-9, 4) == 1.0
    assert confidence.probability([50.0, 1.0, 1.0], -1e6, 1) == 0.0
