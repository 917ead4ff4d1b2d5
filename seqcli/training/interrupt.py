"""SIGINT and SIGTERM while training: the first asks to finish the step and save, the second leaves at once."""

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
    """A context in which the two signals are caught; `wanted` is the number of the one that came, or 0.

    `notice` tells the person; it is called inside a signal handler, amid whatever the program was writing. One that
    comes within `same` seconds is the first again: where there are several processes, a terminal sends it to each,
    and who started them hands it on.
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
            os._exit(128 + number)
        self.wanted, self._came = number, time.monotonic()
        with contextlib.suppress(RuntimeError):  # Python refuses to write amid a write to the same stderr
            self._notice("stopping after this step; once more to leave at once without saving")
