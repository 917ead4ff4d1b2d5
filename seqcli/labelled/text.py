"""Plain text, a record a line, without labels: what a filter reads, and files whose name is their label."""

from __future__ import annotations

from seqcli.formats._lines import Line
from seqcli.labelled import Example, LineReader

READS_LABELS = False


class Reader(LineReader):
    """Lines of running text."""

    format = "text"

    def _example(self, line: Line, number: int) -> Example:
        return Example(line.body, source=self._source or "", line=number, raw=line)
