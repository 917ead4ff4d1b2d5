"""Formats of labelled texts, one a file. This module is the contract.

A format's file offers `READS_LABELS` (bool) and `Reader(options)`, which turns chunks of whole lines into `Example`s
(see `seqcli.formats.Reader`: `feed(chunk)`, `close()`). `_detect.detect` guesses the format of a file.

With `Options.gold` the records are those of a data set: a label must be there, and blank lines are no records.
Without it they are what a filter reads: N records in, N out, a blank line one with an empty text; labels are read
where they are there. What a reader keeps in `raw` gives the record back byte for byte (`formats.as_read`).

A label is read without the blanks around it, cut at `label_until`; where `label_separator` divides a cell, or a
format has several labels, an empty one is none and one that is there twice counts once.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from seqcli import registry
from seqcli.errors import SeqcliError, UsageError, did_you_mean
from seqcli.formats import _lines
from seqcli.formats._lines import Line
from seqcli.formats._objects import starts
from seqcli.formats._rows import check_column, check_delimiter
from seqcli.labelled._tree import Tree

BLANKS = " \t"  # a line of nothing else is blank
UNPRINTABLE = re.compile(r"[\t\n\r]")  # what no label may hold: results are `label TAB probability`, a line each


@dataclass(slots=True)
class Example:
    """One record. Lines and columns count from 1, columns in code points."""

    text: str
    labels: list[str] | None = None  # None: none given; one of single-label data, any number of multi-label data
    words: list[str] | None = None  # filled in by the caller; of a tree its leaves
    tree: Tree | None = None
    source: str = "<text>"
    line: int = 1  # where the text begins
    column: int = 1
    label_column: int = 1  # where the label begins
    raw: Any = field(
        default=None, repr=False
    )  # the Line that the record is, or the lines of a row that spans several
    label_line: int | None = None  # None: `line`; another where a quoted cell spans lines
    missing: int = 0  # tsv, csv: cells that the row has fewer than the first one
    keys: tuple[str, str | None] | None = None  # jsonl: of text and label; `place` finds their columns when asked
    record: int = 0  # of a filter's input, from 0: what an answer is drawn by

    def place(self, at: int = 0, *, label: bool = False) -> str:
        """`file:line:column` of a character of the text, or of the label, for a message."""
        line, column = (self.label_line or self.line, self.label_column) if label else (self.line, self.column)
        if self.keys and self.raw is not None:
            key = self.keys[label]
            start = starts(self.raw.body, key)[0] if key is not None else 0
            column = start + 1 + self.raw.body.startswith('"', start)
        return f"{self.source}:{line}:{column + at}"


@dataclass(frozen=True, slots=True)
class Options:
    """What a recipe or flags say about a file; each format uses what concerns it. Raises UsageError for what cannot
    be meant."""

    text: str | None = None  # tsv, csv: the text's column, by name or number from 1; jsonl: its key
    label: str | None = None  # the label's
    header: bool | None = None  # tsv, csv: whether the first row names the columns; None: as it looks
    delimiter: str | None = None  # tsv, csv: what separates cells; None: tab, comma
    quoting: bool | None = None  # whether cells may stand in double quotes; None: csv yes, tsv no
    label_prefix: str = "__label__"  # fasttext: what labels begin with
    label_until: str | None = None  # a label ends before this text
    label_separator: str | None = None  # what stands between several labels in one cell
    multi_label: bool = False  # a text may have several labels, or none
    gold: bool = True  # labels must be there; False: what a filter reads

    def __post_init__(self) -> None:
        for name in ("text", "label", "delimiter", "label_prefix", "label_until", "label_separator"):
            if getattr(self, name) == "":
                raise UsageError(f"{name} is empty", hint="leave it away for its default")
        check_delimiter(self.delimiter, self.quoting)
        for name in ("text", "label"):
            check_column(name, getattr(self, name))


class LineReader(_lines.LineReader[Example]):
    """What the formats share whose records are lines: blank ones."""

    options: Options

    def _record(self, line: Line, number: int) -> Example | None:
        if line.body.strip(BLANKS):
            return self._example(line, number)
        return None if self.options.gold else Example("", source=self._source or "", line=number, raw=line)

    @abstractmethod
    def _example(self, line: Line, number: int) -> Example:
        """The record of a line that is not blank."""


def labels_of(written: str, options: Options, place: Callable[[], str], *, split: bool = True) -> list[str]:
    """The labels that a cell says; none of an empty one.

    Raises SeqcliError, with gold, for a label that no line of output can hold.
    """
    parts = written.split(options.label_separator) if split and options.label_separator else [written]
    found: dict[str, None] = {}
    for part in parts:
        label = (part.partition(options.label_until)[0] if options.label_until else part).strip(BLANKS)
        if label:
            found[label] = None
            if options.gold and UNPRINTABLE.search(label):
                raise SeqcliError(
                    f"{place()}: the label {label[:40]!r} holds a tab or a line break",
                    hint="labels are printed on a line: write it without; is this the label's column?",
                )
    return list(found)


def open_format(name: str) -> ModuleType:
    """The module of a format. Raises UsageError with a suggestion where there is no such format."""
    known = registry.names("labelled")
    if name not in known:
        raise UsageError(f"unknown format {name!r}", hint=did_you_mean(name, known))
    return registry.load("labelled", name)
