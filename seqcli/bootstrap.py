"""Test whether one system is better than another on the same records: a paired bootstrap.

The N records are resampled with replacement R times; each time both systems are scored on the same draw. The
R differences d* show how much the measured difference d depends on which records happened to be in the set
(Efron and Tibshirani 1993, chapters 13 and 16; for comparing systems Koehn 2004). The interval runs between
percentiles of the d*. The p-value is for the hypothesis of no difference: how often a d* lies at least as far from d,
on either side, as d lies from 0, with the measured d counted among the draws: (1 + #{|d* - d| >= |d|}) / (R + 1).

A draw is fully described by how often it holds each record, and records with the same contributions are of one kind,
so the counts of kinds are drawn (multinomially) instead of records. The models' training data and seeds are not
resampled. With fewer than about twenty records the interval is too narrow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

HELD = 1 << 20  # the most weights in memory at once
KINDS = 16  # from this many records a kind on, a multinomial draw (a binomial a kind) is cheaper than drawing records

Statistic = Callable[[np.ndarray], np.ndarray]  # sums of contributions (R, C) -> (R,)


class Interval(NamedTuple):
    """By how much the first system exceeds the second, in the statistic's own unit."""

    difference: float
    low: float
    high: float
    p_value: float  # for no difference, two-sided; at least 1 / (resamples + 1)
    resamples: int


def paired(
    a: ArrayLike,
    b: ArrayLike,
    statistic: Statistic | None = None,
    resamples: int = 1000,
    seed: int = 1,
    level: float = 0.95,
) -> Interval:
    """Return statistic(a) - statistic(b) for systems a and b, with its interval and p-value.

    `a` and `b` hold each record's contribution, (N,) or (N, C), with the records in the same order: whether it is
    right, its nats, the counts of `classification.contributions`. Without `statistic`, the mean is compared, and C is
    1; a statistic is a function of the contributions' sums over a draw, (R, C) -> (R,), as F1 is of counts. `level`
    is the share of draws inside the interval. The same arguments give the same interval. The time grows with
    resamples x kinds of records (accuracy has three), or with resamples x N if most records are one of a kind.

    Raises ValueError if the shapes differ or do not fit, there is no record, or a number is not finite.
    """
    first, second = np.asarray(a), np.asarray(b)
    if first.shape != second.shape or first.ndim not in (1, 2) or not len(first):
        raise ValueError(f"contributions {first.shape} and {second.shape}: need one row a record, for equal records")
    if resamples < 1 or not 0 < level < 1:
        raise ValueError(f"{resamples} resamples at level {level}")
    n = len(first)
    first, second = first.reshape(n, -1), second.reshape(n, -1)
    columns = first.shape[1]
    if statistic is None:
        if columns != 1:
            raise ValueError(f"{columns} contributions a record: pass a statistic; only one has a mean")
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
    first = order[begins]  # each kind's first record, as the sort is stable
    # kinds in order of first appearance, not of their bytes: comparing a to b draws the same as comparing b to a
    place = np.empty(len(first), np.int64)
    place[np.argsort(first)] = np.arange(len(first))
    which = np.empty(len(rows), np.int64)
    which[order] = place[begins.cumsum() - 1]
    return rows[np.sort(first)].astype(np.float64), which, np.bincount(which)


def _draws(which: np.ndarray, counts: np.ndarray, resamples: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield how often each kind is in each draw of N records, as (chunk, U) float64, `resamples` rows in total."""
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
