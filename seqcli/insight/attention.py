"""Texts with what a model looked at: the more attention a token gets, the darker its ground."""

from __future__ import annotations

import os
import unicodedata
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from seqcli.errors import SeqcliError, UsageError

ENDINGS = (".png", ".svg", ".pdf")
WIDE = 96  # characters of a line
SIZE = 10  # points of the letters, which are 0.6 of that wide
LINE = 1.9 * SIZE / 72  # inches
MARGIN = 0.25  # inches


class Looked(NamedTuple):
    """A text, the tokens (start, end, weight) that were read of it, its label and probability."""

    text: str
    attention: Sequence[tuple[int, int, float]]
    label: str
    probability: float


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


def draw(rows: Sequence[Looked], path: str) -> None:
    """Write a picture of some texts; the darkest token of each text is the one looked at most. Raises SeqcliError."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    placed = [layout(row) for row in rows]
    lines = sum(1 + (max((p.line for p in tokens), default=0) + 1) + 0.4 for tokens in placed)
    heads = [len(_head(row)) for row in rows]
    columns = max([24, *heads, *(p.column + _width(p.text) for tokens in placed for p in tokens)])
    width = columns * 0.602 * SIZE / 72 + 2 * MARGIN
    height = max(lines, 1) * LINE + 2 * MARGIN
    figure = Figure(figsize=(width, height), dpi=144, facecolor="white")
    FigureCanvasAgg(figure)

    def put(text: str, column: int, line: float, **more: object) -> None:
        x = (MARGIN + column * 0.602 * SIZE / 72) / width
        y = 1 - (MARGIN + (line + 0.7) * LINE) / height
        figure.text(x, y, text.replace("$", r"\$"), family="monospace", size=SIZE, va="baseline", **more)  # type: ignore[arg-type]

    at = 0.0
    for row, tokens in zip(rows, placed, strict=True):
        put(_head(row), 0, at, weight="bold", color="#333333")
        top = max((p.weight for p in tokens), default=1.0) or 1.0
        for p in tokens:
            shade = p.weight / top
            ground = {"boxstyle": "square,pad=0.15", "facecolor": (1.0, 0.45, 0.0, 0.85 * shade), "edgecolor": "none"}
            put(p.text, p.column, at + 1 + p.line, color="black", bbox=ground)
        at += 1 + max((p.line for p in tokens), default=0) + 1 + 0.4
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # one for each character that the font draws as a box
            figure.savefig(path)
    except OSError as error:
        raise SeqcliError(f"cannot write {path}: {error.strerror}") from None


def _head(row: Looked) -> str:
    return f"{_plain(row.label)}  {row.probability:.4f}"


class Placed(NamedTuple):
    """A token in the picture: its line from 0, its column from 0."""

    text: str
    weight: float
    line: int
    column: int


def layout(row: Looked) -> list[Placed]:
    """Where each token stands: words a space apart, pieces that touch in the text side by side, lines of WIDE."""
    found: list[Placed] = []
    line = column = 0
    before = None
    for start, end, weight in row.attention:
        text = _plain(row.text[start:end])
        width = _width(text)
        gap = 1 if before is not None and start > before else 0
        if column + gap + width > WIDE and column:
            line, column, gap = line + 1, 0, 0
        found.append(Placed(text, weight, line, column + gap))
        column, before = column + gap + width, end
    return found


def _plain(text: str) -> str:
    """Text that a font can show: what has no picture of its own is a box."""
    return "".join("\u2423" if c == " " else c if c.isprintable() else "\u25a1" for c in text)


def _width(text: str) -> int:
    """Columns of a text in a font of fixed width: wide characters take two, marks none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
