"""Errors of numeric forecasts, with those of a linear autoregression and the naive forecast; coverage of intervals.

One step: each value is predicted from all before it. A horizon: several consecutive values, each predicted from
predictions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from seqcli.metrics import BaseMetric, Offer

WHOSE = {
    "": "",
    "linear-": " of the linear autoregression",
    "naive-": " of the last value",
    "seasonal-": " of the value a season before",
}
ERRORS = {"mae": "mean absolute error", "rmse": "root of the mean squared error"}
INSIDE = "values within the 80 % interval; 0.8 is right"


def _offers(horizon: str, over: str) -> dict[str, Offer]:
    """Return the offers of all errors, and of the root mean squared one divided by the deviation of the values."""
    found = {}
    for who, whose in WHOSE.items():
        for what, meaning in ERRORS.items():
            found[f"{horizon}{who}{what}"] = Offer("in the values' unit", False, f"{meaning}{whose}{over}")
        found[f"{horizon}{who}nrmse"] = Offer(
            "of the deviation", False, f"{horizon}{who}rmse over that of the values"
        )
    return found


@dataclass
class Metric(BaseMetric):
    """Forecasts of one step and of a horizon: arrays by their source, with `true` values and `low`, `high` bounds."""

    OFFERS: ClassVar = {
        **_offers("", ""),
        "interval-coverage": Offer("share", True, INSIDE),
        **_offers("horizon-", ", over all steps of the horizon"),
        "horizon-coverage": Offer("share", True, f"{INSIDE}; of drawn paths"),
    }

    one: dict[str, np.ndarray] = field(default_factory=dict)
    many: dict[str, np.ndarray] = field(default_factory=dict)

    def update(
        self, forecast: Mapping[str, np.ndarray] | None = None, horizon: Mapping[str, np.ndarray] | None = None
    ) -> None:
        """Set the arrays (N,) of one step, or (N, H) of a horizon."""
        self.one = dict(forecast) if forecast is not None else self.one
        self.many = dict(horizon) if horizon is not None else self.many

    def counted(self) -> dict[str, int]:
        """Return the number of forecasts of either kind."""
        found = {"forecasts": len(self.one["true"])} if self.one else {}
        if self.many:
            found |= dict(zip(("free runs", "steps"), self.many["true"].shape, strict=True))
        return found

    def result(self) -> dict[str, float]:
        """Return the metrics of OFFERS that were measured."""
        found: dict[str, float] = {}
        for horizon, arrays in (("", self.one), ("horizon-", self.many)):
            for who, off in _errors(arrays).items():
                rmse, wide = float(np.sqrt((off**2).mean())), float(self.one["true"].std())
                found |= {f"{horizon}{who}mae": float(np.abs(off).mean()), f"{horizon}{who}rmse": rmse}
                found |= {f"{horizon}{who}nrmse": rmse / wide} if wide else {}
            if arrays:
                found["horizon-coverage" if horizon else "interval-coverage"] = float(_inside(arrays).mean())
        return found

    def by_step(self) -> dict[str, list[float | None]]:
        """Return for each step of the horizon the root mean squared error by source, and the interval coverage."""
        found = {f"{who}rmse": np.sqrt((off**2).mean(axis=0)) for who, off in _errors(self.many).items()}
        found |= {"coverage": _inside(self.many).mean(axis=0)} if self.many else {}
        return {n: [float(f"{x:.6g}") if np.isfinite(x) else None for x in steps] for n, steps in found.items()}


def _errors(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the errors of each source, by the prefix of its figures."""
    names = {who: who.rstrip("-") or "model" for who in WHOSE}
    return {who: arrays[name] - arrays["true"] for who, name in names.items() if name in arrays}


def _inside(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    return (arrays["low"] <= arrays["true"]) & (arrays["true"] <= arrays["high"])
