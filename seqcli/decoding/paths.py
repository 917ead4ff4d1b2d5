"""Many continuations of one text at once, a batch of them, as forecasts of series need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqcli.decoding import Stepper
from seqcli.decoding._hypotheses import take
from seqcli.decoding.sampling import Carried, Sampling


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
    """So many continuations as ids (count, steps) of what was read, which stays as it is; ids below `first` are never
    drawn. Each continuation draws from its own stream of random numbers, of (seed, its number)."""
    rngs, sampling = [np.random.default_rng([*seed, number]) for number in range(count)], sampling or Sampling()
    state, last = take(carried.state, np.zeros(count, np.int64)), np.repeat(carried.last, count)
    found = np.zeros((count, steps), np.int64)
    for step in range(steps):
        logits, state = model.step(last, memory, state)
        rows = zip(logits[:, first:], rngs, strict=True)
        last = found[:, step] = np.array([first + sampling.choose(row, rng) for row, rng in rows])
    return found
