"""Handle SIGINT and SIGTERM during training: the first finishes the step and saves, the second leaves at once."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

from seqcli.console import say, show_cursor


class Interrupt:
    """A context manager that catches the two signals; `wanted` is the number of the first one received, or 0.

    `notice` tells the user; it is called inside a signal handler, whatever the program was writing at that moment. A
    signal within `same` seconds of the first counts as the first: with several processes, the terminal sends it to
    each of them and the process that started them passes it on too.
    """

    def __init__(self, notice: Callable[[str], None] = say, same: float = 0.0) -> None:
        self.wanted, self._notice, self._same, self._came = 0, notice, same, 0.0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._caught)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _caught(self, number: int, frame: Any) -> None:
        if self.wanted and time.monotonic() - self._came < self._same:
            return
        if self.wanted:
            show_cursor()
            with contextlib.suppress(OSError):
                os.write(2, b"\nleft without saving\n")
            os._exit(128 + number)
        self.wanted, self._came = number, time.monotonic()
        with contextlib.suppress(RuntimeError):  # Python refuses to write amid another write to stderr
            self._notice("stopping after this step; interrupt again to leave unsaved")
