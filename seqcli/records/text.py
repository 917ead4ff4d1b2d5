"""Plain text, a record a line, without tags or labels: input of filters, and files whose name is their label.

The writer writes the text alone, without tags, for converting formats. The `text` of a record from another format is
put on one line.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from seqcli.records import BLANKS, TAGGED, Answer, Sentence, one_line
from seqcli.records._lines import Line, LineReader, LineWriter

READS = ("tags", "labels")
WRITES = ("tags",)


class Reader(LineReader):
    """A reader of lines of running text, which the caller splits into words."""

    format, blank = "text", None

    def _lines(self, lines: list[str], number: int, end: str) -> Iterator[Any]:
        """Do the same as the base class, but faster; an ordinary line gets a `raw` only for taggers."""
        if self._bom or end != "\n":
            yield from super()._lines(lines, number, end)
            return
        source, record, tagged = self._source or "", self.kind.record, self.kind is TAGGED
        for n, line in enumerate(lines, number):
            if line.endswith("\r") or not line.strip(BLANKS):
                yield from super()._lines([line], n, end)
            elif tagged:
                yield Sentence(text=line, source=source, line=n, raw=Line(self.format, "", line, end), split=False)
            else:
                made = record(line)
                made.source, made.line = source, n  # as keyword arguments they would cost as much as the rest
                yield made

    def _record(self, line: Line, number: int) -> Any:
        if self.options.gold and self.kind is not TAGGED and not line.body.strip(BLANKS):
            return None
        return self._made(line.body, line, number)


class Writer(LineWriter):
    """Writes the text, without the tags."""

    format = "text"

    def _line(self, sentence: Sentence, answer: Answer) -> str:
        return one_line(sentence.text)
