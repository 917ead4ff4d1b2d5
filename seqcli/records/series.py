"""A series a row: numbers in columns, and the label in the last one, or in column `label`, counted from 1.

Commas, semicolons, tabs or spaces separate columns, whichever the row has. Empty or NaN columns at the end, with
which archives pad shorter series, are dropped.
"""

from __future__ import annotations

import re
from typing import Any

from seqcli import console
from seqcli.columns import column_number, is_number
from seqcli.errors import SeqcliError, UsageError
from seqcli.records import Options, labels_of
from seqcli.records._lines import Line, LineReader

READS = ("labels",)
GOLD = ("labels",)
OF_NUMBERS = True  # rows of numbers: a file name ending in .csv or .tsv may mean this format too
PARTED = re.compile(r" *[,;\t] *| +")
_FILLED = re.compile(r"(?i)(?:nan)?")


class Reader(LineReader):
    """A reader of rows of numbers. In a filter a source's first row decides whether its rows have a label to drop."""

    format = "series"

    def __init__(self, options: Options, trained: Any = None):
        super().__init__(options, trained)
        said = options.label or (trained or {}).get("label")
        self._column = column_number(said) if said is not None else 0
        if self._column is None:
            raise UsageError(f"label: {said} is not a column number", hint="columns are numbered from 1")

    def _start(self) -> None:
        self._labelled: bool | None = True if self.options.gold else None  # None: the next row decides

    def _record(self, line: Line, number: int) -> Any:
        cells = PARTED.split(line.body.strip(" "))
        labels, place = None, f"{self._source}:{number}:1"
        at = self._column or len(cells)
        if self._labelled is None:
            self._labelled = self._has_label(cells, at, place)
        if self._labelled:
            if at > len(cells) or len(cells) < 2:
                raise SeqcliError(
                    f"{place}: the row has {len(cells)} columns, but needs numbers and a label in column {at}"
                )
            label = cells.pop(at - 1)
            labels = labels_of(label, self.options, lambda: place, split=False)
        while len(cells) > 1 and _FILLED.fullmatch(cells[-1]):
            cells.pop()
        return self._made(",".join(cells), line, number, labels=labels)

    def _has_label(self, cells: list[str], at: int, place: str) -> bool:
        """Whether a filter's row has a label: its column holds a label of the model. If that could be a number too,
        the decision is reported."""
        known = self.options.labels
        cell = cells[at - 1] if 1 < len(cells) >= at else ""
        if not known or not any(map(is_number, known)):
            return cell in known or bool(self._column and not known)
        if cell in known:
            said = f"column {at} ({cell}) is a label of the model and is dropped"
            console.say(f"{place}: {said}: --input text reads all columns as numbers")
        else:
            console.say(
                f"{place}: column {at} ({cell[:20]}) is not a label of the model: all columns are read as numbers"
            )
        return cell in known
