"""The processes that train one model together, as the loop sees them. Here: a single process, which needs no torch.

Every process holds the whole model and takes its own rows of every batch; `processes` implements several processes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

T = TypeVar("T")
ADDRESS = {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"}  # what torchrun tells a process about the others


def one_of_several() -> bool:
    """Whether this process was started to train together with others, by torchrun or in the same way."""
    return os.environ.keys() >= ADDRESS and os.environ["WORLD_SIZE"].strip() != "1"


class Group:
    """A group of one process: nothing is shared, and every method returns what it is given."""

    rank, size = 0, 1
    local = 1  # processes on this machine
    rows = slice(None)  # this process's rows of every batch

    @property
    def first(self) -> bool:
        """Whether this is the process that evaluates, logs, writes and speaks."""
        return self.rank == 0

    def device(self, name: str) -> str:
        """Return this process's own device of the kind `name`. Raises UsageError if there are too few devices."""
        return name

    def same(self, about: Any) -> None:
        """Raise SeqcliError if `about` is not the same in all processes."""

    def draw(self, generator: Any, seed: int, step: int) -> None:
        """Seed the generator for this process and step."""

    def share(self, weight: float, units: int) -> tuple[float, int]:
        """Return this process's share of the whole batch's weight (0 .. 1), and the units of the whole batch."""
        return 1.0, units

    def reduce(self, weights: Iterable[Any], loss: float) -> float:
        """Sum the gradients of all processes in place, and return the sum of their losses."""
        return loss

    def of_first(self, work: Callable[[], T]) -> T:
        """Return what `work` returns in the first process; the others wait for it."""
        return work()

    def clock(self, seconds: float) -> float:
        """Return the seconds that the first process measured."""
        return seconds

    def agreed(self, save: bool, wanted: int) -> tuple[bool, int]:
        """Return whether the first process wants to save, and the signal that any process received, or 0."""
        return save, wanted

    def gathered(self, state: Any) -> Any:
        """Return a carried state, whose arrays are batch-first, with the rows of all processes."""
        return state
