"""Find series in formats of numbers alone: `.ts` archives, one series a row, one time step a row.

A file that may be text stays text: rows are series if all cells but the label are numbers, and many; the rows of an
id are a series if they are consecutive, have a column named as times or an id, and one label."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

from seqcli.columns import LABEL_NAMES, column_number, is_number
from seqcli.errors import SeqcliError
from seqcli.propose import columns
from seqcli.propose.columns import Column
from seqcli.records import BOM, LABELLED, detect
from seqcli.records.long import TIMES
from seqcli.records.series import PARTED
from seqcli.tokenizers.bins import is_series, is_value

NUMBERS = 8  # a series row has more cells; with fewer it may be any table
STEPS = 3  # rows of an id, on average, in a long table
LOOKED = 2000  # rows that are examined
FEW = 20  # of so many values one may be no number, in a text that looks like a series
_IDS = re.compile(r"(?i)(.*[^a-z])?(id|series|record|sequence|sample|recording|name|file|unit|case)")
_ZEROS = re.compile(r"(?:^|(?<=[\s,;]))0\d+(?![\d.])")  # leading zeros, as in telephone numbers
_AS_TEXT = "--text COLUMN reads a column as text"


@dataclass
class Seen:
    """How a file of series or recordings is read."""

    format: str
    kind: str = "values"  # of frames
    text: str | None = None  # the column or key of arrays, or of file names
    label: str | None = None  # series: the column's number if it is not the last one; long: its name
    task: str = "classification"
    target: str | None = None  # for pairs, if it is known
    notes: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


def is_archive(text: str) -> bool:
    """Whether a .ts file is a time-series archive, not TypeScript source."""
    return re.search(r"(?mi)^@data\s*$", text) is not None


def archive(path: str, sample: str) -> Seen | None:
    """Recognise an archive of series. Raises SeqcliError if they have no class."""
    if detect(LABELLED, path) != "ts" or not is_archive(sample):
        return None
    if re.search(r"(?mi)^@classlabel\s+false", sample):
        raise SeqcliError(
            f"{path}: its series have no class (@classLabel false)",
            hint="to forecast, write only numbers, one series a line: seqcli recipes new series.txt",
        )
    return Seen("ts")


def rows(path: str, lines: Sequence[str], label: str | None, task: str | None) -> Seen | None:
    """Recognise rows of numbers with a label. Raises SeqcliError for such rows below a header."""
    cells = [PARTED.split(line.strip()) for line in lines[:LOOKED]]
    if len(cells) < 2 or min(map(len, cells)) <= NUMBERS or detect(LABELLED, path) not in (None, *columns.OWN):
        return None
    first = cells[0]
    said = first.index(label) + 1 if label in first else column_number(label or "")
    if label and not said:
        return None
    headed = not any(map(is_number, first)) or _counts(first)
    body = cells[1:] if headed else cells
    inner = [[c for n, c in enumerate(row, 1) if n != said] if said else row[1:-1] for row in body]
    if not all(_is_value(c) for row in inner for c in row):
        return None
    at, guessed = (said, False) if said else _which(body, path, task)
    if at is None:
        return None
    if headed:
        raise SeqcliError(
            f"{path}:1: the first row names columns, and every row below is numbers and a label",
            hint=f"if each row is a series, remove the header: tail -n +2 {path} > NEW.csv\n{_AS_TEXT}",
        )
    last = at < 0 or all(len(row) == at for row in cells)
    few, many = (f(map(len, cells)) - 1 for f in (min, max))
    numbers = f"{few:,}" if few == many else f"{few:,} to {many:,}"
    what = f"each row is a series of {numbers} numbers, the label is {'guessed: ' if guessed else ''}"
    note = f"{what}{'the last column' if last else f'column {at}'}: --label COLUMN names another, {_AS_TEXT}"
    found = Seen("series", label=None if last else str(at))
    (found.doubts if guessed else found.notes).append(note)
    return found


def _which(cells: Sequence[Sequence[str]], path: str, task: str | None) -> tuple[int | None, bool]:
    """Return the column of the label, 1 or -1 for the last, and whether it is guessed; None if neither is one."""
    words = {at: not all(_is_value(row[i]) for row in cells) for at, i in ((1, 0), (-1, -1))}
    ends = {at: Column(1, None, [row[i] for row in cells]) for at, i in ((1, 0), (-1, -1))}
    if any(words.values()):
        at = 1 if words[1] else -1
        return (None if all(words.values()) or not _repeats(ends[at].values) else at), False
    inner = [c for row in cells for c in row[1:-1] if c]
    fractions = sum(not _is_whole(c) for c in inner) * 2 > len(inner)
    if not (fractions or task or detect(LABELLED, path)):
        return None, False
    classes = [at for at, c in ends.items() if all(map(_is_whole, c.values)) and columns.is_label(c)]
    if len(classes) > 1:
        classes = [1 if detect(LABELLED, path) != "csv" else -1]
    return (classes[0] if classes else None), True


def _repeats(values: Sequence[str]) -> bool:
    return 2 <= len(set(values)) <= len(values) / 2


def _is_value(cell: str) -> bool:
    """Whether a cell is a number, or marks a missing one."""
    return is_number(cell) or cell.strip() in ("", "?")


def _is_whole(cell: str) -> bool:
    return is_number(cell) and float(cell).is_integer()


def _counts(cells: Sequence[str]) -> bool:
    """Whether a first row numbers the columns, 0, 1, 2 …, as some programs do for columns without names."""
    own = [c for c in cells[:NUMBERS] if c.isdigit()]
    return len(own) >= NUMBERS - 1 and [int(c) for c in own] == list(range(int(own[0]), int(own[0]) + len(own)))


def long(path: str, lines: Sequence[str], label: str | None) -> Seen | None:
    """Recognise a table of time steps, and find its label's column. Raises SeqcliError if a label varies in a
    series."""
    first = lines[0].removeprefix(BOM) if lines else ""
    delimiter = "\t" if "\t" in first else ";" if ";" in first else ","
    try:
        names, *rows = (
            [c.strip() for c in row] for row in csv.reader([first, *lines[1 : 10 * LOOKED]], delimiter=delimiter)
        )
    except (csv.Error, ValueError):
        return None
    if len(names) < 3 or not columns.are_names(names) or any(len(row) != len(names) for row in rows):
        return None
    ids = [one for one, _ in groupby(row[0] for row in rows)]
    if len(ids) < 2 or len(set(ids)) < len(ids) or len(ids) * STEPS > len(rows):
        return None
    times = [i for i, name in enumerate(names) if i and name.lower() in TIMES]
    if not (times or _IDS.fullmatch(names[0])):
        return None
    others = [i for i in range(1, len(names)) if i not in times]
    known = [i for i in others if names[i].casefold() in LABEL_NAMES]
    words = [i for i in others if not all(_is_value(row[i]) for row in rows)]
    labels = [names.index(label)] if label in names else words or known
    if len(labels) != 1 or set(words) - set(labels) or len(others) < 2:
        return None
    at = labels[0]
    if any(len({row[at] for row in own}) > 1 for _, own in groupby(rows, key=lambda row: row[0])):
        raise SeqcliError(
            f"{path}: column {names[at]!r} varies inside a series ({names[0]!r})",
            hint=f"--label COLUMN names another; one label a step is for task: tagging, with frames: values and"
            f" data: {{format: long, tag: {names[at]}}}\n{_AS_TEXT}",
        )
    by = f" in the order of {names[times[0]]!r}" if times else ""
    values = ", ".join(names[i] for i in others[:6] if i != at)
    note = f"rows with the same {names[0]!r} are a series of {values}{by}, with the label {names[at]!r}"
    return Seen("long", label=names[at], notes=[f"{note}: --label COLUMN names another, {_AS_TEXT}"])


def only_numbers(path: str, text: str) -> bool:
    """Whether a table holds series to forecast: one value or one series a row, without labels."""
    if detect(LABELLED, path) not in columns.OWN or not is_series(text) or are_codes(text):
        return False
    widths = {len(PARTED.split(line.strip())) for line in text.split("\n") if line.strip()}
    return min(widths) > NUMBERS or widths == {1}


def are_codes(text: str) -> bool:
    """Whether numbers are codes, such as telephone numbers: some have leading zeros, which amounts do not have."""
    return _ZEROS.search(text) is not None


def odd_values(text: str, path: str) -> list[str]:
    """Return a note on the words of a text that keep it from being a series of numbers, if they are few."""
    values = list(re.finditer(r"[^\s,]+", text))
    odd = [v for v in values if not is_value(v[0])]
    if not 0 < len(odd) <= len(values) / FEW:
        return []
    place = f"{path}:{text.count(chr(10), 0, odd[0].start()) + 1}"
    are = "is not a number" if len(odd) == 1 else "are not numbers"
    few = f"{len(odd):,} of {len(values):,} values {are} ({place}: {odd[0][0]!r})"
    return [f"{few}: without them this is a series to forecast, with them it is text"]
