"""Formats of pairs of texts, a source and its target, one a file. This module is the contract.

A format's file offers `Reader(options)`, which turns chunks of whole lines into `Pair`s (see `seqcli.formats.Reader`:
`feed(chunk)`, `close()`). `_detect.detect` guesses the format of a file.

With `Options.gold` the records are those of a data set: a target must be there, and blank lines are no records (but
in `lines`, where two files must stay aligned). Without it they are what a filter reads: N records in, N out, a blank
line one with an empty text; targets are read where they are there. What a reader keeps in `raw` gives the record back
byte for byte (`formats.as_read`).
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from seqcli import registry
from seqcli.errors import UsageError, did_you_mean
from seqcli.formats import _lines
from seqcli.formats._lines import Line
from seqcli.formats._objects import starts
from seqcli.formats._rows import check_delimiter

BLANKS = " \t"  # a line of nothing else is blank
ROLES = ("source", "target", "prefix")  # what is read of a record


@dataclass(slots=True)
class Pair:
    """One record. Lines and columns count from 1, columns in code points."""

    text: str  # the source side
    target: str | None = None  # None: none given
    prefix: str | None = None  # what an answer must begin with, where a filter's input says so
    source: str = "<text>"  # the file
    line: int = 1  # where the text begins
    column: int = 1
    target_source: str | None = None  # lines: the other file; None: `source`
    target_line: int | None = None  # None: `line`; another where a quoted cell spans lines
    target_column: int = 1
    raw: Any = field(
        default=None, repr=False
    )  # the Line that the record is, or the lines of a row that spans several
    record: int = 0  # of a filter's input, from 0: what an answer is drawn by
    missing: int = 0  # tsv, csv: cells that the row has fewer than the first one
    keys: tuple[str, str | None] | None = None  # jsonl: of text and target; `place` finds their columns when asked

    def place(self, at: int = 0, *, target: bool = False) -> str:
        """`file:line:column` of a character of the source text, or of the target, for a message."""
        line, column = (self.target_line or self.line, self.target_column) if target else (self.line, self.column)
        if self.keys and self.raw is not None:
            key = self.keys[target]
            start = starts(self.raw.body, key)[0] if key is not None else 0
            column = start + 1 + self.raw.body.startswith('"', start)
        return f"{(self.target_source if target else None) or self.source}:{line}:{column + at}"


@dataclass(frozen=True, slots=True)
class Options:
    """What a recipe or flags say about a file; each format uses what concerns it. Raises UsageError for what cannot
    be meant."""

    source: str | None = None  # tsv, csv: the source's column, by name or number from 1; jsonl: its key; lines: the
    # part of a file's name that says that it has the sources (default: its ending)
    target: str | None = None  # the target's; lines: what stands there in the name of the file with the targets
    prefix: str | None = None  # tsv, csv, jsonl: the column or key of what an answer must begin with
    header: bool | None = None  # tsv, csv: whether the first row names the columns; None: as it looks
    delimiter: str | None = None  # tsv, csv: what separates cells; None: tab, comma
    quoting: bool | None = None  # whether cells may stand in double quotes; None: csv yes, tsv no
    encoding: str = "utf-8"  # lines: of the file with the targets
    gold: bool = True  # targets must be there; False: what a filter reads

    def __post_init__(self) -> None:
        for name in (*ROLES, "delimiter"):
            if getattr(self, name) == "":
                raise UsageError(f"{name} is empty", hint="leave it away for its default")
        check_delimiter(self.delimiter, self.quoting)


class LineReader(_lines.LineReader[Pair]):
    """What the formats share whose records are lines of one file: blank ones."""

    options: Options

    def _record(self, line: Line, number: int) -> Pair | None:
        if line.body.strip(BLANKS):
            return self._pair(line, number)
        return None if self.options.gold else Pair("", source=self._source or "", line=number, raw=line)

    @abstractmethod
    def _pair(self, line: Line, number: int) -> Pair:
        """The record of a line that is not blank."""


def no_prefix(options: Options, format_name: str) -> None:
    """Raise UsageError where a prefix is wanted of a format that has no place for one."""
    if options.prefix is not None:
        raise UsageError(
            f"prefix: a record of {format_name} has no place for {options.prefix!r}",
            hint="prefixes stand in a column (tsv, csv) or under a key (jsonl)",
        )


def open_format(name: str) -> ModuleType:
    """The module of a format. Raises UsageError with a suggestion where there is no such format."""
    known = registry.names("parallel")
    if name not in known:
        raise UsageError(f"unknown format {name!r}", hint=did_you_mean(name, known))
    return registry.load("parallel", name)
