"""Helpers for all pictures: check the file, replace characters that fonts lack, measure and save."""

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
LETTER = 0.602  # the width of a letter of the monospace font, relative to its size


def check(path: str) -> None:
    """Raise UsageError for a file name that is not a picture's, SeqcliError if it cannot be written or drawn."""
    if Path(path).suffix.lower() not in ENDINGS:
        raise UsageError(f"{path}: not the name of a picture", hint=f"end it in one of {', '.join(ENDINGS)}")
    folder = Path(path).parent
    if not os.access(folder, os.W_OK):
        raise SeqcliError(f"cannot write {path}: the folder {folder} does not exist, or is not writable")
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise SeqcliError("drawing needs matplotlib", hint="pip install 'seqcli[report]'") from None


@contextmanager
def quiet() -> Iterator[None]:
    """Silence matplotlib's warnings about characters that the font draws as boxes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def save(figure: Figure, path: str) -> None:
    """Write a figure in the format of the file's suffix. Raises SeqcliError."""
    try:
        with quiet(), replacing(Path(path)) as file:
            figure.savefig(file, format=Path(path).suffix[1:].lower())
    except OSError as error:
        raise SeqcliError(f"cannot write {path}: {error.strerror}") from None


def plain(text: str) -> str:
    """Return a text that a font can show: unprintable characters become boxes, spaces and line ends become marks."""
    marks = {" ": "\u2423", "\n": "\u21b5"}
    return "".join(marks.get(c) or (c if c.isprintable() else "\u25a1") for c in text)


def width(text: str) -> int:
    """Return the columns of a text in a monospace font: wide characters take two, combining marks none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
