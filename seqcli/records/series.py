"""A series a row: numbers in columns, and the label in the last one, or where `label` says: 1 is the first.

Columns are parted by commas, semicolons, tabs or spaces, as the row itself has them; empty ones at the end, and NaN
there, with which archives fill up shorter series, are none.
"""

from __future__ import annotations

import re
from typing import Any

from seqcli.columns import column_number
from seqcli.errors import SeqcliError, UsageError
from seqcli.records import Options, labels_of
from seqcli.records._lines import Line, LineReader

READS = ("labels",)
GOLD = ("labels",)
PARTED = re.compile(r" *[,;\t] *| +")
_FILLED = re.compile(r"(?i)(?:nan)?")


class Reader(LineReader):
    """Rows of numbers; a filter's rows have a label only where `label` says which column it is."""

    format = "series"

    def __init__(self, options: Options, trained: Any = None):
        super().__init__(options, trained)
        said = options.label or (trained or {}).get("label")
        self._column = column_number(said) if said is not None else 0
        if self._column is None:
            raise UsageError(f"label: {said} is no column of rows without names", hint="columns are numbered from 1")

    def _record(self, line: Line, number: int) -> Any:
        cells = PARTED.split(line.body.strip(" "))
        labels, place = None, f"{self._source}:{number}:1"
        if self._column or self.options.gold:
            at = self._column or len(cells)
            if at > len(cells) or len(cells) < 2:
                raise SeqcliError(f"{place}: the row has {len(cells)} columns: numbers, and a label in column {at}")
            label = cells.pop(at - 1)
            labels = labels_of(label, self.options, lambda: place, split=False)
        while len(cells) > 1 and _FILLED.fullmatch(cells[-1]):
            cells.pop()
        return self._made(",".join(cells), line, number, labels=labels)
