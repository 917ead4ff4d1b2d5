"""Shared code of the formats whose records are lines."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

from seqcli.records import BLANKS, BOM, Answer, Reader, Sentence, Writer, body_of


class Line(NamedTuple):
    """A line as it was read: `before` is a byte order mark or `""`, `end` its line end or `""`."""

    format: str
    before: str
    body: str
    end: str


class LineReader(Reader):
    """A reader of a record a line. A line of `blank` characters alone is skipped with gold, else a record with an
    empty text; if `blank` is None it is read like any other."""

    blank: ClassVar[str | None] = BLANKS

    def _lines(self, lines: list[str], number: int, end: str) -> Iterator[Any]:
        for n, line in enumerate(lines, number):
            before = ""
            if self._bom:
                before, line, self._bom = BOM, line[1:], False
            body, cr = body_of(line)
            raw = Line(self.format, before, body, cr + end)
            if self.blank is not None and not body.strip(self.blank):
                record = self._blank(raw, n)
            else:
                record = self._record(raw, n)
            if record is not None:
                yield record

    def _blank(self, line: Line, number: int) -> Any:
        """Return the record of a blank line; None if it is skipped."""
        return None if self.options.gold else self._made("", line, number)

    def _made(self, text: str, line: Line, number: int, **more: Any) -> Any:
        """Make a record with this text."""
        return self.kind.record(text=text, source=self._source or "", line=number, raw=line, **more)

    @abstractmethod
    def _record(self, line: Line, number: int) -> Any:
        """Return the record of a line; None if it holds none."""


class LineWriter(Writer):
    """A writer of a line a record; a record of its own format keeps its line end, any other ends with `\\n`."""

    def write(self, sentence: Sentence, answer: Answer) -> str:
        if not sentence.record:
            return ""
        raw = sentence.raw
        if isinstance(raw, Line) and raw.format == self.format:
            return raw.before + self._again(raw, sentence, answer) + raw.end
        return self._line(sentence, answer) + "\n"

    def _again(self, line: Line, sentence: Sentence, answer: Answer) -> str:
        """Return the line of a record of this format, without its end."""
        return line.body

    @abstractmethod
    def _line(self, sentence: Sentence, answer: Answer) -> str:
        """Return the line of any record, without its end."""
