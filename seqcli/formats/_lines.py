"""What the formats share whose records are lines."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

from seqcli.formats import BOM, Answer, Reader, Record, Sentence, Writer, body_of


class Line(NamedTuple):
    """A line as it was read: `before` is a byte order mark or nothing, `end` its line end or nothing."""

    format: str
    before: str
    body: str
    end: str


def whole_lines(text: str) -> tuple[str, list[str]]:
    """Of the beginning of a file, which may end within a line, what is whole, and its lines without their ends; of a
    single line that is not whole, that."""
    whole, _, cut = text.removeprefix(BOM).rpartition("\n")
    lines = [body_of(line)[0] for line in (whole.split("\n") if whole else [cut])]
    return (whole + "\n" if whole else cut), lines


class LineReader(Reader[Record]):
    """Every line is a record, a blank one too where the format does not say otherwise."""

    format: str

    def _lines(self, lines: list[str], number: int, end: str) -> Iterator[Record]:
        for n, line in enumerate(lines, number):
            before = ""
            if self._bom:
                before, line, self._bom = BOM, line[1:], False
            body, cr = body_of(line)
            record = self._record(Line(self.format, before, body, cr + end), n)
            if record is not None:
                yield record

    @abstractmethod
    def _record(self, line: Line, number: int) -> Record | None:
        """The record of one line; None where it holds none."""


class LineWriter(Writer):
    """Writes a line a record; one of its own format keeps its line end, any other ends with `\\n`."""

    format: str

    def write(self, sentence: Sentence, answer: Answer) -> str:
        if not sentence.record:
            return ""
        raw = sentence.raw
        if isinstance(raw, Line) and raw.format == self.format:
            return raw.before + self._again(raw, sentence, answer) + raw.end
        return self._line(sentence, answer) + "\n"

    def _again(self, line: Line, sentence: Sentence, answer: Answer) -> str:
        """The line of a record of this format, without its end."""
        return line.body

    @abstractmethod
    def _line(self, sentence: Sentence, answer: Answer) -> str:
        """The line of any record, without its end."""
