"""The processes that train one model together, as the loop sees them. Here: a process alone, which needs no torch.

Every process holds the whole model and takes its rows of every batch; `processes` has what several do.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

T = TypeVar("T")
ADDRESS = {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"}  # what torchrun tells a process of the others


def one_of_several() -> bool:
    """Whether this process was started, by torchrun or as it starts them, to train together with others."""
    return os.environ.keys() >= ADDRESS and os.environ["WORLD_SIZE"].strip() != "1"


class Group:
    """A process by itself, the first of one: nothing is shared, and every method hands back what it is given."""

    rank, size = 0, 1
    local = 1  # processes on this machine
    rows = slice(None)  # this process's of every batch

    @property
    def first(self) -> bool:
        """Whether this is the process that evaluates, logs, writes and speaks."""
        return self.rank == 0

    def device(self, name: str) -> str:
        """This process's device of a kind. Raises UsageError where there are too few."""
        return name

    def same(self, about: Any) -> None:
        """Raise SeqcliError where the processes have not the same in hand."""

    def draw(self, generator: Any, seed: int, step: int) -> None:
        """Make the generator this process's own for a step."""

    def share(self, weight: float, units: int) -> tuple[float, int]:
        """This process's share of a batch, by weight, and the whole batch's units."""
        return 1.0, units

    def reduce(self, weights: Iterable[Any], loss: float) -> float:
        """Add up all processes' gradients, in place, and their losses."""
        return loss

    def of_first(self, work: Callable[[], T]) -> T:
        """What the first process finds, while the others wait."""
        return work()

    def clock(self, seconds: float) -> float:
        """The first process's."""
        return seconds

    def agreed(self, save: bool, wanted: int) -> tuple[bool, int]:
        """Whether the first process wants to save, and the signal that has come to any, or 0."""
        return save, wanted

    def gathered(self, state: Any) -> Any:
        """A carried state, whose arrays have a batch's rows first, with the rows of all processes."""
        return state
