"""Fit a linear model with scaled features: L-BFGS in the space of the texts instead of the space of the features.

By the representer theorem the best weights of a model with an L2 penalty are a combination of the training texts,
w = r^2 * X^T a. So the search is for `a`, one number for each text and column, and the scores are s = K a with
K = X r^2 X^T. In the inner product <u, v> = u . K v the iterates are those of L-BFGS over w / r (Nocedal 1980; Liu
and Nocedal 1989), but each pair keeps a few thousand numbers instead of millions, and the line search, along which
the scores are linear, needs no product with X at all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

PAIRS = 8  # pairs of differences that L-BFGS keeps
FLAT = 0.2  # a step is accepted once the slope has fallen to this share of the initial slope
TRIALS = 12  # of one line search

Product = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Loss:
    """The mean of the texts' losses in nats: softmax over C columns, or a sigmoid for each.

    targets (N, C) in [0, 1]; weights (N, C) or (N, 1), already divided by their mean over the texts.
    """

    targets: np.ndarray
    weights: np.ndarray
    softmax: bool

    def __call__(self, scores: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the loss of scores (N, C), and its gradient (N, C) float32."""
        if self.softmax:
            highest = scores.max(axis=1, keepdims=True)
            p = np.exp(scores - highest)
            total = p.sum(axis=1, keepdims=True)
            p /= total
            each = (np.log(total) + highest) * self.targets.sum(axis=1, keepdims=True)
            losses = each.sum(axis=1, keepdims=True) - (scores * self.targets).sum(axis=1, keepdims=True)
        else:
            p = np.exp(-np.abs(scores))
            losses = np.maximum(scores, 0) - scores * self.targets + np.log1p(p)
            p = np.where(scores >= 0, 1, p) / (1 + p)
        weights = self.weights / np.float32(len(scores))
        return _sum(losses, weights), (p - self.targets) * weights


def minimise(
    kernel: Product, loss: Loss, l2: float, iterations: int, tolerance: float, told: Callable[[int], object]
):
    """Return the `a` (N, C) float32 that minimises loss(K a) + l2 / 2 a . K a, and the number of iterations.

    Stops after `iterations`, or when one gains less than `tolerance` of the loss. Calls `told(1)` after each.
    """
    a = np.zeros(loss.targets.shape, np.float32)
    scores, pairs = a.copy(), []
    value, gradient = loss(scores)
    residual = gradient
    image = kernel(residual)
    for done in range(1, iterations + 1):
        direction, moved = _direction(residual, image, pairs)
        slope = _sum(direction, image)
        if not slope < 0:
            return a, done - 1
        step, lower, gradient = _search(loss, l2, a, scores, direction, moved, value, slope)
        if not step:
            return a, done - 1
        direction *= np.float32(step)
        moved *= np.float32(step)
        a += direction
        scores += moved
        before, residual = residual, gradient + np.float32(l2) * a
        image_before, image = image, kernel(residual)
        change, image_change = residual - before, image - image_before
        told(1)
        if (curvature := _sum(direction, image_change)) > 0:
            pairs.append((direction, moved, change, image_change, curvature))
            del pairs[:-PAIRS]
        gained, value = value - lower, lower
        if gained <= tolerance * value:
            return a, done
    return a, iterations


def _direction(residual: np.ndarray, image: np.ndarray, pairs: list[tuple]) -> tuple[np.ndarray, np.ndarray]:
    """Return the step and its product with K by the two-loop recursion, from the gradient and its product with K."""
    q, kq, shares = -residual, -image, []
    for s, _, y, ky, curvature in reversed(pairs):
        shares.append(share := np.float32(_sum(s, kq) / curvature))
        q -= share * y
        kq -= share * ky
    if pairs:
        _, _, y, ky, curvature = pairs[-1]
        scale = np.float32(curvature / _sum(y, ky))
        q *= scale
        kq *= scale
    for (s, ks, _, ky, curvature), share in zip(pairs, reversed(shares), strict=True):
        share -= np.float32(_sum(q, ky) / curvature)
        q += share * s
        kq += share * ks
    return q, kq


def _search(
    loss: Loss,
    l2: float,
    a: np.ndarray,
    scores: np.ndarray,
    direction: np.ndarray,
    moved: np.ndarray,
    value: float,
    slope: float,
) -> tuple[float, float, np.ndarray]:
    """Search along a direction and return (step, value, gradient). The function is convex: its slope only rises.

    The step is 0 if no step lowers the value, at the limit of precision.
    """
    bend = l2 * _sum(direction, moved)
    tilt = l2 * _sum(direction, scores)
    flat = l2 * _sum(a, scores) / 2
    low, high, low_slope, step = 0.0, np.inf, slope, 1.0
    for _ in range(TRIALS):
        found, gradient = loss(scores + np.float32(step) * moved)
        found += flat + step * tilt + step * step * bend / 2
        here = _sum(gradient, moved) + tilt + step * bend
        if found < value and abs(here) <= -FLAT * slope:
            return step, found, gradient
        if here > 0 or found > value:
            high = step
        else:
            low, low_slope = step, here
        secant = low - low_slope * (step - low) / (here - low_slope) if step > low and here > low_slope else np.inf
        if np.isinf(high):
            step = min(max(secant, 2 * step), 10 * step)
        else:
            margin = (high - low) / 10
            step = min(max(secant, low + margin), high - margin)
    return 0.0, value, gradient


def _sum(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.sum(x * y, dtype=np.float64))
