"""Shared code of the column formats: a record is a block of lines, a word a line, that a blank line ends.

Lines before a block's first word (blank lines, comments, document marks) belong to the block. Lines after the last
block of a source are returned as a Sentence with `record` False.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from seqcli.records import BOM, Answer, Options, Place, Places, Reader, Sentence, Writer, body_of
from seqcli.records.tokens import TOKEN

BLANKS = " \t\r"  # a line of nothing else is blank


@dataclass(slots=True)
class Block:
    """The lines of a record as they were read, without their `\\n`, and which of them hold words.

    `end` is the last line's end: `\\n`, or `""` at the end of an input that lacks it.
    """

    format: str
    before: str  # a byte order mark, or `""`
    lines: list[str]
    rows: list[int]  # indices of the lines that hold words
    end: str
    layout: Any = None  # what the format's writer needs to know about the columns

    def places(self, first: int, cell: int, separator: str | None) -> list[Place]:
        """Return the places of a column's cells. `first` is the first line's number; no separator: runs of blanks."""

        return [(first + row, extent(self.lines[row], cell, separator)[0] + 1) for row in self.rows]


def extent(line: str, cell: int, separator: str | None) -> tuple[int, int]:
    """Return (start, end) of a cell in a line, in characters from 0."""
    if separator is None:
        found = list(TOKEN.finditer(body_of(line)[0]))
        return found[cell].span() if cell < len(found) else (0, 0)
    cells = body_of(line)[0].split(separator)
    start = sum(len(c) + len(separator) for c in cells[:cell])
    return start, start + len(cells[cell]) if cell < len(cells) else start


class BlockReader(Reader):
    """A reader that collects lines into blocks; the format turns a block into a Sentence."""

    def __init__(self, options: Options, trained: Any = None):
        super().__init__(options, trained)
        self._start()

    def _start(self) -> None:
        self._before = BOM if self._bom else ""
        self._held: list[str] = []
        self._rows: list[int] = []  # indices in _held
        self._first = self._next  # number of the line _held[0]
        self._open = False  # whether the next blank line ends the block

    def _lines(self, lines: list[str], number: int, end: str) -> Iterator[Sentence]:
        self._end = end  # of the last line
        if self._before and not self._held and lines:
            lines[0] = lines[0].removeprefix(BOM)
        for n, line in enumerate(lines, number):
            if line.strip(BLANKS):
                word = self._is_word(line, n)
                if word is not None:
                    self._open = True
                    if word:
                        self._rows.append(n - self._first)
                self._held.append(line)
            else:
                self._held.append(line)
                if self._open:
                    yield self._emit(end)

    def _rest(self, last: bool) -> list[Sentence]:
        if not self._held and not self._before:
            return []
        if self._open and not last:  # another source follows: the block ends here
            self._held.append("")
        return [self._emit(self._end if self._held else "")]

    def _emit(self, end: str) -> Sentence:
        block, first, ended = Block(self.format, self._before, self._held, self._rows, end), self._first, self._open
        self._before, self._held, self._rows, self._open = "", [], [], False
        self._first += len(block.lines)
        if not ended:
            return Sentence(source=self._source or "", line=first, raw=block, record=False)
        return self._sentence(block, first)

    def _places(self, block: Block, *given: Any) -> Places:
        """Return the places of a column, computed on demand."""
        return Places(len(block.rows), block.places, given)

    @abstractmethod
    def _is_word(self, line: str, number: int) -> bool | None:
        """Whether a non-blank line holds a word; None if it stands before a block, which a blank line after it does
        not end."""

    @abstractmethod
    def _sentence(self, block: Block, first: int) -> Sentence:
        """Return the record of a block; `first` is its first line's number."""


class BlockWriter(Writer):
    """A writer of a block a record; a record of its own format is written into the lines it was read from."""

    def write(self, sentence: Sentence, answer: Answer) -> str:
        block = sentence.raw
        if not (isinstance(block, Block) and block.format == self.format):
            return self._block(sentence, answer) + "\n" if sentence.record else ""
        lines = block.lines
        if block.rows:
            lines = lines.copy()
            self._fill(lines, block, sentence, answer)
        return block.before + "\n".join(lines) + block.end

    @abstractmethod
    def _fill(self, lines: list[str], block: Block, sentence: Sentence, answer: Answer) -> None:
        """Put the predictions into a copy of a block's lines."""

    @abstractmethod
    def _block(self, sentence: Sentence, answer: Answer) -> str:
        """Return the lines of any record, with their ends, without the final blank line."""
