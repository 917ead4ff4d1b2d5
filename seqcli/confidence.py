"""The probability that an answer is right, from its log-probability by its own model.

The probability of a long answer says little by itself: a right answer may be written in many ways, and models that
search are too confident or not confident enough. Three weights, fitted on judged answers, map the log-probability of
an answer and its mean a token to the probability that it is right (logistic regression: Platt 1999).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

ROUNDS, RIDGE = 50, 1e-3  # of Newton's method; keeps weights finite if all answers are right, or separable


def features(logprob: float, tokens: int) -> list[float]:
    """Return the features of the weights: 1, log p of the answer (nats), and its mean a token."""
    return [1.0, logprob, logprob / max(tokens, 1)]


def fit_weights(answers: Sequence[tuple[float, int]], right: Sequence[bool]) -> list[float]:
    """Return the most likely weights for answers (log-probability, tokens) and whether each was right, with targets
    smoothed by one answer of each kind as by Platt. Raises ValueError without answers."""
    if not answers:
        raise ValueError("no answers to fit a confidence on")
    x, good = np.array([features(*answer) for answer in answers]), np.array(right, bool)
    n = int(good.sum())
    y = np.where(good, (n + 1) / (n + 2), 1 / (len(good) - n + 2))
    scale = np.maximum(np.abs(x).max(axis=0), 1e-12)  # brings features to one size, for the ridge
    x, w = x / scale, np.zeros(3)
    for _ in range(ROUNDS):
        p = 0.5 * (1 + np.tanh(0.5 * (x @ w)))
        gradient = x.T @ (p - y) + RIDGE * w
        curvature = (x * (p * (1 - p))[:, None]).T @ x + RIDGE * np.eye(3)
        step = np.linalg.solve(curvature, gradient)
        w -= step / max(1.0, float(np.abs(step).max()) / 5)  # limits the step
        if np.abs(step).max() < 1e-9:
            break
    return (w / scale).tolist()


def probability(weights: Sequence[float] | None, logprob: float, tokens: int) -> float:
    """Return the probability that an answer is right; without weights, that of the answer itself."""
    if weights is None:
        return math.exp(min(logprob, 0.0))
    z = sum(w * x for w, x in zip(weights, features(logprob, tokens), strict=True))
    return 0.5 * (1 + math.tanh(0.5 * z))
