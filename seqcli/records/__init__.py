"""Records: text in and out for every task, one format a file. This module is the contract.

A task asks for a `Kind` of record, whose parts are its roles: TAGGED (`Sentence`s: words with their tags), LABELLED
(`Example`s: texts with labels) or PAIRED (`Pair`s: a source and its target). The module of a format lists the kinds
that it `READS`, those that it reads together with what is to be predicted (`GOLD`), and those that it `WRITES`;
`SUFFIXES` are the endings of file names that identify it. A format that its content identifies has
`looks(sample, kind)`, and `GUESSED`, its place in the order in which formats are tried. `Reader(options)` turns
chunks of whole lines into records (`feed(chunk)`, `close()`); `Writer(options)` turns a record and its prediction
into text. Formats share code in `_lines` (a record a line), `_rows` (cells), `_fields` (named fields, as in JSON
objects) and `_blocks` (a word a line).

N records in give N records out, in the same order. In the line formats a line is a record, even a blank one; in the
column formats a record is a block that a blank line ends. For labelled texts and pairs, a blank line is skipped in a
data set (`Options.gold`), except in `lines`, where two files must stay aligned; for a filter it is a record with an
empty text. What a reader keeps in `raw` reproduces the record byte for byte (`as_read`), and lets the writer of the
same format do so except for the predictions. Every writer can write every record; whatever the format cannot hold (a
line break inside a word) is replaced, so that no line breaks in two.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any, NamedTuple

from seqcli import console, registry
from seqcli.errors import UsageError, did_you_mean
from seqcli.files import suffix
from seqcli.records._json import RESULT, dumps, is_object, joined, new_object, with_members
from seqcli.records._kinds import BLANKS, KINDS, LABELLED, PAIRED, TAGGED, UNPRINTABLE, Kind, Options, labels_of
from seqcli.records._partial import NOT, NOTHING, is_name, is_open, names_in, other_than
from seqcli.records._record import Answer, Example, Excerpt, Pair, Place, Places, Record, Sentence, SpanAnswer, spaced
from seqcli.records._texts import MARK, apart, second, together
from seqcli.streams import BOM, Chunk

ROWS = ("tsv", "csv")  # formats whose records are rows of cells
NAMED = (*ROWS, "jsonl")  # formats whose records have parts with names


def formats_of(kind: Kind, what: str = "READS") -> tuple[str, ...]:
    """Return the formats that read a kind of record, sorted; or, by `what`, those that read it with what is to be
    predicted (GOLD) or write it (WRITES)."""
    return registry.having("records", what, kind.name)


def open_format(kind: Kind, name: str) -> ModuleType:
    """Return the module of a format that reads or writes a kind of record. Raises UsageError with a suggestion if
    there is no such format."""
    known = sorted({*formats_of(kind), *formats_of(kind, "WRITES")})
    if name not in known:
        raise UsageError(f"unknown format {name!r}", hint=did_you_mean(name, known))
    return registry.load("records", name)


def told_by_name(path: str, kind: Kind) -> str | None:
    """Return the format that the ending of a file's name identifies, or None."""
    ending = suffix(path)
    return next((name for name in formats_of(kind) if ending in registry.constant("records", name, "SUFFIXES")), None)


def as_trained(read: str, trained: str | None) -> str:
    """Return the format of a file whose name suggests `read`: the format that the model was trained on if that has
    rows of numbers alone and the name suggests rows of cells, else `read`."""
    known = read in ROWS and trained in registry.names("records")
    return str(trained) if known and registry.constant("records", str(trained), "OF_NUMBERS") else read


class Sample(NamedTuple):
    """The beginning of a file: its complete lines, or its first line if not even that is complete."""

    text: str
    lines: list[str]  # without their ends
    filled: list[str]  # those that are not blank


def detect(kind: Kind, path: str, text: str = "") -> str | None:
    """Return the format that a file's ending or, failing that, the beginning of its text identifies; None if unsure,
    as for plain text. `text` may end within a line."""
    if known := told_by_name(path, kind):
        return known
    whole, _, cut = text.removeprefix(BOM).rpartition("\n")
    lines = [body_of(line)[0] for line in (whole.split("\n") if whole else [cut])]
    sample = Sample(whole + "\n" if whole else cut, lines, [line for line in lines if line.strip(BLANKS)])
    if not sample.filled:
        return None
    first = sample.filled[0].strip(BLANKS)
    if first.startswith("{"):
        return "jsonl" if is_object(first) else None
    asked = [(order, n) for n in formats_of(kind) if (order := registry.constant("records", n, "GUESSED"))]
    return next((n for _, n in sorted(asked) if registry.load("records", n).looks(sample, kind)), None)


class Reader(ABC):
    """Turns text into records of the kind that the options name, and holds no more than the current record. Several
    sources may follow each other: a record never spans two of them, and a last line without a line end is given one
    there. Raises SeqcliError with the place."""

    format: str

    def __init__(self, options: Options, trained: Mapping[str, Any] | None = None):
        """`trained` maps each part of a record (text, source …) to the column or key that had it when the model was
        trained, which is tried first."""
        self.options, self.kind, self.trained = options, options.kind, dict(trained or {})
        self.found: dict[str, Any] = {}  # names of the columns or keys that are read, by part of a record
        self._told: set[tuple[str, Any]] = set()
        self._source: str | None = None
        self._tail, self._next = "", 1  # an incomplete last line, and the number of the next line
        self._bom = False

    def _tell(self, role: str, name: Any, what: str, place: str) -> None:
        """Warn once that a part of a record is read from another column or key (`what`) than in training."""
        own = self.trained.get(role)
        named = isinstance(own, str) and not own.isdigit()  # a number says nothing where columns have names
        if named and own != name and (role, name) not in self._told:
            self._told.add((role, name))
            shown = f"{what} {name}" if isinstance(name, int) else repr(name)
            read = "first text" if role == "text" and self.options.further else role
            console.warn(
                f"{place}: there is no {what} {own!r}, which the model was trained on: {shown} is read as the {read}"
            )

    def feed(self, chunk: Chunk) -> Iterator[Any]:
        """Yield the records that this chunk completes; those before an error are yielded before it is raised."""
        again = chunk.line == 1 and chunk.column == 1 and not (chunk.text == "\n" and self._tail)
        if chunk.source != self._source or again:
            if self._source is not None:
                yield from self._finish(last=False)
            self._source, self._next, self._tail = chunk.source, chunk.line, ""
            self._bom = chunk.text.startswith(BOM)
            self._start()
        lines = (self._tail + chunk.text if self._tail else chunk.text).split("\n")
        self._tail = lines.pop()
        number, self._next = self._next, self._next + len(lines)
        yield from self._lines(lines, number, "\n")

    def close(self) -> Iterator[Any]:
        """Yield the records that the end of the input completes."""
        if self._source is not None:
            yield from self._finish(last=True)

    def _finish(self, last: bool) -> Iterator[Any]:
        if self._tail:
            tail, self._tail = self._tail, ""
            yield from self._lines([tail], self._next, "" if last else "\n")
        yield from self._rest(last)

    def _start(self) -> None:  # noqa: B027
        """Begin a new source. A format that keeps nothing between lines has nothing to do here."""

    @abstractmethod
    def _lines(self, lines: list[str], number: int, end: str) -> Iterator[Any]:
        """Yield the records that these lines, given without their `\\n`, complete. `number` is the first line's;
        `end` is each line's end, `""` for a last line without one. Any `\\r` or BOM is still there (see `_bom`)."""

    def _rest(self, last: bool) -> Iterable[Any]:
        """Return the records that the end of a source completes; `last`: no source follows."""
        return ()


class Writer(ABC):
    """Turns sentences into text."""

    format: str

    def __init__(self, options: Options):
        self.options = options

    @abstractmethod
    def write(self, sentence: Sentence, answer: Answer) -> str:
        """Return the record as text, with its line ends; `""` if `sentence.record` is False and it was read from
        another format. `answer` has one tag for each word."""

    def tag(self, tag: str) -> str:
        """Return a tag as it is written: `empty_tag` for an empty one."""
        return tag or self.options.empty_tag


def as_read(record: Any) -> tuple[str, str]:
    """Return a record as it was read, and its line end: `\\n`, `\\r\\n`, or `""` for a last line without one. For two
    aligned files, both are those of the first."""
    raw = record.raw
    return (record.text, "\n") if raw is None else (raw.before + raw.body, raw.end)


_NBSP, _LOST = "\u00a0", "\ufffd"
_BREAKS = {ord("\n"): _NBSP, ord("\r"): _NBSP, 0: _LOST}
_CELL = {**_BREAKS, ord("\t"): _NBSP}
_BLANK = {**_CELL, ord(" "): _NBSP}


def one_line(text: str) -> str:
    """Return text on one line: line breaks become U+00A0, NUL becomes U+FFFD; the length stays the same."""
    return text.translate(_BREAKS)


def cell(text: str, *, blanks: bool = False) -> str:
    """Return text as one column of a line: line breaks and tabs (with `blanks`, where spaces separate columns, spaces
    too) become U+00A0, NUL becomes U+FFFD, and an empty text becomes `_`. The length otherwise stays the same."""
    if text.isalnum():  # the common case, at a tenth of the cost
        return text
    return text.translate(_BLANK if blanks else _CELL) or NOTHING


def body_of(line: str) -> tuple[str, str]:
    """Split a line given without its `\\n` into its content and a trailing `\\r`, or `""`."""
    return (line[:-1], "\r") if line.endswith("\r") else (line, "")
