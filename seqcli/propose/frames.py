"""Find records of vectors: series in their own formats, arrays under keys, columns that name files.

A column names files if every cell of it does, and one of the files exists. Arrays are read if no text with a label
stands beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from seqcli import registry
from seqcli.columns import LABEL_NAMES, SOURCES, TARGETS, TEXT_NAMES
from seqcli.errors import SeqcliError, UsageError
from seqcli.frames import ENDINGS, SOUND, Frames, located
from seqcli.propose import columns, objects, series
from seqcli.propose.columns import FEW, Column
from seqcli.propose.look import PAIRS, Files, Found, Look, first_chunks, read
from seqcli.propose.series import Seen
from seqcli.records import LABELLED, PAIRED, detect

MEASURED = 100  # how many records have their frames computed, to measure them
TRANSCRIPTS = {*TEXT_NAMES, *TARGETS, "transcript", "transcription", "caption", "words"}


@dataclass(frozen=True)
class Shape:
    """The measures of a sample's records."""

    kind: str  # of frames
    steps: int  # frames of a record, the median
    longest: int
    dimensions: int
    axes: int
    normal: bool  # whether each record already has mean 0 and deviation 1

    @property
    def what(self) -> str:
        """The noun for the records."""
        return "recordings" if self.kind == "mel" else "pictures" if self.axes == 3 else "series"


def see(
    files: Files, look: Look, task: str | None, text: str | None, label: str | None, pair: tuple[Any, Any]
) -> Seen | None:
    """Return how files with records of vectors are read; None for other files. `text`, `label` and `pair` (source and
    target) are the columns that the user names. Raises SeqcliError for series that no recipe can be made for."""
    if task not in (None, "classification", PAIRS):
        return None
    chunks = first_chunks(look.chunks)
    sample = "".join(chunk.text for chunk in chunks)
    lines = [line.rstrip("\r") for line in sample.split("\n")[: None if not look.cut else -1] if line.strip()]
    path = str(look.paths[0])
    if not (text or any(pair) or task == PAIRS):
        found = (
            series.archive(path, sample) or series.long(path, lines, label) or series.rows(path, lines, label, task)
        )
        if found is not None:
            return found
    name = detect(LABELLED, path, sample) or detect(PAIRED, path, sample)
    every: list[Column] = []
    with suppress(SeqcliError):  # the reader of text reports errors in a table
        every = _columns(name, look, (text, label, *pair))
    said = next((what for what in (text, pair[0]) if what), None)
    own = next((c for c in every if said in (c.name, str(c.number))), None) if said else _framed(every, path)
    if own is None and not said and (gone := next((c for c in every if columns.are_files(c.values)), None)):
        files.notes.append(f"column {gone} names files that do not exist, such as {gone.values[0]}: read as text")
    if name is None or own is None or not (isinstance(own, _Arrays) or columns.are_files(own.values)):
        return None
    return _of_column(name, own, [c for c in every if c is not own], task, label, pair)


# columns and keys


@dataclass
class _Arrays(Column):
    """A key whose values are arrays of numbers."""

    nested: bool = False  # whether arrays hold rows of numbers


def _columns(name: str | None, look: Look, wanted: Sequence[str | None]) -> list[Column]:
    """Return the columns of a table or the keys of objects, including those with arrays."""
    chunks = first_chunks(look.chunks)
    if name == "jsonl":
        return _keys(objects.records_of(chunks))
    if name in columns.OWN and any(ending in chunk.text.lower() for chunk in chunks for ending in ENDINGS):
        whole = not look.cut and chunks[-1] == look.chunks[-1]
        values = columns.rows(name, chunks, wanted, whole=whole)[3]
        return columns.headed(values, columns.over_files(values) is True)
    return []


def _keys(records: Sequence[dict[str, Any]]) -> list[Column]:
    held: dict[str, list[Any]] = {}
    for name, value in ((n, v) for r in records for n, v in r.items() if v is not None):
        held.setdefault(name, []).append(value)
    arrays = [name for name, values in held.items() if objects.are_arrays(values)]
    others = [column for column in objects.keys(records) if column.name not in arrays]
    return others + [_Arrays(0, name, [], nested=isinstance(held[name][0][0], list)) for name in arrays]


def _framed(every: Sequence[Column], path: str) -> Column | None:
    """Return the column of arrays or of file names, unless another column holds texts that they may belong to."""
    arrays = [c for c in every if isinstance(c, _Arrays)]
    files = [c for c in every if c.parts is None and columns.are_files(c.values)]
    files = [c for c in files if any(_is_there(cell, path) for cell in c.values[:FEW])]
    if files or len(arrays) != 1:
        return next(iter(files), None)
    own, alone = arrays[0], not any(map(_is_transcript, every))
    said = own.nested or (own.name or "").casefold() in SOURCES
    return own if alone or (said and not any(map(_is_label, every))) else None


def _is_there(cell: str, path: str) -> bool:
    place = located(cell, path).path
    return place is not None and place.is_file()


def _words(column: Column) -> float:
    return sum(len(v.split()) for v in column.values) / max(len(column.values), 1)


def _of_column(
    name: str,
    own: Column,
    others: Sequence[Column],
    task: str | None,
    label: str | None,
    pair: Sequence[str | None],
) -> Seen:
    kind = kind_of(own.values)
    seen = Seen(name, kind, own.name if own.name is not None else str(own.number))
    what = "recordings" if kind == "mel" else "arrays"
    holds = f"{own} holds" if isinstance(own, _Arrays) else f"column {own} names"
    texts = [c for c in others if _is_transcript(c)]
    known = [c for c in others if _is_label(c)]
    asked = task == PAIRS or any(pair)
    if asked or (texts and not (known or label or task)):
        seen.task = PAIRS
        seen.target = pair[1] or next((c.name or str(c.number) for c in texts), None)
    says = "--source" if seen.task == PAIRS else "--text"
    seen.notes.append(f"{holds} {what}, which are read as frames: choose another column with {says} COLUMN")
    if not asked and texts and seen.task == PAIRS:
        seen.notes.append(f"column {texts[0]} is taken for their transcripts: --label COLUMN names a label instead")
    elif texts:
        seen.notes.append(f"column {texts[0]} may hold their transcripts: --target COLUMN makes pairs")
    return seen


def _is_label(column: Column) -> bool:
    name = (column.name or "").casefold()
    return name in LABEL_NAMES and columns.fits(column) and not (name in TRANSCRIPTS and _words(column) >= 2)


def _is_transcript(column: Column) -> bool:
    """Whether a column holds texts instead of labels, by its name or its many different words."""
    if isinstance(column, _Arrays) or column.parts is not None or columns.is_split(column):
        return False
    if columns.is_number(column) or columns.are_files(column.values):
        return False
    known, many = (column.name or "").casefold() in TRANSCRIPTS, _words(column) >= 2
    return (many or not columns.is_label(column)) if known else many and not columns.fits(column)


# measuring records


def kind_of(cells: Sequence[str]) -> str:
    """Return the kind of frames that reads files with these names: recordings, or arrays."""
    suffixes = {place.path.suffix.lower() for cell in cells if (place := located(cell)).path}
    return "mel" if suffixes and suffixes <= {*SOUND} else "values"


def records_of(found: Found, look: Look) -> list[Any]:
    """Return the records of a sample, read as the recipe will read them."""
    return read(PAIRED if found.task == PAIRS else LABELLED, replace(found, notes=[]), look)


def measure(found: Found, kind: str, records: Sequence[Any]) -> None:
    """Compute the frames of some records, and store their measures in `found`. Raises SeqcliError if none can be
    read."""
    some = [r for r in records if r.text.strip()][:: max(len(records) // MEASURED, 1)]
    config = registry.load("frames", kind).Config()
    try:
        own, raw = Frames.learn(config, some)
    except UsageError as error:  # the package that reads recordings is not installed
        found.doubts.append(f"{error.message}: {error.hint}")
        found.frames = Shape(kind, 100, 1000, 40, 2, normal=False)
        return
    except SeqcliError as error:
        found.doubts.append(f"training will stop with: {error.message}")
        own, raw = Frames.learn(config, some[:0])
        for record in some:
            with suppress(SeqcliError):
                one, more = Frames.learn(config, [record])
                own, raw = (own if raw else one), raw + more
        if not raw:
            raise
    steps = sorted(map(len, raw))
    off = [np.abs([*x.mean(axis=0), *(x.std(axis=0) - 1)]).max() for x in raw]
    found.frames = Shape(
        kind, steps[len(steps) // 2], steps[-1], own.dimensions, own.axes, normal=kind == "values" and max(off) < 0.05
    )
