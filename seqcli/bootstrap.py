"""A paired bootstrap: whether one system is better than another on the same records.

The N records are drawn again with replacement, R times; each time both systems are scored on the same draw, and the
R differences d* show how far the measured difference d depends on the choice of records (Efron and Tibshirani 1993,
chapters 13 and 16; for comparing systems Koehn 2004). The interval has percentiles of the d* as its ends. The p-value
is that of no difference: how often a d* is at least as far from d, on either side, as d is from 0, with the measured
one counted among them: (1 + #{|d* - d| >= |d|}) / (R + 1).

A draw is determined by how often it has each record, and records with the same contributions are one kind, so counts
of kinds are drawn, multinomially, not records. Training data and seeds are not resampled. With fewer than about
twenty records the interval is too narrow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

HELD = 1 << 20  # weights held at once
KINDS = 16  # with this many records a kind, a multinomial draw (a binomial a kind) is cheaper than drawing records

Statistic = Callable[[np.ndarray], np.ndarray]  # sums of contributions (R, C) -> (R,)


class Interval(NamedTuple):
    """The difference between the first and the second system, in the statistic's own unit."""

    difference: float
    low: float
    high: float
    p_value: float  # of no difference, two-sided; at least 1 / (resamples + 1)
    resamples: int


def paired(
    a: ArrayLike,
    b: ArrayLike,
    statistic: Statistic | None = None,
    resamples: int = 1000,
    seed: int = 1,
    level: float = 0.95,
) -> Interval:
    """Return statistic(a) - statistic(b), the difference between systems a and b, with its interval and p-value.

    `a` and `b` are what each record contributes, (N,) or (N, C), in the same order of records: whether it is right,
    its nats, the counts of `classification.contributions`. Without a `statistic` it is their mean, and C is 1; a
    statistic is a function of their sums over a draw, (R, C) -> (R,), as F1 is of counts. `level` is the share of
    draws inside the interval. The same arguments give the same interval. Time is proportional to resamples x kinds of
    records (accuracy has three), and to resamples x N if most records are a kind of their own.

    Raises ValueError if the shapes differ or do not fit, there is no record, or a number is not finite.
    """
    first, second = np.asarray(a), np.asarray(b)
    if first.shape != second.shape or first.ndim not in (1, 2) or not len(first):
        raise ValueError(f"contributions {first.shape} and {second.shape}: one row a record, the same records twice")
    if resamples < 1 or not 0 < level < 1:
        raise ValueError(f"{resamples} resamples at level {level}")
    n = len(first)
    first, second = first.reshape(n, -1), second.reshape(n, -1)
    columns = first.shape[1]
    if statistic is None:
        if columns != 1:
            raise ValueError(f"{columns} contributions a record have no mean: give a statistic")
        rows = np.subtract(first, second, dtype=np.float64)  # the difference of means is the mean difference
    else:
        rows = np.concatenate([first, second], axis=1)
        rows = rows if rows.dtype == bool else rows.astype(np.float64)  # bool: eight times fewer bytes to sort
    if not np.isfinite(rows).all():
        raise ValueError("a contribution is not a finite number")

    def differences(weights: np.ndarray) -> np.ndarray:
        sums = weights @ kinds
        if statistic is None:
            return sums[:, 0] / n
        return _checked(statistic(sums[:, :columns]), sums) - _checked(statistic(sums[:, columns:]), sums)

    kinds, which, counts = _kinds(rows)
    difference = float(differences(counts[None].astype(np.float64))[0])
    draws = np.concatenate([differences(w) for w in _draws(which, counts, resamples, np.random.default_rng(seed))])
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2]).tolist()
    # the tolerance keeps |2d - d| >= |d| true where the sums are rounded
    extreme = int((np.abs(draws - difference) >= abs(difference) * (1 - 1e-9)).sum())
    p_value = (1 + extreme) / (resamples + 1) if n > 1 else 1.0  # one record shows no spread, and so no evidence
    return Interval(difference, low, high, p_value, resamples)


def _checked(values: np.ndarray, sums: np.ndarray) -> np.ndarray:
    values = np.asarray(values, np.float64)
    if values.shape != sums.shape[:1]:
        raise ValueError(f"a statistic of sums {sums.shape} must have the shape {sums.shape[:1]}, not {values.shape}")
    return values


def _kinds(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the distinct rows (U, C) as float64, the index of each record's row (N,), and each row's count (U,)."""

    # rows are compared as bytes, which is many times faster than np.unique by column
    rows = np.ascontiguousarray(rows if rows.dtype == bool else rows + 0.0)  # -0 is 0
    as_bytes = rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1]))).ravel()
    order = np.argsort(as_bytes, kind="stable")
    ordered = rows[order]
    begins = np.concatenate([[True], (ordered[1:] != ordered[:-1]).any(axis=1)])
    first = order[begins]  # of each kind, as the sort is stable
    # kinds in order of first occurrence, not of their bytes, so that a against b draws what b against a draws
    place = np.empty(len(first), np.int64)
    place[np.argsort(first)] = np.arange(len(first))
    which = np.empty(len(rows), np.int64)
    which[order] = place[begins.cumsum() - 1]
    return rows[np.sort(first)].astype(np.float64), which, np.bincount(which)


def _draws(which: np.ndarray, counts: np.ndarray, resamples: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield how often each kind is in each draw of N records: (chunk, U) float64, `resamples` rows in all."""
    n, u = len(which), len(counts)
    step = max(1, HELD // u)
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        if u * KINDS <= n:
            yield rng.multinomial(n, counts / n, size).astype(np.float64)
            continue
        weights = np.empty((size, u))
        for row in weights:
            drawn = rng.integers(0, n, n)
            row[:] = np.bincount(drawn if u == n else which[drawn], minlength=u)
        yield weights
