"""What all pictures share: which files they are, letters that any font can show, how they are written."""

from __future__ import annotations

import os
import unicodedata
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from seqcli.artifact import replacing
from seqcli.errors import SeqcliError, UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ENDINGS = (".png", ".svg", ".pdf")
DPI = 144
LETTER = 0.602  # how wide a letter of the font of fixed width is, of its size


def check(path: str) -> None:
    """Raise UsageError for a file that no picture can be written to, SeqcliError where nothing draws."""
    if Path(path).suffix.lower() not in ENDINGS:
        raise UsageError(f"{path}: a picture is {', '.join(ENDINGS)}", hint="the ending says which")
    folder = Path(path).parent
    if not os.access(folder, os.W_OK):
        raise SeqcliError(f"cannot write {path}: the folder {folder} is not there, or not writable")
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise SeqcliError("drawing needs matplotlib", hint="pip install 'seqcli[report]'") from None


@contextmanager
def quiet() -> Iterator[None]:
    """Keep matplotlib from warning of each character that the font draws as a box."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def save(figure: Figure, path: str) -> None:
    """Write a figure, in the way that the file's ending says. Raises SeqcliError."""
    try:
        with quiet(), replacing(Path(path)) as file:
            figure.savefig(file, format=Path(path).suffix[1:].lower())
    except OSError as error:
        raise SeqcliError(f"cannot write {path}: {error.strerror}") from None


def plain(text: str) -> str:
    """Text that a font can show: what has no picture of its own is a box, spaces and line ends are marks."""
    marks = {" ": "\u2423", "\n": "\u21b5"}
    return "".join(marks.get(c) or (c if c.isprintable() else "\u25a1") for c in text)


def width(text: str) -> int:
    """Columns of a text in a font of fixed width: wide characters take two, marks none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
