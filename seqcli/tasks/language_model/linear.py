"""A linear autoregression fitted on the training series, the baseline of a model of series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

LAGS = 64  # values that a prediction depends on, at most
FITTED = 200_000  # values at the end of the training series that it is fitted on, at most


@dataclass(frozen=True)
class Linear:
    """A model y_t = intercept + Σ weights_i y_{t-1-i}. A series is an array (T,); NaN separates series."""

    intercept: float
    weights: np.ndarray  # (p,), for the latest value first

    @classmethod
    def fit(cls, values: np.ndarray) -> Linear:
        """Fit by least squares, with the order p of the least AIC: n log(RSS / n) + 2 (p + 1)."""
        values = values[-FITTED:]
        finite = values[np.isfinite(values)]
        mean = float(finite.mean()) if len(finite) else 0.0
        most = LAGS
        while most and len(rows := _rows(values - mean, most)) < 4 * (most + 2):
            most //= 2
        if not most:
            return cls(mean, np.zeros(0))
        left = np.asarray(np.linalg.qr(rows, mode="r"))[:, -1]  # its squares are what each further lag explains
        unexplained = np.cumsum(left[::-1] ** 2)[::-1][1:]  # (most + 1,): with no lag, one, two ...
        n, orders = len(rows), np.arange(most + 1)
        aic = n * np.log(np.maximum(unexplained / n, np.finfo(float).tiny)) + 2 * (orders + 1)
        p = max(int(np.argmin(aic)), 1)
        found = np.linalg.lstsq(rows[:, : p + 1], rows[:, -1], rcond=None)[0]
        return cls(float(mean + found[0] - mean * found[1:].sum()), found[1:])

    def next(self, values: np.ndarray) -> np.ndarray:
        """Predict each value (T,) from those before it; NaN if there are too few."""
        p = len(self.weights)
        found = np.full(len(values), np.nan)
        if 0 < p < len(values):
            found[p:] = self.intercept + sliding_window_view(values, p)[:-1] @ self.weights[::-1]
        return found if p else np.full(len(values), self.intercept)

    def ahead(self, values: np.ndarray, steps: int) -> np.ndarray:
        """Predict the next values (steps,), each from the predictions before it."""
        p = len(self.weights)
        known = np.concatenate([values[len(values) - p :], np.zeros(steps)])
        for at in range(p, p + steps):
            known[at] = self.intercept + known[at - p : at] @ self.weights[::-1]
        return known[p:]

    def header(self) -> dict[str, Any]:
        """Return the model as JSON."""
        return {"intercept": self.intercept, "weights": self.weights.tolist()}

    @classmethod
    def restore(cls, header: Mapping[str, Any]) -> Linear:
        """Restore the model that `header` describes. Raises ValueError for an invalid one."""
        weights = np.array(header["weights"], np.float64)
        if weights.ndim != 1 or not np.isfinite([header["intercept"], *weights]).all():
            raise ValueError("forecast: the coefficients of the autoregression are not a list of numbers")
        return cls(float(header["intercept"]), weights)


def _rows(values: np.ndarray, lags: int) -> np.ndarray:
    """Return rows (n, lags + 2) of 1, the values before (latest first) and the value, all within one series."""
    if len(values) <= lags:
        return np.zeros((0, lags + 2))
    windows = sliding_window_view(values, lags + 1)
    windows = windows[np.isfinite(windows).all(axis=1)][:, ::-1]
    return np.column_stack([np.ones(len(windows)), windows[:, 1:], windows[:, 0]])
