"""Fresh processes that work out what a filter sends them, and what is told where one dies."""

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
    """`submit(function, argument)` gives a function that waits for the result, which one of so many fresh processes
    works out, each begun with `start(*arguments)`. An interrupt is left to their parent; without it they end."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    executor = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), start, arguments)
    started: dict[int | None, Any] = {}

    def submit(function: Callable[[Any], Any], argument: Any) -> Callable[[], Any]:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if POSIX else ()
        try:  # what is begun here inherits the mask, and an interrupt of ours waits
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
    """What ended a worker, of processes of which the others were ended then."""
    until = time.monotonic() + 2
    while time.monotonic() < until and any(process.exitcode is None for process in processes):
        time.sleep(0.01)  # not `join`: the executor waits too, and one of the two learns the status
    ends = [process.exitcode for process in processes if process.exitcode]
    found = next((end for end in ends if end != -signal.SIGTERM), ends[0] if ends else 0)
    why = f"signal {-found}" if found < 0 else f"exit status {found}"
    more = ": out of memory?" if found == -9 else ""
    return SeqcliError(f"a worker died ({why}{more})", hint="what was answered before is written; try fewer --jobs")


def watch_parent() -> None:
    """End with the process that began this one, however that ended."""
    import multiprocessing

    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)
