"""The search for a linear model's weights: the optimum that SciPy finds over the features, gradients, extremes."""

from __future__ import annotations

import numpy as np
import pytest

from seqcli.models._log_linear import Loss, minimise

pytest.importorskip("scipy", reason="fitting needs SciPy, of the extra `train`")


def random_problem(rng: np.random.Generator, n: int, features: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    x = (rng.random((n, features)) < 0.3) * rng.normal(size=(n, features))
    return x.astype(np.float32), rng.random((features, columns)).astype(np.float32) + 0.1


@pytest.mark.parametrize(("columns", "softmax"), [(1, False), (3, False), (4, True)])
def test_the_optimum_is_that_of_scipy_over_the_features(columns: int, softmax: bool) -> None:
    from scipy.optimize import minimize

    rng = np.random.default_rng(columns)
    x, squares = random_problem(rng, 60, 40, columns)
    labels = rng.integers(columns, size=60)
    targets = np.eye(columns)[labels] if softmax else rng.random((60, columns)).round()
    weights = rng.random((60, 1)).astype(np.float32) + 0.5
    l2 = 1e-2

    def objective(flat: np.ndarray) -> float:
        """Over v = w / r and the bias, straight from the definition."""
        v, b = flat[:-columns].reshape(40, columns), flat[-columns:]
        s = x.astype(float) @ (v * np.sqrt(squares.astype(float))) + b
        if softmax:
            losses = (np.logaddexp.reduce(s, axis=1) - (s * targets).sum(1))[:, None]
        else:
            losses = np.logaddexp(0, s) - s * targets
        return float((losses * weights).sum() / 60 + l2 / 2 * (flat @ flat))

    best = minimize(objective, np.zeros(41 * columns), method="L-BFGS-B", tol=1e-12)
    told: list[int] = []

    def kernel(a: np.ndarray) -> np.ndarray:
        return x @ (squares * (x.T @ a)) + a.sum(axis=0)

    a, done = minimise(kernel, Loss(targets.astype(np.float32), weights, softmax), l2, 500, 1e-7, told.append)
    assert done == len(told) < 200
    found = np.concatenate([(np.sqrt(squares) * (x.T @ a)).ravel(), a.sum(axis=0)])
    assert objective(found.astype(float)) == pytest.approx(best.fun, rel=1e-4)
    assert found == pytest.approx(best.x, abs=0.02 * np.abs(best.x).max())


@pytest.mark.parametrize("softmax", [True, False])
def test_gradients_of_the_losses(softmax: bool) -> None:
    rng = np.random.default_rng(0)
    scores, targets = rng.normal(size=(5, 3)) * 3, rng.random((5, 3))
    if softmax:
        targets /= targets.sum(axis=1, keepdims=True)
    weights = rng.random((5, 1 if softmax else 3))
    loss = Loss(targets, weights, softmax)
    _, gradient = loss(scores)
    for i in np.ndindex(5, 3):
        moved = np.zeros((5, 3))
        moved[i] = 1e-5
        slope = (loss(scores + moved)[0] - loss(scores - moved)[0]) / 2e-5
        assert gradient[i] == pytest.approx(slope, abs=1e-6)
    value, gradient = loss(np.array([[1000.0, -1000, 0]] * 5))
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
