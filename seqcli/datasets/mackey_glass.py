"""The Mackey-Glass series (Science 197, 1977), the benchmark of recurrent nets, made from a seed.

dx/dt = 0.2 x(t - 17) / (1 + x(t - 17)^10) - 0.1 x(t), chaotic: integrated by Runge-Kutta of the fourth order in steps
of 0.1, read every 6 units of time, as forecasts of it are compared (read at every unit it is so smooth that a line
through the last values tells the next to 0.05 % of its deviation). Each split begins with a constant history of its
own, drawn from 0.5 to 1.5, whose first 1,000 units are dropped.
"""

from __future__ import annotations

import random

COUNTS = {"test": 2_000, "valid": 1_000, "train": 10_000}
DELAY, STEP, EVERY, DROPPED = 17, 0.1, 6, 1_000  # units of time


def _grown(before: float) -> float:
    """The first term of dx/dt, by x a delay before. Products alone: they are the same on every machine."""
    square = before * before
    fourth = square * square
    return 0.2 * before / (1 + fourth * fourth * square)


def series(start: float, count: int) -> list[float]:
    """Values of the series with this constant history."""
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
    """Each split as one line, its values to five decimals."""
    rng = random.Random(seed)
    starts = {split: 0.5 + rng.random() for split in COUNTS}
    return {split: [(" ".join(f"{x:.5f}" for x in series(starts[split], n)),)] for split, n in COUNTS.items()}
