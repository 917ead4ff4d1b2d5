"""Records, one class for each kind, and the answer that is predicted for a sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any, NamedTuple

Place = tuple[int, int]  # line and column, both from 1
Find = Callable[[str, str], tuple[int, list[int]]]  # see `FieldReader.find` in `_fields`


@dataclass(frozen=True, slots=True)
class Places(Sequence[Place]):
    """The places of words or tags, computed by `find(*given)` on demand: errors are rare, words are not."""

    size: int
    find: Callable[..., Sequence[Place]]
    given: tuple[Any, ...]

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: Any) -> Any:
        return self.find(*self.given)[index]


def spaced(words: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """Return the words joined by single spaces, and each word's offsets (start, end)."""
    starts = accumulate((len(word) + 1 for word in words), initial=0)
    return " ".join(words), [(start, start + len(word)) for start, word in zip(starts, words, strict=False)]


@dataclass(slots=True, kw_only=True)
class Record:
    """The fields that all records share. Lines and columns count from 1, columns in code points."""

    text: str
    source: str = "<text>"  # the file
    line: int = 1  # where the text begins
    raw: Any = field(default=None, repr=False)  # the Line or Block that it was read from, which reproduces it
    states: Any = field(default=None, repr=False)  # (T, S), one row a word, if language models have read the text

    @property
    def size(self) -> int:
        """The record's size, by which batches are bounded: characters, or for an array the numbers in it."""
        return len(self.text)


class Excerpt(NamedTuple):
    """The position of a sentence in the running text that it was found in; the `raw` of such a record."""

    start: int  # in code points of its source, not counting a byte order mark
    end: int  # exclusive
    number: int  # of the sentence among all that were found, from 1
    document: str | None = None  # the name of the source, if the sentence is its first; empty if it has no name
    paragraph: bool = False  # whether it begins a paragraph
    blank: bool = False  # whether an empty line precedes it
    joined: bool = False  # whether the text continues after it without white space
    tokens: Sequence[tuple[int, int]] = ()  # multi-word tokens: (first word, last word + 1)
    probability: float | None = None  # that a sentence ends there, if it was asked for


@dataclass(slots=True)
class Sentence(Record):
    """Words, with their tags. Offsets count code points of `text`, end exclusive.

    The `text` format and strings in JSONL give unsplit records: `words` is empty and `split` is False until the
    caller fills `words` and `offsets`. `record` is False for trailing lines of a source without words (blank lines,
    comments), which only the writer of the same format writes.
    """

    words: list[str] = field(default_factory=list)
    tags: list[str] | None = None  # as written in the input; None: there are none
    features: dict[str, list[str]] = field(default_factory=dict)  # the other columns by name, never the tags
    places: Sequence[Place] = field(default=(), repr=False)  # of each word
    tag_places: Sequence[Place] = field(default=(), repr=False)  # of each tag
    offsets: list[tuple[int, int]] | None = None  # None: the words are joined by one space
    frames: Any = field(default=None, repr=False)  # (T, D), filled in by the caller for a model that reads frames
    split: bool = True
    record: bool = True
    text: str = field(default="", kw_only=True)

    @property
    def length(self) -> int:
        """The number of words."""
        return len(self.words)

    def fill(self, words: list[str], offsets: list[tuple[int, int]]) -> None:
        """Set the words and offsets of a record that was read unsplit."""
        self.words, self.offsets, self.split = words, offsets, True

    def spread(self) -> list[tuple[int, int]]:
        """Return each word's offsets (start, end) in `text`, computed if the words are joined by single spaces."""
        return spaced(self.words)[1] if self.offsets is None else self.offsets

    def place(self, word: int, *, tag: bool = False) -> str:
        """Return `file:line:column` of a word, or of its tag, for a message."""
        places = (self.tag_places if tag else ()) or self.places
        if word < len(places):
            line, column = places[word]
        else:  # split by the caller: the text is the line
            line, column = self.line, 1 + (self.offsets[word][0] if self.offsets else 0)
        return f"{self.source}:{line}:{column}"


@dataclass(slots=True, kw_only=True)
class Aimed(Record):
    """A text and its goal: what is to be predicted for the text as a whole."""

    column: int = 1
    goal_source: str | None = None  # lines: the other file; None: `source`
    goal_line: int | None = None  # where the goal begins; None: `line`; a quoted cell may span lines
    goal_column: int = 1
    missing: int = 0  # tsv, csv: how many cells fewer than the first row this one has
    keys: tuple[Find, str, str | None] | None = None  # `find` and the keys of text and goal in a line of named fields
    record: int = 0  # its index in a filter's input, from 0, which seeds the sampling of its answer
    further: Sequence[tuple[int, str | Place]] = ()  # texts after the first: where each begins in `text`, and its key
    # or its line and column
    parts: Sequence[tuple[int, Any]] = field(default=(), repr=False)  # see `join`

    def join(self, parts: Sequence[tuple[str, Any]]) -> None:
        """Set `text` to several texts joined by tabs (tabs inside them become spaces). Each part is a text with its
        place: its line and column, or its key in a line of named fields."""
        self.text = "\t".join(text.replace("\t", " ") for text, _ in parts)
        starts = accumulate((len(text) + 1 for text, _ in parts[:-1]), initial=0)
        self.parts = [(start, place) for start, (_, place) in zip(starts, parts, strict=True)]

    def place(self, at: int = 0, *, label: bool = False, target: bool = False) -> str:
        """Return `file:line:column` of a character of the text, or of the label or target, for a message."""
        goal = label or target
        line, column = (self.goal_line or self.line, self.goal_column) if goal else (self.line, self.column)
        for start, other in () if goal else reversed(self.further):
            if at >= start and isinstance(other, tuple):
                return f"{self.source}:{other[0]}:{other[1] + at - start}"
            if at >= start and isinstance(other, str) and self.keys and self.raw is not None:
                return f"{self.source}:{line}:{_value_column(self.keys[0], self.raw.body, other) + at - start}"
        begins, part = next((p for p in reversed(() if goal else self.parts) if p[0] <= at), (0, None))
        at -= begins
        if isinstance(part, tuple):
            line, column = part
        if self.keys and self.raw is not None:
            find, text_key, goal_key = self.keys
            text_key = part if isinstance(part, str) else text_key
            body, key = self.raw.body, goal_key if goal else text_key
            column = _value_column(find, body, key)
        return f"{(self.goal_source if goal else None) or self.source}:{line}:{column + at}"


def value_place(find: Find, record: Record, key: str | None) -> str:
    """Return `file:line:column` of a value in a line of named fields, after its opening quote."""
    assert record.raw is not None
    return f"{record.source}:{record.line}:{_value_column(find, record.raw.body, key)}"


def _value_column(find: Find, body: str, key: str | None) -> int:
    """Return the column, from 1, of a value in a line of named fields, after its opening quote."""
    start = 0 if key is None else find(body, key)[0]
    return start + 1 + body.startswith('"', start)


@dataclass(slots=True)
class Example(Aimed):
    """A text with its labels: one in single-label data, any number in multi-label data."""

    text: str
    labels: list[str] | None = None  # None: none given
    words: list[str] | None = None  # filled in by the caller; the leaves of a tree
    offsets: list[tuple[int, int]] | None = None  # of the words, for a model that needs them; None: single spaces
    tree: Any = None  # a `trees.Tree`
    frames: Any = None  # (T, D), filled in by the caller for a model that reads frames
    targets: Sequence[tuple[str, list[str], str | Place]] = ()  # further targets: name, labels, key or (line, column)

    def aimed(self, name: str) -> Example:
        """Return the example with the labels of a further target; the example itself if it has none of that name."""
        for own, labels, place in self.targets:
            if own == name and isinstance(place, str):
                return replace(self, labels=labels, keys=self.keys and (*self.keys[:2], place))
            if own == name:
                return replace(self, labels=labels, goal_line=place[0], goal_column=place[1])
        return self

    @property
    def length(self) -> int:
        """The number of words, or of frames."""
        return len(self.words or ()) if self.frames is None else len(self.frames)


@dataclass(slots=True)
class Pair(Aimed):
    """A source text with its target text."""

    text: str
    target: str | None = None  # None: none given
    references: tuple[str, ...] = ()  # further targets, each of which is a correct answer too
    prefix: str | None = None  # what the answer must begin with, if a filter's input says so
    must: tuple[str, ...] = ()  # phrases that the answer must contain
    must_not: tuple[str, ...] = ()  # phrases that it must not contain
    frames: Any = field(default=None, repr=False)  # (T, D), filled in by the caller for a model that reads frames


class SpanAnswer(NamedTuple):
    """A predicted span: tokens from `start` to `end` (exclusive)."""

    start: int
    end: int
    label: str
    probability: float | None = None


@dataclass(slots=True)
class Answer:
    """The prediction for one Sentence."""

    tags: list[str]  # one a word; "" for a token left untagged
    probabilities: list[float] | None = None  # of each token's tag
    spans: list[SpanAnswer] | None = None  # None: the tags do not mark spans
    alternatives: list[tuple[list[str], float]] | None = None  # the n best tag sequences, each with its probability
    text: str | None = None  # the restored text, for tags that restore something to it
    further: dict[str, Answer] = field(default_factory=dict)  # the answers for the other targets, if there are any
    explained: list[tuple[list[float | None], list[float | None]]] | None = None
    """For each tag: each word's log-odds (nats) for it, and its probability as far as each word was read."""
    uncertainty: float | None = None  # if records are ranked by it, see `selection`
