"""The best continuations of each source's hypotheses, exactly, without sorting or partitioning the whole vocabulary.

The order is total: by higher log-probability, then by lower row, then by lower id.
"""

from __future__ import annotations

import numpy as np

from seqcli.errors import SeqcliError

GROUP = 64  # columns in a group, a compromise between the number of groups and their size


def candidates(
    log_probs: np.ndarray, running: np.ndarray, rows: int, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the `count` best of each source's rows · V continuations, best first.

    log_probs (B·rows, V), running (B·rows,) float64: a row's log-probability so far. Returns sums (B, count) float64,
    rows of log_probs (B, count), ids (B, count). If there are fewer, the rest is -inf, with a row of the source and
    id 0.
    """
    N, V = log_probs.shape
    B = N // rows
    if (picked := _in_groups(log_probs, running, rows, count)) is not None:
        return picked
    first_row = np.arange(B)[:, None] * rows
    sums = (running[:, None] + log_probs).reshape(B, rows * V)
    flat = best(sums, min(count, rows * V))
    found, row, ids = np.take_along_axis(sums, flat, axis=1), flat // V + first_row, flat % V
    if (short := count - found.shape[1]) > 0:
        found = np.pad(found, ((0, 0), (0, short)), constant_values=-np.inf)
        row = np.concatenate([row, np.broadcast_to(first_row, (B, short))], axis=1)
        ids = np.pad(ids, ((0, 0), (0, short)))
    return found, row, ids


def _in_groups(
    log_probs: np.ndarray, running: np.ndarray, rows: int, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Do the same by groups of columns; return None if there are few groups, or if the last place is tied.

    The best continuations are in the `count` groups with the highest maxima, because these maxima alone are `count`
    columns that precede every column of another group. A group's columns are G apart, which makes taking maxima of
    long rows three times as fast.
    """
    N, V = log_probs.shape
    B, G = N // rows, -(-V // GROUP)
    if rows * G <= 2 * count:
        return None
    whole = V // G * G
    maxima = log_probs[:, :whole].reshape(N, -1, G).max(axis=1)
    np.maximum(maxima[:, : V - whole], log_probs[:, whole:], out=maxima[:, : V - whole])
    if (chosen := _without_equals((running[:, None] + maxima).reshape(B, rows * G), count)) is None:
        return None
    row = chosen // G + np.arange(B)[:, None] * rows
    columns = (chosen % G)[:, :, None] + np.arange(0, GROUP * G, G)  # (B, count, GROUP)
    sums = running[row][:, :, None] + log_probs[row[:, :, None], np.minimum(columns, V - 1)]
    sums[columns >= V] = -np.inf
    sums, columns = sums.reshape(B, -1), columns.reshape(B, -1)
    if (at := _without_equals(sums, count)) is None:
        return None
    found, ids = np.take_along_axis(sums, at, axis=1), np.take_along_axis(columns, at, axis=1)
    row = np.take_along_axis(row, at // GROUP, axis=1)
    order = np.lexsort((ids, row, -found))
    found, row, ids = (np.take_along_axis(x, order, axis=1) for x in (found, row, ids))
    return found, row, np.minimum(ids, V - 1)


def _without_equals(x: np.ndarray, count: int) -> np.ndarray | None:
    """Return the indices of the `count` highest of each row of (B, n): (B, count); None if the last of them, unless
    it is -inf, has an equal that was not chosen."""
    check(x)
    chosen = np.argpartition(x, -count, axis=1)[:, -count:]
    least = np.take_along_axis(x, chosen[:, :1], axis=1)
    return None if ((x >= least) & (least > -np.inf)).sum(axis=1).max(initial=0) > count else chosen


def best(x: np.ndarray, count: int) -> np.ndarray:
    """Return the indices of the `count` highest of each row of (B, n): (B, count), highest first, ties in order."""
    chosen = _first(x, count)
    order = np.argsort(-np.take_along_axis(x, chosen, axis=1), axis=1, kind="stable")
    return np.take_along_axis(chosen, order, axis=1)


def _first(x: np.ndarray, count: int) -> np.ndarray:
    """Return the indices of `best` in ascending order."""
    B, n = x.shape
    check(x)
    least = np.partition(x, n - count, axis=1)[:, n - count, None]
    above, equal = x > least, x == least
    room = count - above.sum(axis=1, keepdims=True)
    return np.nonzero(above | (equal & (np.cumsum(equal, axis=1) <= room)))[1].reshape(B, count)


def check(scores: np.ndarray) -> None:
    """Raise SeqcliError if a score is nan, as from a damaged model, or from unbounded cells on a long text."""
    if np.isnan(scores).any():
        raise SeqcliError(
            "the model's scores are not numbers (nan): its weights are damaged, its training diverged, or a text is"
            " so long that its numbers overflow",
            hint="train it again with a lower train.learning_rate, or with a bounded cell (irnn is unbounded)",
        )
