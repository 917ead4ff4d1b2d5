"""BLAS threads: one for a filter, and for one stream either one or all, whichever is faster.

An oversubscribed OpenBLAS can be many times slower than one thread, so more are used only after a probe.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

PROBE = 1e-3  # seconds for each of the two tries
WORTH = 1 << 20  # weights: smaller products end before a second thread has begun


def limit(threads: int) -> Any:
    """Let BLAS use so many threads from now on; return the limiter, which must be kept alive."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(threads, user_api="blas")


def choose_for(model: Any, wanted: int | None = None) -> int:
    """Do what `choose` does for a language model that will read one stream."""
    _, state = model.start(np.zeros(0, np.int64))
    ids = np.zeros(1, np.int64)
    return choose(lambda: model.step(ids, None, state), sum(a.size for a in model.arrays().values()), wanted)


def choose(step: Callable[[], object], weights: int, wanted: int | None = None) -> int:
    """Set the threads for one stream of steps: `wanted`, or the faster choice in a probe of a millisecond. Return
    their number; 0: all."""
    if wanted is not None:
        limit(wanted)
        return wanted
    limit_one = limit(1)
    if weights < WORTH:
        return 1
    one = _rate(step)
    limit_one.restore_original_limits()
    if _rate(step) > 1.1 * one:
        return 0  # all
    limit(1)
    return 1


def _rate(step: Callable[[], object]) -> float:
    """Return steps a second, by the fastest step within a probe."""
    step()
    best, began = float("inf"), time.perf_counter()
    while (now := time.perf_counter()) - began < PROBE or best == float("inf"):
        step()
        best = min(best, time.perf_counter() - now)
    return 1 / best
