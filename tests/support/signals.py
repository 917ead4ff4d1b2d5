"""Records that hold arrays, their reader, and what answers them: nothing of them is text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seqcli.errors import SeqcliError
from seqcli.predictor import Answering
from seqcli.records import Record
from seqcli.streams import Chunk


@dataclass(slots=True)
class Signal(Record):
    """An array (T, D)."""

    array: np.ndarray
    text: str = field(default="", kw_only=True)

    @property
    def size(self) -> int:
        """How many numbers."""
        return self.array.size


class Reader:
    """A JSON list of rows of numbers a line."""

    def feed(self, chunk: Chunk) -> Iterator[Signal]:
        """The signals of whole lines."""
        for number, line in enumerate(chunk.text.splitlines(), chunk.line):
            try:
                yield Signal(np.array(json.loads(line), np.float64), source=chunk.source, line=number)
            except ValueError as error:
                raise SeqcliError(f"{chunk.source}:{number}: {error}") from None

    def close(self) -> Iterator[Signal]:
        """Nothing is left."""
        yield from ()


class Sums(Answering):
    """The sum of each column over time."""

    def packed(self) -> Callable[[], Answering]:
        """As it is."""
        return Sums

    def answer(self, records: Sequence[Any], asked: Any) -> list[np.ndarray]:
        """Sums (D,)."""
        return [record.array.sum(0) for record in records]
