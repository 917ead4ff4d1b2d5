"""Draw texts with a model's attention: the more attention a token gets, the darker its background."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from seqcli.insight._picture import DPI, ENDINGS, LETTER, check, plain, save, width

__all__ = ["ENDINGS", "WIDE", "Looked", "Placed", "check", "draw", "layout"]

WIDE = 96  # characters of a line
SIZE = 10  # points of the letters
LINE = 1.9 * SIZE / 72  # inches
MARGIN = 0.25  # inches


class Looked(NamedTuple):
    """A text, its tokens with attention (start, end, weight), its label or another heading, and a probability."""

    text: str
    attention: Sequence[tuple[int, int, float]]
    label: str
    probability: float | None = None


def draw(rows: Sequence[Looked], path: str) -> None:
    """Write a picture of texts; in each, the token with the most attention is the darkest. Raises SeqcliError."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    placed = [layout(row) for row in rows]
    lines = sum(1 + (max((p.line for p in tokens), default=0) + 1) + 0.4 for tokens in placed)
    heads = [len(_head(row)) for row in rows]
    columns = max([24, *heads, *(p.column + width(p.text) for tokens in placed for p in tokens)])
    wide = columns * LETTER * SIZE / 72 + 2 * MARGIN
    high = max(lines, 1) * LINE + 2 * MARGIN
    figure = Figure(figsize=(wide, high), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)

    def put(text: str, column: int, line: float, **more: object) -> None:
        x = (MARGIN + column * LETTER * SIZE / 72) / wide
        y = 1 - (MARGIN + (line + 0.7) * LINE) / high
        figure.text(x, y, text.replace("$", r"\$"), family="monospace", size=SIZE, va="baseline", **more)  # type: ignore[arg-type]

    at = 0.0
    for row, tokens in zip(rows, placed, strict=True):
        put(_head(row), 0, at, weight="bold", color="#333333")
        top = max((p.weight for p in tokens), default=1.0) or 1.0
        for p in tokens:
            shade = p.weight / top
            ground = {"boxstyle": "square,pad=0.15", "facecolor": (1.0, 0.45, 0.0, 0.85 * shade), "edgecolor": "none"}
            put(p.text, p.column, at + 1 + p.line, color="none", bbox=ground, zorder=1)
            put(p.text, p.column, at + 1 + p.line, color="black", zorder=2)  # above its neighbours' backgrounds
        at += 1 + max((p.line for p in tokens), default=0) + 1 + 0.4
    save(figure, path)


def _head(row: Looked) -> str:
    label = plain(row.label).replace("\u2423", " ")
    return label if row.probability is None else f"{label}  {row.probability:.4f}"


class Placed(NamedTuple):
    """A token in the picture, with its line and column from 0."""

    text: str
    weight: float
    line: int
    column: int


def layout(row: Looked) -> list[Placed]:
    """Place tokens: words a space apart, adjacent pieces side by side, in lines of at most WIDE columns."""
    found: list[Placed] = []
    line = column = 0
    before = None
    for start, end, weight in row.attention:
        text = plain(row.text[start:end])
        taken = width(text)
        gap = 1 if before is not None and start > before else 0
        if column + gap + taken > WIDE and column:
            line, column, gap = line + 1, 0, 0
        found.append(Placed(text, weight, line, column + gap))
        column, before = column + gap + taken, end
    return found
