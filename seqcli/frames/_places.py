"""Where a record's numbers are: in its text, or in a file that its text names.

A text with the ending of an array file or a recording (`ENDINGS`) names a file, relative to the folder of the file
that the record is in, else to the current folder; `many.npy#17` is a member of the first axis, `many.npz#name` a
named array. Any other text is numbers: `1.5 2 3` (or with commas) is a series of numbers; `1,2,3:4,5,6` is two
dimensions of three steps, as in the archives' `.ts` files; a JSON array, `[[1, 4], [2, 5]]`, is a series of vectors.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from seqcli.columns import is_number
from seqcli.errors import SeqcliError

ARRAYS, SOUND = (".npy", ".npz"), (".wav", ".flac")
ENDINGS = ARRAYS + SOUND
SHOWN = 40
LONGEST_NAME = 300  # characters at the end of a text that are searched for an ending


class Place(NamedTuple):
    """The content of a record's text: numbers, or a file and perhaps a member of it."""

    text: str
    path: Path | None = None
    member: str = ""

    def __str__(self) -> str:
        """Return the place as messages show it."""
        return self.text if self.path else f"{self.text[:SHOWN]}…" if len(self.text) > SHOWN else self.text


def content(record: Any) -> list[str]:
    """Return what identifies the data that a record's text names: `sha256#member` of its file; an empty list if it
    names no readable file."""
    if not any(ending in record.text[-LONGEST_NAME:].lower() for ending in ENDINGS):
        return []
    place = located(record.text, record.source)
    try:
        return [] if place.path is None else [f"{_sha256(place.path, place.path.stat().st_mtime_ns)}#{place.member}"]
    except (OSError, ValueError):
        return []


@lru_cache(1 << 16)
def _sha256(path: Path, changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def vectors(words: Sequence[str]) -> np.ndarray:
    """Return words that are vectors, such as `1.5,2,3`, as rows (T, D). Raises SeqcliError."""
    rows = [word.split(",") for word in words]
    for number, (word, row) in enumerate(zip(words, rows, strict=True), 1):
        if len(row) != len(rows[0]):
            raise SeqcliError(f"vector {number} has {len(row)} numbers, the first {len(rows[0])}: {word[:SHOWN]}")
    try:
        with np.errstate(over="ignore"):  # too large a number becomes infinite, which is reported with its place
            return np.array(rows, np.float64).astype(np.float32)
    except ValueError:
        odd = next(cell for row in rows for cell in row if not is_number(cell))
        raise SeqcliError(
            f"{odd[:20]!r} is not a number", hint="a vector is numbers separated by commas, such as 1.5,2,3"
        ) from None


def located(text: str, source: str = "") -> Place:
    """Return the place that a text names; `source` is the file that the text is in."""
    text = text.strip()
    name, _, member = text.rpartition("#")
    if not name or (Path(text).suffix.lower() in ENDINGS and Path(name).suffix.lower() not in ARRAYS):
        name, member = text, ""
    if Path(name).suffix.lower() not in ENDINGS or name.lstrip().startswith("["):
        return Place(text)
    folder = Path(source) if source and Path(source).is_dir() else Path(source).parent
    beside = folder / name
    return Place(text, beside if _exists(beside) else Path(name), member)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # for instance too long a name
        return False
