"""Rows of a delimited file written again with further columns: what the filters make of tsv and csv."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from seqcli.formats import one_line


@dataclass
class Columns:
    """Rows as they were read, with what was found as further columns; a header with their names."""

    reader: Any  # of `labelled` or `parallel`: separator, quoted, head
    names: Sequence[str]  # of the new columns
    cells: Callable[[Any], Sequence[str]]  # of an answer, one for each new column
    again: Callable[[Any], tuple[str, str]]  # a record as it was read, and its line end
    begun: bool = field(default=False)

    def __call__(self, record: Any, answer: Any) -> str:
        body, end = self.again(record)
        return self.head() + self._longer(body + self.reader.separator * record.missing, self.cells(answer), end)

    def head(self) -> str:
        """The header of the first source, once; nothing where there is none."""
        line = None if self.begun else self.reader.head
        self.begun = True
        return "" if line is None else self._longer(line.before + line.body, self.names, line.end)

    def _longer(self, body: str, cells: Sequence[str], end: str) -> str:
        return body + self.reader.separator + self._row(cells) + (end or "\n")

    def _row(self, cells: Sequence[str]) -> str:
        between = self.reader.separator
        if not self.reader.quoted:
            return between.join(one_line(c).replace(between, " ") for c in cells)
        odd = (between, '"', "\n", "\r")
        return between.join('"' + c.replace('"', '""') + '"' if any(o in c for o in odd) else c for c in cells)
