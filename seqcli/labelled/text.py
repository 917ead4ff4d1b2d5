"""Plain text, a record a line, without labels: what a filter reads, and files whose name is their label."""

from __future__ import annotations

from collections.abc import Iterator

from seqcli.formats._lines import Line
from seqcli.labelled import BLANKS, Example, LineReader

READS_LABELS = False


class Reader(LineReader):
    """Lines of running text."""

    format = "text"

    def _record(self, line: Line, number: int) -> Example | None:
        if self.options.gold:
            return super()._record(line, number)
        return Example(line.body, source=self._source or "", line=number, raw=line)

    def _lines(self, lines: list[str], number: int, end: str) -> Iterator[Example]:
        """As for any format of lines; an ordinary line is its own record, without a `raw` to give it back from."""
        if self._bom or end != "\n":
            yield from super()._lines(lines, number, end)
            return
        source = self._source or ""
        for n, line in enumerate(lines, number):
            if line.endswith("\r") or not line.strip(BLANKS):
                yield from super()._lines([line], n, end)
            else:
                yield Example(line, None, None, None, source, n)

    def _example(self, line: Line, number: int) -> Example:
        return Example(line.body, source=self._source or "", line=number, raw=line)
