"""The best continuations of each source's hypotheses: exact, without sorting or dividing the whole vocabulary.

The order is total: the higher log-probability first, of equals the lower row, then the lower id.
"""

from __future__ import annotations

import numpy as np

from seqcli.errors import SeqcliError

BLOCK = 64  # columns: few enough blocks to choose among, few enough columns in those that are chosen


def candidates(
    log_probs: np.ndarray, running: np.ndarray, rows: int, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The `count` best of each source's rows times V continuations, best first.

    log_probs (B·rows, V), running (B·rows,) float64: what a row has so far. Gives sums (B, count) float64, rows of
    log_probs (B, count), ids (B, count). Where there are fewer, the rest is -inf, with a row of the source and id 0.

    What is sought is in the `count` best blocks of columns by their maxima: these maxima alone are `count` columns
    that stand before every column of another block, of equals too, as blocks are in the order of their columns.
    """
    N, V = log_probs.shape
    B, blocks = N // rows, -(-V // BLOCK)
    first_row = np.arange(B)[:, None] * rows
    if rows * blocks <= 2 * count:
        sums = (running[:, None] + log_probs).reshape(B, rows * V)
        flat = best(sums, min(count, rows * V))
        found, row, ids = np.take_along_axis(sums, flat, axis=1), flat // V + first_row, flat % V
    else:
        maxima = np.maximum.reduceat(log_probs, np.arange(0, V, BLOCK), axis=1)  # twice as fast as a reshape and max
        chosen = _first((running[:, None] + maxima).reshape(B, rows * blocks), count)
        from_row = chosen // blocks + first_row  # (B, count)
        columns = (chosen % blocks)[:, :, None] * BLOCK + np.arange(BLOCK)
        values = log_probs[from_row[:, :, None], np.minimum(columns, V - 1)]
        sums = running[from_row][:, :, None] + values  # (B, count, BLOCK)
        if V % BLOCK:
            sums[columns >= V] = -np.inf
        sums, columns = sums.reshape(B, -1), columns.reshape(B, -1)
        flat = best(sums, count)
        found, ids = np.take_along_axis(sums, flat, axis=1), np.take_along_axis(columns, flat, axis=1)
        row, ids = np.take_along_axis(from_row, flat // BLOCK, axis=1), np.minimum(ids, V - 1)
    if (short := count - found.shape[1]) > 0:
        found = np.pad(found, ((0, 0), (0, short)), constant_values=-np.inf)
        row = np.concatenate([row, np.broadcast_to(first_row, (B, short))], axis=1)
        ids = np.pad(ids, ((0, 0), (0, short)))
    return found, row, ids


def best(x: np.ndarray, count: int) -> np.ndarray:
    """Where the `count` highest of each row of (B, n) stand: (B, count), highest first, of equals the first."""
    chosen = _first(x, count)
    order = np.argsort(-np.take_along_axis(x, chosen, axis=1), axis=1, kind="stable")
    return np.take_along_axis(chosen, order, axis=1)


def _first(x: np.ndarray, count: int) -> np.ndarray:
    """What `best` finds, in ascending order of place."""
    B, n = x.shape
    check(x)
    least = np.partition(x, n - count, axis=1)[:, n - count, None]
    above, equal = x > least, x == least
    room = count - above.sum(axis=1, keepdims=True)
    return np.nonzero(above | (equal & (np.cumsum(equal, axis=1) <= room)))[1].reshape(B, count)


def check(scores: np.ndarray) -> None:
    """Raise SeqcliError where a score is nan: a broken model gives one, or cells without a bound over a long text."""
    if np.isnan(scores).any():
        raise SeqcliError(
            "the model's scores are not numbers (nan): its weights are damaged, its training diverged, or a text is"
            " so long that its numbers overflow",
            hint="train it again, with a lower train.learning_rate, or a cell that is bounded (irnn is not)",
        )
