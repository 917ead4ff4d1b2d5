"""Record formats: tagged text in and out, one format a file. This module is the contract.

A format's file offers `READS` and `WRITES` (bool), and the classes that go with them: `Reader(options)` turns chunks
of whole lines into `Sentence`s, `Writer(options)` turns a Sentence and what was predicted for it (`Answer`) into
text. `_detect.detect` guesses the format of a file.

N records come out for N records in, in their order. A line is a record in the line formats (a blank one too); a block
that a blank line ends is a record in the column formats. What a reader keeps in `raw` lets the writer of the same
format give the input back byte for byte, but for what was predicted. Every writer can write every Sentence; what the
format cannot hold (a line break inside a word) is replaced so that no line breaks in two.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from types import ModuleType
from typing import Any, Generic, NamedTuple, TypeVar

from seqcli import console, registry
from seqcli.files import suffix
from seqcli.streams import BOM, Chunk

Place = tuple[int, int]  # line and column, both from 1
Record = TypeVar("Record")  # what a reader yields: a Sentence; elsewhere another kind of record
ROWS = ("tsv", "csv")  # formats whose records are rows of cells
NOTHING = "_"  # how a column format writes a word that is empty


@dataclass(frozen=True, slots=True)
class Options:
    """What a recipe or flags say about a file; each format uses what concerns it."""

    columns: tuple[
        str, ...
    ] = ()  # conll: the columns' names in order, `_` or `-` for one to ignore; none: word … tag
    tag: str | None = None  # the column, CoNLL-U field (`upos`, `feats.Number`, `misc.NER`) or JSON key with the tags
    word: str = "word"  # conll: the name of the column with the words
    separator: str = "auto"  # conll: "tab", "space" (runs of blanks), "auto" (by the first line), or any string
    comments: str | None = None  # conll: lines that begin so are comments; None: there are none
    docstart: str | None = "-DOCSTART-"  # conll: lines that begin with this column mark a document, they hold no word
    empty_tag: str = "_"  # how a token without a tag is written
    field: str | None = None  # jsonl: the key with the text or the tokens; None: `tokens`, else `text`
    gold: bool = False  # whether the tags must be there
    replace: bool = False  # conll: predictions take the place of the gold column instead of a new last one
    confidence: bool = False  # conll: a further last column with the probability of each tag


@dataclass(slots=True)
class Sentence:
    """One record. Offsets count code points of `text`, end exclusive.

    `text` and a string in JSONL come unsplit: `words` is empty and `split` is False until the caller fills `words`
    and `offsets`. `record` is False for what a source ends with that holds no words (blank lines, comments): only the
    writer of the same format writes it.
    """

    words: list[str] = field(default_factory=list)
    tags: list[str] | None = None  # as written in the input; None: there are none
    features: dict[str, list[str]] = field(default_factory=dict)  # the further columns by name, never the tags
    source: str = "<text>"
    line: int = 1
    places: Sequence[Place] = field(default=(), repr=False)  # of each word
    tag_places: Sequence[Place] = field(default=(), repr=False)  # of each tag
    text: str = ""
    offsets: list[tuple[int, int]] | None = None  # None: the words are joined by one space
    raw: Any = field(default=None, repr=False)  # what the writer of the same format needs to give the record back
    split: bool = True
    record: bool = True

    def fill(self, words: list[str], offsets: list[tuple[int, int]]) -> None:
        """Put in the words of a record that came unsplit."""
        self.words, self.offsets, self.split = words, offsets, True

    def spread(self) -> list[tuple[int, int]]:
        """The offsets (start, end) of each word in `text`, computed where words are joined by one space."""
        if self.offsets is not None:
            return self.offsets
        starts = accumulate((len(w) + 1 for w in self.words), initial=0)
        return [(s, s + len(w)) for s, w in zip(starts, self.words, strict=False)]

    def place(self, word: int, *, tag: bool = False) -> str:
        """`file:line:column` of a word, or of its tag, for a message."""
        places = (self.tag_places if tag else ()) or self.places
        if word < len(places):
            line, column = places[word]
        else:  # split by the caller: the text is the line
            line, column = self.line, 1 + (self.offsets[word][0] if self.offsets else 0)
        return f"{self.source}:{line}:{column}"


class SpanAnswer(NamedTuple):
    """A predicted span: tokens start .. end (exclusive)."""

    start: int
    end: int
    label: str
    probability: float | None = None


@dataclass(slots=True)
class Answer:
    """What was predicted for one Sentence."""

    tags: list[str]  # one a word; "" for a token left untagged
    probabilities: list[float] | None = None  # of each token's tag
    spans: list[SpanAnswer] | None = None  # None: the tags are no spans
    alternatives: list[tuple[list[str], float]] | None = None  # the n best: tags, probability
    text: str | None = None  # what the tags make of the text, where they restore something to it


class Reader(ABC, Generic[Record]):
    """Text in, records out (Sentences, of tagged text); holds no more than the record it is in. Sources may follow
    each other: a record never goes from one into the next, and what lacks its end there is given one. Raises
    SeqcliError with the place."""

    options: Options

    def __init__(self, options: Any, trained: Mapping[str, Any] | None = None):
        """`options` are those of the kind of record. `trained` says for each part of a record (text, source …) what
        its column or key was called where a model was trained: there it is looked for first."""
        self.options, self.trained = options, dict(trained or {})
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
            console.warn(
                f"{place}: there is no {what} {own!r}, which the model was trained on: {shown} is read as the {role}"
            )

    def feed(self, chunk: Chunk) -> Iterator[Record]:
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

    def close(self) -> Iterator[Record]:
        """Yield the records that the end of the input completes."""
        if self._source is not None:
            yield from self._finish(last=True)

    def _finish(self, last: bool) -> Iterator[Record]:
        if self._tail:
            tail, self._tail = self._tail, ""
            yield from self._lines([tail], self._next, "" if last else "\n")
        yield from self._rest(last)

    def _start(self) -> None:
        """A new source begins; a format that keeps nothing between lines has nothing to do."""

    @abstractmethod
    def _lines(self, lines: list[str], number: int, end: str) -> Iterator[Record]:
        """Yield the records that these lines, without their `\\n`, complete; `number` is the first one's, `end` what
        each ends with: `""` for a last line without its end. A `\\r` is still there; so is a BOM (see `_bom`)."""

    def _rest(self, last: bool) -> Iterable[Record]:
        """What the end of a source completes; `last`: no source follows."""
        return ()


class Writer(ABC):
    """Sentences in, text out."""

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


SUFFIXES = {  # endings of files' names: the formats that they tell, the likeliest first
    ".conllu": ("conllu",),
    **dict.fromkeys((".jsonl", ".ndjson"), ("jsonl",)),
    **dict.fromkeys((".conll", ".iob", ".iob1", ".iob2", ".iobes", ".bio", ".bioes", ".bilou"), ("conll",)),
    ".tsv": ("tsv", "conll"),
    ".csv": ("csv",),
    **dict.fromkeys((".fasttext", ".ft"), ("fasttext",)),
    **dict.fromkeys((".trees", ".ptb", ".mrg"), ("trees",)),
}


def told_by_name(path: str, folder: str) -> str | None:
    """The format of a folder of formats that the ending of a file's name tells, if it tells one."""
    known = registry.names(folder)
    return next((name for name in SUFFIXES.get(suffix(path), ()) if name in known), None)


def open_format(name: str) -> ModuleType:
    """The module of a format. Raises UsageError with a suggestion where there is no such format."""
    return registry.load("formats", name)


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
