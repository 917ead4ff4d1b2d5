"""Records: text in and out for every task, one format a file. This module is the contract.

A task asks for a `Kind` of record, whose parts are its roles: TAGGED (`Sentence`s: words with their tags), LABELLED
(`Example`s: texts with labels) or PAIRED (`Pair`s: a source and its target). A format's file says once which kinds it
`READS`, of which it has what is to be predicted (`GOLD`), and which it `WRITES`; beside them stand `SUFFIXES`, the
endings of files' names that tell it, and where its content tells it `looks(sample, kind)` and `GUESSED`, its place in
the order in which formats are asked. `Reader(options)` turns chunks of whole lines into records (`feed(chunk)`,
`close()`), `Writer(options)` a record and what was predicted for it into text. What formats share is beside them in
`_lines` (a line a record), `_rows` (cells), `_fields` (named fields, as of JSON objects), `_blocks` (a word a line).

N records come out for N records in, in their order. A line is a record in the line formats (a blank one too); a block
that a blank line ends is a record in the column formats. Of texts with labels, and of pairs, blank lines are no
records with `Options.gold`, for a data set (but in `lines`, where two files must stay aligned); for a filter they are
ones with an empty text. What a reader keeps in `raw` gives the record back byte for byte (`as_read`), and lets the
writer of the same format do so but for what was predicted. Every writer can write every record; what the format
cannot hold (a line break inside a word) is replaced so that no line breaks in two.
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


def formats_of(kind: Kind, what: str = "READS") -> tuple[str, ...]:
    """The formats that read a kind of record, sorted; those that have its goal (GOLD), or write it (WRITES)."""
    return registry.having("records", what, kind.name)


def open_format(kind: Kind, name: str) -> ModuleType:
    """The module of a format that reads or writes a kind of record. Raises UsageError with a suggestion where there
    is no such format."""
    known = sorted({*formats_of(kind), *formats_of(kind, "WRITES")})
    if name not in known:
        raise UsageError(f"unknown format {name!r}", hint=did_you_mean(name, known))
    return registry.load("records", name)


def told_by_name(path: str, kind: Kind) -> str | None:
    """The format that the ending of a file's name tells, if it tells one."""
    ending = suffix(path)
    return next((name for name in formats_of(kind) if ending in registry.constant("records", name, "SUFFIXES")), None)


def as_trained(read: str, trained: str | None) -> str:
    """The format of a file of which the name tells `read`: what a model was trained on, where the name tells rows of
    cells, and those were rows of numbers alone."""
    known = read in ROWS and trained in registry.names("records")
    return str(trained) if known and registry.constant("records", str(trained), "OF_NUMBERS") else read


class Sample(NamedTuple):
    """The beginning of a file, as far as its lines are whole; of a single line that is not, that."""

    text: str
    lines: list[str]  # without their ends
    filled: list[str]  # those that are not blank


def detect(kind: Kind, path: str, text: str = "") -> str | None:
    """The format that a file's ending or, failing that, the beginning of its text shows; None when unsure, as of
    plain text. `text` may end within a line."""
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
    """Text in, records out, of the kind that the options are for; holds no more than the record it is in. Sources may
    follow each other: a record never goes from one into the next, and what lacks its end there is given one. Raises
    SeqcliError with the place."""

    format: str

    def __init__(self, options: Options, trained: Mapping[str, Any] | None = None):
        """`trained` says for each part of a record (text, source …) what its column or key was called where a model
        was trained: there it is looked for first."""
        self.options, self.kind, self.trained = options, options.kind, dict(trained or {})
        self.found: dict[str, Any] = {}  # what the columns or keys that are read are called, by part of a record
        self._told: set[tuple[str, Any]] = set()
        self._source: str | None = None
        self._tail, self._next = "", 1  # a line without its end so far, and the number of the line to come
        self._bom = False

    def _tell(self, role: str, name: Any, what: str, place: str) -> None:
        """Say, once, that a part of a record is read from elsewhere than in training; `what`: column or key."""
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
        """Yield the records that this chunk completes; those before a mistake come before it is raised."""
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
        """A new source begins; a format that keeps nothing between lines has nothing to do."""

    @abstractmethod
    def _lines(self, lines: list[str], number: int, end: str) -> Iterator[Any]:
        """Yield the records that these lines, without their `\\n`, complete; `number` is the first one's, `end` what
        each ends with: `""` for a last line without its end. A `\\r` is still there; so is a BOM (see `_bom`)."""

    def _rest(self, last: bool) -> Iterable[Any]:
        """What the end of a source completes; `last`: no source follows."""
        return ()


class Writer(ABC):
    """Sentences in, text out."""

    format: str

    def __init__(self, options: Options):
        self.options = options

    @abstractmethod
    def write(self, sentence: Sentence, answer: Answer) -> str:
        """The record as text, with its line ends; nothing where `sentence.record` is False and it came from another
        format. `answer` has one tag for each word."""

    def tag(self, tag: str) -> str:
        """A tag as it stands in text: `empty_tag` for none."""
        return tag or self.options.empty_tag


def as_read(record: Any) -> tuple[str, str]:
    """A record as it was read, and its line end: `\\n`, `\\r\\n`, or nothing for a last line without one. Of two
    files side by side it is that of the first."""
    raw = record.raw
    return (record.text, "\n") if raw is None else (raw.before + raw.body, raw.end)


_NBSP, _LOST = "\u00a0", "\ufffd"
_BREAKS = {ord("\n"): _NBSP, ord("\r"): _NBSP, 0: _LOST}
_CELL = {**_BREAKS, ord("\t"): _NBSP}
_BLANK = {**_CELL, ord(" "): _NBSP}


def one_line(text: str) -> str:
    """Text on one line: a line break is written as U+00A0, NUL as U+FFFD; the length stays."""
    return text.translate(_BREAKS)


def cell(text: str, *, blanks: bool = False) -> str:
    """Text as one column of a line: line breaks and tabs (spaces too with `blanks`: they separate) are written as
    U+00A0, NUL as U+FFFD, nothing as `_`. The length stays, but for nothing's."""
    if text.isalnum():  # the common case, at a tenth of the cost
        return text
    return text.translate(_BLANK if blanks else _CELL) or NOTHING


def body_of(line: str) -> tuple[str, str]:
    """A line without its `\\n` in two: what it says, and the `\\r` of its end if there is one."""
    return (line[:-1], "\r") if line.endswith("\r") else (line, "")
