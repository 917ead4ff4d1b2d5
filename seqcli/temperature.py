"""Fit the temperature that calibrates a model's probabilities best."""

from __future__ import annotations

import math
from collections.abc import Callable


def fit_temperature(
    cost: Callable[[float], float], low: float = 0.25, high: float = 4.0, tolerance: float = 0.01
) -> float:
    """Return the temperature T between `low` and `high` at which `cost(T)` is least, to a relative `tolerance`.

    `cost` is the negative log-likelihood in nats of scores divided by T (Guo et al. 2017), on data that the scores
    were not trained on. For a softmax it is convex in 1 / T and so has one minimum: golden-section search over log T
    finds it (Kiefer 1953), one cost a step, 14 in all for the default range. Raises ValueError for an empty range.
    """
    if not (0 < low < high < math.inf and tolerance > 0):
        raise ValueError(f"no temperature between {low} and {high} to {tolerance}")
    left, right, golden = math.log(low), math.log(high), (math.sqrt(5) - 1) / 2
    a, b = right - golden * (right - left), left + golden * (right - left)
    cost_a, cost_b = cost(math.exp(a)), cost(math.exp(b))
    while right - left > tolerance:
        if cost_a < cost_b:
            right, b, cost_b = b, a, cost_a
            a = right - golden * (right - left)
            cost_a = cost(math.exp(a))
        else:
            left, a, cost_a = a, b, cost_b
            b = left + golden * (right - left)
            cost_b = cost(math.exp(b))
    return math.exp((left + right) / 2)
