"""The Mackey-Glass series (Science 197, 1977), a benchmark of recurrent networks, made from a seed.

dx/dt = 0.2 x(t - 17) / (1 + x(t - 17)^10) - 0.1 x(t) is chaotic. It is integrated by the Runge-Kutta method of fourth
order in steps of 0.1 and read every 6 units of time, as is usual in comparisons of forecasts (read at every unit, it
is so smooth that a line through the last values predicts the next to 0.05 % of its deviation). Each split begins with
a constant history of its own, drawn from 0.5 to 1.5; its first 1,000 units are dropped.
"""

from __future__ import annotations

import random

COUNTS = {"test": 2_000, "valid": 1_000, "train": 10_000}
DELAY, STEP, EVERY, DROPPED = 17, 0.1, 6, 1_000  # units of time


def _grown(before: float) -> float:
    """Return the first term of dx/dt, given x a delay before; computed by products, for the same result on every
    machine."""
    square = before * before
    fourth = square * square
    return 0.2 * before / (1 + fourth * fourth * square)


def series(start: float, count: int) -> list[float]:
    """Return values of the series with a constant history of `start`."""
    delay, each, dropped = (round(n / STEP) for n in (DELAY, EVERY, DROPPED))
    x, after = [start] * (delay + 2), _grown(start)
    for i in range(dropped + each * count):
        now, before, middle = x[-1], after, _grown((9 * (x[i + 1] + x[i + 2]) - x[i] - x[i + 3]) / 16)
        after = _grown(x[i + 2])
        a = before - 0.1 * now
        b = middle - 0.1 * (now + STEP / 2 * a)
        c = middle - 0.1 * (now + STEP / 2 * b)
        d = after - 0.1 * (now + STEP * c)
        x.append(now + STEP / 6 * (a + 2 * b + 2 * c + d))
    return x[1 + delay + dropped + each :: each]


def splits(seed: int = 1) -> dict[str, list[tuple[str]]]:
    """Return each split as one line, with values to five decimals."""
    rng = random.Random(seed)
    starts = {split: 0.5 + rng.random() for split in COUNTS}
    return {split: [(" ".join(f"{x:.5f}" for x in series(starts[split], n)),)] for split, n in COUNTS.items()}
