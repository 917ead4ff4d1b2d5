"""Forecast series of numbers with a language model over bins, and measure the errors.

A forecast is the mean of the predicted distribution over the bins, which is finer than a bin; an interval lies
between quantiles of it, with a bin's probability spread evenly over the bin. `<end>` is never predicted: forecasts
are values.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from seqcli import console, ops
from seqcli.decoding import Stepper
from seqcli.decoding.paths import paths
from seqcli.decoding.sampling import Carried
from seqcli.metrics import Found
from seqcli.tasks.language_model.linear import Linear
from seqcli.tasks.language_model.predict import Generator

MEASURED = 50_000  # values whose predictions are measured, at most
ORIGINS, PATHS = 50, 100  # places from which the model runs freely, and the number of paths from each
SEED = 1


class Series(NamedTuple):
    """A text of numbers: ids (T,), exact values (T,), NaN for `<end>`; number of values of its series before each."""

    ids: np.ndarray
    values: np.ndarray
    before: np.ndarray

    @classmethod
    def of(cls, ids: np.ndarray, values: np.ndarray) -> Series:
        """Count the values before each in its series."""
        at = np.arange(len(values))
        ends = np.where(np.isnan(values), at + 1, 0)
        return cls(ids, values, at - np.maximum.accumulate(np.concatenate([[0], ends[:-1]])))


def measured(own: Generator, series: Series, horizon: int | None) -> Iterator[Found]:
    """Yield what the metrics of forecasts need: for one step, and for `horizon` steps of free running."""
    tokenizer: Any = own.tokenizer
    linear = Linear.restore(own.header["forecast"])
    context = max(len(linear.weights), tokenizer.period or 1)
    series = Series(*(part[:MEASURED] for part in series))
    good = np.isfinite(series.values) & (series.before >= context)
    if not good.any():
        console.warn(f"no value has {context} values before it in its series: no forecast is measured")
    else:
        yield Found(forecast=_next(own, series, linear, good))
    if horizon:
        room = np.flatnonzero(good[: len(good) - horizon + 1])
        last = room + horizon - 1
        room = room[np.isfinite(series.values[last]) & (series.before[last] - series.before[room] == horizon - 1)]
        if len(room):
            origins = room[np.unique(np.linspace(0, len(room) - 1, ORIGINS).astype(int))]
            yield Found(horizon=_ahead(own, series, linear, origins, horizon))


def _next(own: Generator, series: Series, linear: Linear, good: np.ndarray) -> dict[str, np.ndarray]:
    """Return the value after each context and its forecasts, as arrays (N,)."""
    ids, values = series.ids, series.values
    tokenizer: Any = own.tokenizer
    at = np.flatnonzero(good)
    said = [_said(logits, tokenizer) for i, logits in enumerate(distributions(own.model, ids), 1) if good[i]]
    mean, low, high = np.array(said).T
    found = {"true": values[at], "model": mean, "low": low, "high": high}
    found |= {"linear": linear.next(values)[at], "naive": values[at - 1]}
    if period := tokenizer.period:
        found["seasonal"] = values[at - period]
    return found


def _ahead(
    own: Generator, series: Series, linear: Linear, origins: np.ndarray, horizon: int
) -> dict[str, np.ndarray]:
    """Return the values after each context and their forecasts, as arrays (N, horizon)."""
    ids, values = series.ids, series.values
    tokenizer: Any = own.tokenizer
    carried, read, rows = Carried(), 0, []
    for number, at in enumerate(origins.tolist()):
        memory, read = carried.read(own.model, ids[read:at]), at
        drawn = paths(own.model, memory, carried, horizon, PATHS, seed=(SEED, number), first=1)
        low, middle, high = np.quantile(tokenizer.means[drawn - 1], [0.1, 0.5, 0.9], axis=0)
        past = values[:at]
        row = {"true": values[at : at + horizon], "model": middle, "low": low, "high": high}
        row |= {"linear": linear.ahead(past, horizon), "naive": np.full(horizon, past[-1])}
        if period := tokenizer.period:
            row["seasonal"] = past[at - period + np.arange(horizon) % period]
        rows.append(row)
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def distributions(model: Stepper, ids: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the logits (V,) of the next symbol after each id but the last."""
    carried = Carried()
    memory = carried.read(model, ids[:1])
    for id in ids[1:]:
        yield carried.step(model, memory)
        carried.last = np.array([id])


def _said(logits: np.ndarray, tokenizer: Any) -> tuple[float, float, float]:
    """Return the mean of the predicted distribution, and its quantiles 0.1 and 0.9."""
    p = ops.softmax(logits[1:].astype(np.float64))
    reached = np.concatenate([[0.0], np.cumsum(p)])
    low, high = np.interp([0.1, 0.9], reached / reached[-1], tokenizer.edges)
    return float(p @ tokenizer.means), float(low), float(high)
