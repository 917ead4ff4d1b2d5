"""The kinds of records that tasks ask for, and the options that a recipe or flags set for a file."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from seqcli.columns import (
    LABEL_NAMES,
    SOURCES,
    TARGETS,
    TEXT_NAMES,
    are_names,
    column_number,
    likeliest,
    possible,
    well_known,
)
from seqcli.errors import SeqcliError, UsageError, did_you_mean
from seqcli.records._record import Example, Pair, Sentence

BLANKS = " \t"  # a line of nothing else is blank
UNPRINTABLE = re.compile(r"[\t\n\r]")  # not allowed in a label: results are lines of `label TAB probability`
QUOTE = '"'
_DELIMITERS = {"tab": "\t", "comma": ",", "semicolon": ";", "space": " "}


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of record that tasks ask for."""

    name: str  # its name in READS, GOLD, WRITES of the formats
    record: Callable[..., Any]  # makes a record from text, source, line, raw
    roles: tuple[str, ...]  # its parts, named as in options: the first is required, with gold the second too
    known: tuple[Collection[str], ...]  # well-known column names of the first and the second role
    kept: tuple[str, ...]  # the options that a model's header keeps, in that order
    plain: str = "text"  # the format of lines of running text


_ROWS = ("header", "delimiter", "quoting")
_COLUMNS = ("columns", "tag", "word", "separator", "comments", "docstart", "empty_tag", "field")
_LABELS = ("label_prefix", "label_until", "label_separator", "multi_label")
TAGGED = Kind(
    *("tags", partial(Sentence, split=False), ("field", "tag"), ()),
    kept=(*_COLUMNS, "further_tags", "gold", "replace", "confidence"),
)
LABELLED = Kind(
    "labels",
    Example,
    ("text", "label"),
    (TEXT_NAMES, LABEL_NAMES),
    ("text", "further", "label", "further_labels", *_ROWS, *_LABELS, "gold"),
)
PAIRED = Kind(
    *("pairs", Pair, ("source", "target", "prefix"), (SOURCES, TARGETS)),
    kept=("source", "parts", "target", "prefix", *_ROWS, "encoding", "gold"),
    plain="lines",
)


KINDS = {kind.name: kind for kind in (TAGGED, LABELLED, PAIRED)}


@dataclass(frozen=True, slots=True)
class Options:
    """What a recipe or flags say about a file; each format uses the options that concern it. Raises UsageError for an
    impossible value."""

    kind: Kind
    text: str | None = None  # labels: the text's column, by name or number from 1 (tsv, csv), or key (jsonl)
    further: Sequence[str] = ()  # those of further texts, which are read together with the first
    label: str | None = None  # the label's column or key
    further_labels: Sequence[str] = ()  # those of further targets; in formats without columns (fasttext, label-text)
    # the names of those targets, whose label is the whole one, while the first target's is cut at `label_until`
    source: str | None = None  # pairs: the source's column or key; lines: the part of a file's name that marks the
    # file with the sources (default: its ending)
    parts: Sequence[str] = ()  # tsv, csv, jsonl: columns or keys of texts appended to the source, each after a tab
    target: str | None = None  # the target's column or key; lines: that part in the name of the file with the targets
    references: tuple[str, ...] | None = None  # pairs that are scored: the columns or keys of further targets; lines:
    # further `target`s, or files; jsonl: a target may be a list too. None: a target is one text
    prefix: str | None = None  # tsv, csv, jsonl: the column or key of what an answer must begin with
    must: str | None = None  # jsonl: the key of phrases that an answer must contain
    must_not: str | None = None  # jsonl: the key of phrases that it must not contain
    field: str | None = None  # tags: the key with the text or the tokens (jsonl); None: `tokens`, else `text`
    tag: str | None = None  # the column, CoNLL-U field (`upos`, `feats.Number`, `misc.NER`) or JSON key with the tags
    further_tags: Sequence[str] = ()  # those of further targets, which are read as `features`
    header: bool | None = None  # tsv, csv: whether the first row names the columns; None: guessed from that row
    delimiter: str | None = None  # tsv, csv: what separates cells; None: tab, comma
    quoting: bool | None = None  # whether cells may stand in double quotes; None: csv yes, tsv no
    label_prefix: str = "__label__"  # fasttext: what labels begin with
    label_until: str | None = None  # a label ends before this text
    label_separator: str | None = None  # what separates several labels in one cell
    multi_label: bool = False  # a text may have several labels, or none
    columns: tuple[str, ...] = ()  # conll: the columns' names in order, `_` or `-` to ignore one; empty: word … tag
    word: str = "word"  # conll: the name of the column with the words
    separator: str = "auto"  # conll: "tab", "space" (runs of blanks), "auto" (by the first line), or any string
    comments: str | None = None  # conll: lines that begin with this are comments; None: there are none
    docstart: str | None = "-DOCSTART-"  # conll: lines that begin with this column mark a document and hold no word
    partial: bool = False  # tags may be known in part: see `_partial.py`
    empty_tag: str = "_"  # how a token without a tag is written
    numbers: bool = False  # a text refers to numbers, and an array of numbers may take its place (jsonl)
    labels: tuple[str, ...] = ()  # series: what the optional label column of a filter's rows may hold
    encoding: str = "utf-8"  # lines: of the file with the targets
    gold: bool = True  # tags, labels or targets are required; False: optional, for a filter's input
    replace: bool = False  # conll: predictions replace the gold column instead of being added as the last one
    confidence: bool = False  # conll: add a last column with the probability of each tag

    def __post_init__(self) -> None:
        for name in ("text", "label", "source", "target", "prefix", "delimiter", *_LABELS[:3]):
            if getattr(self, name) == "":
                raise UsageError(f"{name} is empty", hint="remove it for its default")
        separator = separator_of(self.delimiter, "")
        if re.search(r"[\n\r]", separator) or (self.quoting and QUOTE in separator):
            raise UsageError(
                f"delimiter: {self.delimiter!r} cannot separate columns", hint="one of \\t , ; | is usual"
            )
        for role in ("text", "label"):
            self.check_column(role)

    def check_column(self, role: str) -> None:
        """Raise UsageError for column number 0."""
        name = getattr(self, role)
        if name is not None and column_number(name) == 0:
            raise UsageError(f"{role}: {name} is no column", hint="columns are numbered from 1")

    def kept(self) -> dict[str, Any]:
        """Return the options that a model's header keeps; `Options(kind, **kept)` restores them."""
        kept = {name: getattr(self, name) for name in self.kind.kept}
        several = ("further", "parts", "further_tags", "further_labels")
        return {name: value for name, value in kept.items() if value or name not in several}


def separator_of(delimiter: str | None, default: str) -> str:
    """Return what separates cells: `delimiter` itself, or the character it names (tab, comma, semicolon, space)."""
    return _DELIMITERS.get(delimiter, delimiter) if delimiter is not None else default


def between(delimiter: str) -> str:
    """Return the delimiter's name for a message, such as `a tab`."""
    return {"\t": "a tab", ",": "a comma", " ": "a space"}.get(delimiter, repr(delimiter))


def another_delimiter(separator: str, cells: Sequence[str]) -> str:
    """Return a hint if a row's only cell contains another usual delimiter, else `""`."""
    for other in "\t;,|":
        if len(cells) == 1 and other != separator and other in cells[0]:
            said = f"{between(separator)} separates columns, but the row holds {between(other)}"
            return f"{said}: say --delimiter (a recipe: data.delimiter)"
    return ""


def counted(columns: int) -> str:
    """Return `1 column`, `2 columns` …"""
    return f"{columns} column{'s' if columns > 1 else ''}"


def looks_like_header(options: Options, cells: Sequence[str]) -> bool:
    """Whether a first row names the columns: its cells look like names, and one of them is well known."""
    first, second = (possible(cells, known) for known in options.kind.known)
    if options.gold and len(cells) == 2:
        return len(first) == len(second) == 1
    return bool(first or (second and len(cells) > 1)) and are_names(cells)


def by_name(options: Options, cells: Sequence[str], found: Sequence[int | None]) -> list[int | None]:
    """Return the columns of the roles, from 1: those in `found`, and the first two by their well-known names."""
    text, goal, *further = found
    given = getattr(options, options.kind.roles[1])
    if options.kind is LABELLED:
        goal = goal or (None if given else likeliest(LABEL_NAMES, cells, text))
        return [text or likeliest(TEXT_NAMES, cells, goal), goal]
    names = tuple("" if column in further else name for column, name in enumerate(cells, 1))
    named = [
        None if i is None else i + 1 for i in well_known(names, *(column and column - 1 for column in (text, goal)))
    ]
    return [text or named[0], goal or (None if given else named[1]), *further]


def find_column(name: str, cells: Sequence[str]) -> int | None:
    """Return the number of the column with a name, matched exactly or else ignoring case and surrounding blanks."""
    if name in cells:
        return cells.index(name) + 1
    folded = [cell.strip().casefold() for cell in cells]
    return folded.index(name.strip().casefold()) + 1 if name.strip().casefold() in folded else None


def further_columns(options: Options, cells: Sequence[str], header: bool, place: str) -> list[tuple[int, ...]]:
    """Return the columns in a first row of further references, of further parts of the source, and with gold of
    further labels. Raises SeqcliError for a missing one."""
    labels = options.further_labels if options.gold else ()
    named = {"reference": options.references or (), "source": options.parts, "label": labels}
    return [_columns(role, names, cells, header, place) for role, names in named.items()]


def _columns(role: str, names: Sequence[str], cells: Sequence[str], header: bool, place: str) -> tuple[int, ...]:
    found = []
    for name in names:
        number = column_number(name)
        column = number if number is not None else find_column(name, cells) if header else None
        if not column or column > len(cells):
            hint = did_you_mean(name, cells) if header else "the first row names no columns: give their numbers"
            hint = hint if number is None else f"the row has {len(cells)}, numbered from 1"
            raise SeqcliError(f"{place}: no column {name!r} for --{role}", hint=hint)
        found.append(column)
    return tuple(found)


def labels_of(
    written: str, options: Options, place: Callable[[], str], *, split: bool = True, whole: bool = False
) -> list[str]:
    """Return the labels in a cell; none for an empty one. Blanks around a label are stripped, and it is cut at
    `label_until` unless `whole`. With `label_separator`, empty labels are dropped and repeated ones count once.

    Raises SeqcliError, with gold, for a label that cannot be printed on one line.
    """

    parts = written.split(options.label_separator) if split and options.label_separator else [written]
    found: dict[str, None] = {}
    for part in parts:
        until = None if whole else options.label_until
        label = (part.partition(until)[0] if until else part).strip(BLANKS)
        if label:
            found[label] = None
            if options.gold and UNPRINTABLE.search(label):
                raise SeqcliError(
                    f"{place()}: the label {label[:40]!r} holds a tab or a line break",
                    hint="labels are printed on a line: write it without; is this the label's column?",
                )
    return list(found)
