"""A pool of fresh worker processes for a filter, and the error when one dies."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

from seqcli.errors import SeqcliError

POSIX = os.name == "posix"


@contextmanager
def pool(jobs: int, start: Callable[..., None], arguments: tuple[Any, ...]) -> Iterator[Callable[..., Any]]:
    """Yield `submit`; `submit(function, argument)` returns a function that waits for the result, which one of `jobs`
    fresh processes computes. Each calls `start(*arguments)` first. Only the parent handles an interrupt; the workers
    end with it."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    executor = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), start, arguments)
    started: dict[int | None, Any] = {}

    def submit(function: Callable[[Any], Any], argument: Any) -> Callable[[], Any]:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if POSIX else ()
        try:  # processes started here inherit the mask; an interrupt of this one waits
            future = executor.submit(function, argument)
        except BrokenProcessPool:
            raise _died(started.values()) from None
        finally:
            if POSIX:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if len(started) < jobs:
            started.update({process.pid: process for process in multiprocessing.active_children()})

        def result() -> Any:
            try:
                return future.result()
            except BrokenProcessPool:
                raise _died(started.values()) from None

        return result

    try:
        yield submit
    except BaseException:
        for process in started.values():
            process.terminate()
        raise
    finally:
        executor.shutdown(cancel_futures=True)


def _died(processes: Collection[Any]) -> SeqcliError:
    """Return the error for a dead worker, found among processes of which the others were then terminated."""
    until = time.monotonic() + 2
    while time.monotonic() < until and any(process.exitcode is None for process in processes):
        time.sleep(0.01)  # not `join`: the executor waits too, and only one of the two would get the status
    ends = [process.exitcode for process in processes if process.exitcode]
    found = next((end for end in ends if end != -signal.SIGTERM), ends[0] if ends else 0)
    why = f"signal {-found}" if found < 0 else f"exit status {found}"
    more = ": out of memory?" if found == -9 else ""
    return SeqcliError(f"a worker died ({why}{more})", hint="the answers before that are written; try fewer --jobs")


def watch_parent() -> None:
    """End this process when its parent ends, however that ends."""
    import multiprocessing

    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)
