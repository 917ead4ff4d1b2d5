"""A time step a row: id, time, values, and perhaps a label; consecutive rows with the same id are a record.

The first row names the columns. The first column is the id; one called time, step, t, date or timestamp is ignored;
the label column is the one that `label` (for labelled texts) or `tag` gives, else one with a usual name (label,
class, tag …). All others are numbers. In a labelled series all rows have the same label; in a tagged one each has its
own.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from typing import Any

from seqcli.errors import SeqcliError, did_you_mean
from seqcli.records import TAGGED, Options, labels_of
from seqcli.records import Reader as BaseReader

READS = ("labels", "tags")
GOLD = ("labels", "tags")
OF_NUMBERS = True  # rows of numbers: a file name ending in .csv or .tsv may mean this format too
TIMES = ("time", "step", "t", "date", "timestamp")


class Reader(BaseReader):
    """A reader of records of consecutive rows with one id."""

    format = "long"

    def __init__(self, options: Options, trained: Any = None):
        super().__init__(options, trained)
        self._rows: list[tuple[list[str], str, int]] = []  # (numbers, label, line) of the record so far
        self._seen: set[str] = set()
        self._id = ""

    def _start(self) -> None:
        self._names: list[str] | None = None
        self._seen = set()

    def _lines(self, lines: list[str], number: int, end: str) -> Iterator[Any]:
        for n, line in enumerate(lines, number):
            if not line.strip():
                continue
            delimiter = "\t" if "\t" in line else ";" if ";" in line else ","
            try:
                row = next(csv.reader([line.removeprefix("\ufeff")], delimiter=delimiter))
            except csv.Error as error:  # a cell of a megabyte
                raise SeqcliError(f"{self._source}:{n}:1: {error}") from None
            cells = [cell.strip() for cell in row]
            if self._names is None:
                self._named(cells, n)
                continue
            if len(cells) != len(self._names):
                raise SeqcliError(
                    f"{self._source}:{n}:1: {len(cells)} columns, the first row names {len(self._names)}"
                )
            if cells[0] != self._id or not self._rows:
                yield from self._made()
                if cells[0] in self._seen:
                    raise SeqcliError(
                        f"{self._source}:{n}:1: the id {cells[0]!r} comes again, after other ids",
                        hint="sort the file so that the rows of an id are consecutive",
                    )
                self._id = cells[0]
                self._seen.add(cells[0])
            label = cells[self._label] if self._label is not None else ""
            self._rows.append(([cells[i] for i in self._numbers], label, n))

    def _rest(self, last: bool) -> Iterator[Any]:
        yield from self._made()

    def _named(self, cells: list[str], number: int) -> None:
        said = self.options.tag if self.kind is TAGGED else self.options.label
        usual = next((c for c in cells[1:] if c.lower() in ("label", "labels", "class", "tag", "tags")), None)
        trained = self.trained.get("label")
        label = said or (trained if trained in cells[1:] else usual)
        if (label is None and self.options.gold) or (label is not None and label not in cells):
            what = f"no column {label!r}" if label else "no column with labels"
            raise SeqcliError(f"{self._source}:{number}:1: {what}", hint=did_you_mean(label or "label", cells[1:]))
        self._names = cells
        self._label = None if label is None else cells.index(label)
        self._numbers = [i for i, c in enumerate(cells) if i and i != self._label and c.lower() not in TIMES]
        if not self._numbers:
            raise SeqcliError(f"{self._source}:{number}:1: no column with numbers", hint="id, time, values, label")

    def _made(self) -> Iterator[Any]:
        """Yield the record of the rows so far, if any."""
        rows, self._rows = self._rows, []
        if not rows:
            return
        place, line = f"{self._source}:{rows[0][2]}:1", rows[0][2]
        if self.kind is TAGGED:
            words = [",".join(numbers) for numbers, _, _ in rows]
            found = self.kind.record(text=" ".join(words), source=self._source or "", line=line)
            found.words, found.split = words, True
            found.places = [(n, 1) for _, _, n in rows]
            found.tags = [label for _, label, _ in rows] if self._label is not None else None
            yield found
            return
        different = dict.fromkeys(label for _, label, _ in rows)
        if self._label is not None and len(different) > 1 and self.options.gold:
            raise SeqcliError(f"{place}: {self._id!r} has several labels: {', '.join(list(different)[:3])}")
        labels = (
            None
            if self._label is None
            else labels_of(next(iter(different)), self.options, lambda: place, split=False)
        )
        values: list[list[float]] = []
        for numbers, _, n in rows:
            try:
                values.append([float(cell) for cell in numbers])
            except ValueError as error:
                what = f"not numbers: {', '.join(numbers)[:60]}" if all(numbers) else "a value is missing"
                raise SeqcliError(f"{self._source}:{n}:1: {what}") from error
        text = json.dumps(values)
        yield self.kind.record(text=text, source=self._source or "", line=line, labels=labels)
