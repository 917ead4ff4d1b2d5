"""Other processes for the filters: a pool whose workers leave an interrupt to the parent."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def pool(jobs: int, start: Callable[..., None], arguments: tuple[Any, ...]) -> Iterator[Any]:
    """So many fresh processes, each of which begins with `start(*arguments)`."""
    import multiprocessing

    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # what workers are born with: the parent answers for them
    try:
        workers = multiprocessing.get_context("spawn").Pool(jobs, start, arguments)
    finally:
        signal.signal(signal.SIGINT, before)
    with workers as opened:
        yield opened
