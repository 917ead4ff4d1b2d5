"""Explain an answer by gradients: what each token that was read adds to the log-odds of the answer.

The log-odds F(x) = log p / (1 - p) of an answer depend on the vectors x_1 … x_T that the network reads. Gradient
times input is x_t · ∂F/∂x_t. Integrated gradients (Sundararajan, Taly & Yan 2017) are x_t · ∫ ∂F/∂x_t (a x) da over a
from 0 to 1: they sum to F(x) - F(0), the change from an input of zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from seqcli import layers, ops
from seqcli.insight.flow import Unrolled

POINTS, MOST, NEAR = 32, 512, 0.002  # the integral's points at first and at most; the sufficient relative error


class Asked(NamedTuple):
    """An answer to explain: the text, the places of the T tokens that the network reads, the network, the index of
    the loss (None: the largest), and the name of each loss."""

    text: str
    places: Sequence[tuple[int, int]]
    given: Unrolled
    at: int | None
    names: Sequence[str]


class Reasons(NamedTuple):
    """What each token adds (T,), in nats, by both methods; the log-odds of the answer, and those for zeros."""

    at: int
    gradient: np.ndarray
    integrated: np.ndarray
    odds: float
    zeros: float
    points: int

    @property
    def error(self) -> float:
        """The relative error of the sum of integrated gradients against the change that it must equal."""
        change = self.odds - self.zeros
        return abs(float(self.integrated.sum()) - change) / max(abs(change), 1e-12)


def reasons(given: Unrolled, at: int | None) -> Reasons:
    """Return the reasons for the answer whose loss has the index `at`. float64, by torch's autograd, with
    Gauss-Legendre points, doubled until the sum is right to 0.2 % or there are 512."""
    import torch

    arrays = {n: torch.from_numpy(np.array(a, np.float64)) for n, a in layers.arrays(given.model).items()}
    model = layers.replace(given.model, arrays)
    x = torch.from_numpy(np.array(given.x[:, :1], np.float64))
    lengths = ops.integers(np.array([len(x)]), x)

    def losses(x: Any) -> Any:
        return given.losses(model, model.stack.read(x, lengths))[:, 0]

    if at is None:
        at = int(losses(x).argmax())

    def slope(share: float) -> tuple[float, np.ndarray]:
        """Return F and its derivative (T, I) at the input scaled by `share`."""
        here = (share * x).requires_grad_()
        nats = losses(here)[at]
        odds = -nats - torch.log(-torch.expm1(-nats.clamp(min=1e-12)))
        (gradient,) = torch.autograd.grad(odds, here)
        return float(odds.detach()), gradient[:, 0].numpy()

    own = x[:, 0].numpy()
    (odds, last), (zeros, _), points = slope(1.0), slope(0.0), POINTS
    while True:
        nodes, weights = np.polynomial.legendre.leggauss(points)
        total = sum(w / 2 * slope((1 + node) / 2)[1] for node, w in zip(nodes, weights, strict=True))
        found = Reasons(at, (own * last).sum(1), (own * total).sum(1), odds, zeros, points)
        if found.error <= NEAR or points >= MOST:
            return found
        points *= 2
