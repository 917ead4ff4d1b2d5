"""Find the columns of a table, or the keys of JSON objects, that hold the texts and the labels.

A column of labels has few distinct, short values that repeat; the column of texts is the longest on average. If the
columns have names, well-known names decide first; without one the label is a guess, and is reported as such.
"""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from seqcli import registry
from seqcli.columns import LABEL_NAMES, NAME, TEXT_NAMES, column_number, couples
from seqcli.errors import USAGE, SeqcliError, UsageError, did_you_mean
from seqcli.frames import located
from seqcli.records import LABELLED, Options
from seqcli.streams import Chunk

REPEATED = 2  # how often a label occurs on average, at least
SURE = 4  # the same, where certainty is needed
LONGEST_LABEL = 40  # characters on average, at most
MOST_LABELS = 1000
WIDEST = 64  # the most columns that are examined
FEW = 10  # rows: in fewer, repetition does not reveal labels
SEPARATORS = ("|", ";", ",")  # between several labels in one cell
OWN = {"tsv": "\t", "csv": ","}  # the default delimiters
_SAY = "choose it with --label COLUMN, by name or number"
_GUESSED = "GUESSED, as its few values repeat: choose another with --label COLUMN"
_NUMBER = re.compile(r"[-+]?[0-9][0-9.,eE+-]*")
_SPLITS = {"train", "valid", "validation", "dev", "val", "test"}


@dataclass
class Column:
    """The values of a column of a table, or of a key."""

    number: int  # from 1
    name: str | None
    values: list[str]
    parts: list[list[str]] | None = None  # the labels of each value, if values are lists

    @property
    def length(self) -> float:
        """The average number of characters of a value."""
        return sum(map(len, self.values)) / max(len(self.values), 1)

    def __str__(self) -> str:
        return repr(self.name) if self.name is not None else str(self.number)


@dataclass
class Choice:
    """The two columns that were chosen, and why the choice might be wrong."""

    text: Column
    label: Column
    why: str = ""  # why it is the label
    separator: str | None = None  # between the labels of a cell
    notes: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)  # notes to print as warnings
    rivals: str = ""  # the note that other columns are long too


class NoLabel(SeqcliError):
    """No column looks like labels; with status 2, there are too few rows to guess from."""


def choose(columns: Sequence[Column], text: str | None, label: str | None) -> Choice:
    """Choose the columns of texts and labels; `text` and `label` are the user's choices.

    Raises NoLabel if no column repeats as labels do, or there are too few rows to guess from; UsageError for a column
    that does not exist.
    """
    notes: list[str] = []
    doubts: list[str] = []
    filled = [c for c in columns if any(v.strip() for v in c.values)]
    said_label, said_text = (given(what, columns) if what else None for what in (label, text))
    candidates = [c for c in filled if c is not said_text and not is_split(c) and fits(c)]
    pairs = couples(c.name for c in filled)
    candidates = [c for c in candidates if c.name not in pairs] or candidates
    named = [c for c in candidates if _known(LABEL_NAMES, c) is not None]
    named.sort(key=lambda c: _known(LABEL_NAMES, c) or 0)
    rows = max((len(c.values) for c in filled), default=0)
    sure = LABEL_NAMES if rows < FEW else LABEL_NAMES[:4]  # names that count even if values do not repeat
    by_name = [c for c in filled if c is not said_text and _known(sure, c) is not None and c.length <= LONGEST_LABEL]
    candidates.sort(key=lambda c: len(_values(c)))
    known_label = said_label or next(iter([*named, *by_name]), None)
    if known_label is None and rows < FEW and len(filled) > 1:
        raise NoLabel(
            f"{rows} row{'s are' if rows > 1 else ' is'} too few to guess the column of labels"
            f" (columns: {', '.join(map(str, columns[:8]))})",
            hint=_SAY,
            status=USAGE,
        )
    chosen = known_label or next(iter(candidates), None)
    texts = [c for c in filled if c is not chosen and c.parts is None]
    if chosen is None or not texts:
        names = ", ".join(map(str, columns[:8]))
        raise NoLabel(f"no column looks like labels, with few values that repeat (columns: {names})", hint=_SAY)
    others = [str(c) for c in candidates if c is not chosen]
    rival = f"column {' or '.join(others[:3])} could be the label too" if others and not said_label else ""
    if known_label is None:
        guess = f"the label is guessed: column {chosen}, as its few values repeat"
        doubts.append(f"{guess}{'; ' * bool(rival)}{rival}: choose another with --label COLUMN")
    elif rival:
        notes.append(f"{rival}: choose it with --label COLUMN")
    known = [c for c in texts if _known(TEXT_NAMES, c) is not None and not is_number(c)]
    found = said_text or max(known or texts, key=lambda c: c.length)
    rivals = [c for c in texts if c is not found and c.length * 2 > found.length and not is_number(c)]
    if rivals and not said_text:
        notes.append(f"column {' or '.join(str(c) for c in rivals[:3])} is long too: choose it with --text COLUMN")
    long_too = notes[-1] if rivals and not said_text else ""
    why = "by --label" if said_label else "by its name" if known_label else _GUESSED
    return Choice(found, chosen, why, _separator(chosen), notes, doubts, long_too)


def given(what: str, columns: Sequence[Column]) -> Column:
    """Return the column with a name or number. Raises UsageError if there is none."""
    number = column_number(what)
    for column in columns:
        if column.name == what or column.number == number:
            return column
    known = [c.name if c.name is not None else str(c.number) for c in columns]
    raise UsageError(f"there is no column {what!r}", hint=did_you_mean(what, known))


def _known(names: Sequence[str], column: Column) -> int | None:
    """Return the position of a column's name among well-known ones, or None."""
    name = (column.name or "").strip().casefold()
    return names.index(name) if name in names else None


def _values(column: Column) -> Counter[str]:
    """Count the labels that the column would give."""
    separator = _separator(column)
    if column.parts is not None:
        return Counter(part for parts in column.parts for part in parts)
    parts = (v.split(separator) if separator else [v] for v in column.values)
    return Counter(label for own in parts for part in own if (label := part.strip()))


def fits(column: Column) -> bool:
    """Whether the values may be labels: few, short, and repeated."""
    counts = _values(column)
    repeats = 2 <= len(counts) <= MOST_LABELS and len(counts) * REPEATED <= counts.total()
    return repeats and sum(len(v) * n for v, n in counts.items()) <= LONGEST_LABEL * counts.total()


def is_split(column: Column) -> bool:
    """Whether the values name the split of each row."""
    return {v.strip().casefold() for v in column.values if v.strip()} <= _SPLITS


def is_number(column: Column) -> bool:
    """Whether every value is a number."""
    return all(_NUMBER.fullmatch(v.strip()) for v in column.values if v.strip())


def _separator(column: Column) -> str | None:
    """Return the separator that splits cells into labels that repeat more than whole cells do, or None."""
    if column.parts is not None:
        return None
    cells = [v for v in column.values if v.strip()]
    for separator in SEPARATORS:
        divided = sum(separator in v for v in cells)
        if divided * 20 < len(cells) or not cells or not divided:
            continue
        parts = Counter(p.strip() for v in cells for p in v.split(separator))
        short = all(p and len(p) <= LONGEST_LABEL for p in parts)
        if short and len(parts) < len(set(cells)) and len(parts) * SURE <= parts.total():
            return separator
    return None


def can_be_named(header: Sequence[str]) -> bool:
    """Whether a recipe can name the columns: the names are distinct, and none is a number."""
    folded = [cell.strip().casefold() for cell in header]
    good = all(cell and cell.isprintable() and column_number(cell) is None for cell in folded)
    return good and len(set(folded)) == len(folded) > 0


def is_label(column: Column) -> bool:
    """Whether the values are certainly labels: few, short, and often repeated."""
    counts = _values(column)
    return fits(column) and len(counts) * SURE <= counts.total()


# tables


@dataclass
class Table:
    """How a file of rows is read, and its columns without the header."""

    columns: list[Column]
    header: list[str] | None
    delimiter: str | None  # None: the format's own
    quoting: bool | None


def table(
    name: str, chunks: Sequence[Chunk], text: str | None, label: str | None, *, whole: bool
) -> tuple[Table, Choice]:
    """Read the beginning of a table (all of it if `whole`), and choose its columns. Raises SeqcliError."""
    delimiter, quoting, first, values = rows(name, chunks, (text, label), whole=whole)
    header = _is_header(name, chunks, delimiter, quoting)
    header = over_files(values) if header is None else header
    if header is None:
        try:
            below = choose([Column(n, None, v[1:]) for n, v in values.items()], None, None)
            header = _looks_like_header([v[0] for v in values.values()], values, below)
        except SeqcliError:
            said = any(w is not None and column_number(w) is None for w in (text, label))
            names_first = are_names([v[0] for v in values.values()])
            header = said or (names_first and (len(values[min(values)]) > FEW or _are_named(values)))
    columns = headed(values, header)
    found = Table(columns, first if header else None, None if delimiter == OWN[name] else delimiter, quoting)
    return found, choose(columns, text, label)


def are_files(cells: Sequence[str]) -> bool:
    """Whether every cell names a recording or a file of arrays."""
    filled = [cell for cell in cells if cell.strip()]
    return bool(filled) and all(located(cell).path is not None for cell in filled)


def over_files(values: dict[int, list[str]]) -> bool | None:
    """Whether the first row of a table that names files is a header; None if no column names files."""
    files = [own for own in values.values() if are_files(own[1:])]
    return not are_files(files[0][:1]) if files else None


def keys_of(header: bool, said: str, delimiter: str | None, quoting: bool | None) -> list[tuple[str, Any, str]]:
    """Return the recipe keys that say how rows are read, each with its comment."""
    found: list[tuple[str, Any, str]] = [("header", header, said)]
    if delimiter:
        found.append(("delimiter", delimiter, "between the columns"))
    if quoting:
        found.append(("quoting", True, "cells are in double quotes"))
    return found


def headed(values: dict[int, list[str]], header: bool) -> list[Column]:
    """Return the columns of a table, named by its first row if `header`."""
    names = {n: v[0].strip() for n, v in values.items()} if header else {}
    return [Column(n, names.get(n), v[1:] if header else v) for n, v in values.items()]


def rows(
    name: str, chunks: Sequence[Chunk], wanted: Sequence[str | None], *, whole: bool
) -> tuple[str, bool | None, list[str], dict[int, list[str]]]:
    """Return the delimiter of a table, whether cells are quoted, the first row, and the cells of columns by number,
    which include the `wanted` ones of a wide table. Raises SeqcliError."""
    own = OWN[name]
    delimiter, first = own, _first(name, chunks, own)
    for delimiter in (own, *(d for d in (";", "\t", ",", "|") if d != own)):
        first = _first(name, chunks, delimiter)
        if len(first) > 1:
            break
    if len(first) < 2:
        raise NoLabel(f"{chunks[0].source}:1: the rows have one column", hint="texts and labels need two")
    numbers = _looked_at(first, *wanted)
    values = _columns(name, chunks, delimiter, None, numbers, whole)
    quoting = None
    if name == "tsv" and any(_is_quoted(column) for column in values.values()):
        quoting = True
        values = _columns(name, chunks, delimiter, quoting, numbers, whole)
        first = [column[0] for column in values.values()]
    return delimiter, quoting, first, values


def _looked_at(first: Sequence[str], *wanted: str | None) -> list[int]:
    """Return the numbers of the columns to examine: in a wide table the first ones, the last, and named ones."""
    names = {*LABEL_NAMES, *TEXT_NAMES, *(w.casefold() for w in wanted if w)}
    named = {n for n, cell in enumerate(first, 1) if cell.strip().casefold() in names or str(n) in wanted}
    return sorted({*range(1, min(len(first), WIDEST) + 1), len(first), *named})


def _reader(name: str, **options: Any) -> Any:
    return registry.load("records", name).Reader(Options(LABELLED, gold=False, **options))


def _first(name: str, chunks: Sequence[Chunk], delimiter: str) -> list[str]:
    """Return the cells of the first row; none if its quotes do not end."""
    reader = _reader(name, text="1", header=True, delimiter=delimiter)
    with contextlib.suppress(SeqcliError):  # an error in a later row: `_columns` finds it again
        for chunk in chunks:
            list(reader.feed(chunk))
        list(reader.close())
    return reader.header or []


def _columns(
    name: str, chunks: Sequence[Chunk], delimiter: str, quoting: bool | None, numbers: Sequence[int], whole: bool
) -> dict[int, list[str]]:
    """Return the cells of each column in non-blank rows, by its number; columns that rows lack are left out."""
    found, problem = {}, None
    for number in numbers:
        reader = _reader(name, text=str(number), header=False, delimiter=delimiter, quoting=quoting)
        try:
            rows = [row for chunk in chunks for row in reader.feed(chunk)]
            rows += list(reader.close()) if whole else []
        except SeqcliError as error:
            problem = problem or error
            continue
        found[number] = [row.text for row in rows if row.raw.body.strip(" ")]
    if len(found) < 2 and problem:
        raise problem
    return found


def _is_quoted(cells: Sequence[str]) -> bool:
    quoted = sum(len(c) > 1 and c[0] == c[-1] == '"' for c in cells)
    return quoted * 2 > len(cells)


def _is_header(name: str, chunks: Sequence[Chunk], delimiter: str, quoting: bool | None) -> bool | None:
    """Return True if the reader itself takes the first row for a header, by well-known names, else None."""
    reader = _reader(name, text="1", delimiter=delimiter, quoting=quoting)
    with contextlib.suppress(SeqcliError):
        list(reader.feed(chunks[0]))
    return True if reader.header is not None else None


def _looks_like_header(first: Sequence[str], values: dict[int, list[str]], below: Choice) -> bool:
    """Whether the first row consists of names, and its label is not among those that repeat below it."""
    if len(below.label.values) < FEW or not are_names(first):
        return False
    counts = _values(below.label)
    own = values[below.label.number][0].strip()
    return own not in counts and counts.total() >= SURE * len(counts)


def _are_named(values: dict[int, list[str]]) -> bool:
    """Whether the first of few rows has names: a well-known name of labels, or a name above nothing but numbers."""
    known = any(v[0].strip().casefold() in LABEL_NAMES and v[0] not in v[1:] for v in values.values())
    return known or any(
        any(c.strip() for c in v[1:]) and is_number(Column(n, None, v[1:])) for n, v in values.items()
    )


def are_names(cells: Sequence[str]) -> bool:
    """Whether cells could be the names of columns."""
    return len(set(cells)) == len(cells) and all(map(NAME.fullmatch, cells))
