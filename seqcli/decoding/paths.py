"""Many continuations in parallel: of one text, as for forecasts of series, or of many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from seqcli import ops
from seqcli.decoding import Stepper
from seqcli.decoding.guide import Followed
from seqcli.decoding.sampling import Carried, Sampling


def side_by_side(
    model: Stepper,
    memory: Any,
    state: Any,
    last: np.ndarray,
    steps: int,
    rngs: Sequence[np.random.Generator],
    sampling: Sampling,
    *,
    on: np.ndarray | None = None,
    prompts: Sequence[np.ndarray] = (),
    first: int = 0,
    rule: Followed | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Draw a token after each of R texts, `steps` times; yield the rows that continue (r,), the tokens that they draw
    (r,), and logits (r, V).

    The `last` ids (R,) are yet to be fed to `state` (R rows). A row continues while its element of `on` (R,) is true,
    which the caller may change between steps. Ids below `first` are never drawn; those of `prompts` and those drawn
    so far are penalised, as `sampling` says; each row follows the `rule`. What a row draws depends neither on the
    other rows nor on their number.
    """
    rows, seen = np.arange(len(last)), None
    for step in range(steps):
        if on is not None and not (still := on[rows]).all():
            state, last, rows = ops.take(state, np.flatnonzero(still)), last[still], rows[still]
            seen = None if seen is None else seen[still]
        if not len(rows):
            return
        if len(rows) == 1:  # a single row would be a product with a vector, which rounds differently
            logits, state = model.step(np.repeat(last, 2), memory, ops.take(state, np.zeros(2, np.int64)))
            logits, state = logits[:1], ops.take(state, np.zeros(1, np.int64))
        else:
            logits, state = model.step(last, memory, state)
        if not step:
            seen = sampling.seen(prompts, logits.shape[1]) if prompts else None
        given = sampling.penalised(logits if rule is None else rule.allowed(logits, rows, step), seen)
        last = first + sampling.choose(given[:, first:], *[rngs[row] for row in rows.tolist()])
        if seen is not None:
            seen[np.arange(len(rows)), last] = True
        if rule is not None:
            rule.take(rows, last)
        yield rows, last, logits


def paths(
    model: Stepper,
    memory: Any,
    carried: Carried,
    steps: int,
    count: int,
    *,
    seed: Sequence[int] = (0,),
    sampling: Sampling | None = None,
    first: int = 0,
) -> np.ndarray:
    """Return `count` continuations as ids (count, steps) of what was read, which is not changed; ids below `first`
    are never drawn. Each continuation draws from its own random stream, seeded by (seed, its number)."""
    rngs = [np.random.default_rng([*seed, number]) for number in range(count)]
    state, last = ops.take(carried.state, np.zeros(count, np.int64)), np.repeat(carried.last, count)
    drawn = side_by_side(model, memory, state, last, steps, rngs, sampling or Sampling(), first=first)
    return np.array([ids for _, ids, _ in drawn], np.int64).reshape(steps, count).T
