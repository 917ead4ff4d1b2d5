"""Attention between target and source tokens: a picture of the table, and the alignment that follows from it.

A picture has a row for each target token and a column for each source token; a darker cell means a larger weight.
Letters come from matplotlib's monospace font, then from its sans-serif ones; characters that all of them lack are
boxes, unless a matplotlibrc names further fonts under `font.sans-serif`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from seqcli.insight._picture import DPI, ENDINGS, LETTER, check, plain, quiet, save, width

__all__ = ["ENDINGS", "Scale", "check", "draw", "pairs", "pharaoh", "scale"]

CELL, LONGEST = 0.34, 18.0  # inches: the side of a cell; the longest side of a table
SIZE, SMALLEST = 10.0, 5.0  # letter sizes in points
LINE = 1.25 / 72  # the height of a line in inches, per point of letter size
WORD = 24  # columns: a longer token is truncated
NUMBERS = 900  # the most cells of a table in which numbers are written
MARGIN, BAR = 0.2, 0.15  # inches
COLOURS = ("#ffffff", "#fdae6b", "#e6550d", "#7f2704")  # for weights from 0 to 1
FONTS = ("monospace", "sans-serif")


class Scale(NamedTuple):
    """How a side of the table is drawn: a cell's side (inches), letter size (points), and that every `step`-th token
    is named."""

    cell: float
    size: float
    step: int


def scale(count: int) -> Scale:
    """Return the scale of a side with `count` tokens: first cells shrink, then letters, then some names are left
    out."""
    cell = min(CELL, LONGEST / max(count, 1))
    size = min(SIZE, max(SMALLEST, cell / LINE))
    return Scale(cell, size, max(1, math.ceil(size * LINE / cell - 1e-9)))


def draw(path: str, source: Sequence[str], target: Sequence[str], weights: ArrayLike, title: str = "") -> None:
    """Write a picture of weights (T, S), 0 to 1, of T target tokens (rows) and S source tokens (columns).

    Raises ValueError if shapes differ, SeqcliError if the file cannot be written; `check` a path first.
    """
    table = _table(weights)
    if table.shape != (len(target), len(source)):
        raise ValueError(f"weights {table.shape} for {len(target)} target and {len(source)} source tokens")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

    across, down = scale(len(source)), scale(len(target))
    columns = [_cut(plain(token)) for token in source[:: across.step]]
    rows = [_cut(plain(token)) for token in target[:: down.step]]
    widths = [_inches(name, across.size) for name in columns]
    room = across.cell * across.step
    room *= 0.95 if max(widths, default=0.0) <= 0.95 * room else 0.6  # beside rotated names only short ones lie flat
    turned = [inches > room for inches in widths]
    # inches, from left to right and from top to bottom
    left = MARGIN + max((_inches(name, down.size) for name in rows), default=0.0) + 0.08
    body = max(len(source), 1) * across.cell, max(len(target), 1) * down.cell
    heads = [inches if turn else across.size * LINE for inches, turn in zip(widths, turned, strict=True)]
    shown = _cut(plain(title).replace("\u2423", " "), int(LONGEST / (LETTER * SIZE / 72)))
    top = MARGIN + bool(shown) * 2 * SIZE * LINE + max(heads, default=0.0) + 0.08
    key = f"down: target   across: source   {len(target):,} x {len(source):,}"
    named = "".join(
        f", one in {side.step} of {which} named"
        for which, side in (("target", down), ("source", across))
        if side.step > 1
    )
    least = max(_inches(shown, SIZE), _inches(key + named, 7)) + 2 * MARGIN
    wide = max(left + body[0] + 0.15 + BAR + 0.35 + MARGIN, least)
    high = top + body[1] + 0.28 + MARGIN / 2
    figure = Figure(figsize=(wide, high), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)

    low = 1 - (top + body[1]) / high
    axes = figure.add_axes((left / wide, low, body[0] / wide, body[1] / high))
    seen = table if table.size else np.zeros((max(len(target), 1), max(len(source), 1)))
    colours = LinearSegmentedColormap.from_list("attention", COLOURS)
    image = axes.imshow(seen, cmap=colours, vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    letters = {"family": FONTS, "parse_math": False}
    axes.xaxis.tick_top()
    axes.set_xticks(range(0, len(source), across.step), columns, size=across.size, **letters)
    for label, turn in zip(axes.get_xticklabels(), turned, strict=False):
        label.set_rotation(90 if turn else 0)
    axes.set_yticks(range(0, len(target), down.step), rows, size=down.size, **letters)
    axes.tick_params(length=0, pad=3)
    axes.spines[:].set_color("#bbbbbb")
    if min(across.cell, down.cell) >= 0.15:
        axes.set_xticks(np.arange(0.5, len(source) - 1), minor=True)
        axes.set_yticks(np.arange(0.5, len(target) - 1), minor=True)
        axes.grid(which="minor", color="#dddddd", linewidth=0.5)
        axes.tick_params(which="minor", length=0)
    if table.size <= NUMBERS:
        for (t, s), weight in np.ndenumerate(table):
            if weight >= 0.005:
                color = "white" if weight > 0.65 else "black"
                axes.text(s, t, _number(weight), ha="center", va="center", size=7, color=color)

    bar = figure.add_axes(((left + body[0] + 0.15) / wide, low, BAR / wide, body[1] / high))
    figure.colorbar(image, cax=bar, ticks=[0, 0.5, 1] if body[1] > 0.6 else [0, 1])
    bar.tick_params(labelsize=7, length=2)
    bar.spines[:].set_color("#bbbbbb")
    if shown:
        place = MARGIN / wide, 1 - (MARGIN + SIZE * LINE) / high
        figure.text(*place, shown, size=SIZE, weight="bold", color="#333333", va="baseline", **letters)
    figure.text(MARGIN / wide, MARGIN / 2 / high, key + named, size=7, color="#777777", va="baseline", **letters)
    save(figure, path)


def pairs(weights: ArrayLike, *, source: int | None = None, target: int | None = None) -> list[tuple[int, int]]:
    """Return the alignment of weights (T, S): pairs (source index, target index), from 0, of each target token and
    the source token with the greatest weight, the first of equals.

    `source` and `target` are the numbers of tokens that are words, if more follow, such as an end of sentence; a
    target word whose greatest weight is not at a word, or is 0, has no pair. Raises ValueError unless weights have
    two dimensions."""
    table = _table(weights)
    if not table.size:
        return []
    best, words = table.argmax(axis=1), table.shape[1] if source is None else source
    looked = (table.max(axis=1) > 0) & (best < words)
    return [(int(best[t]), t) for t in range(len(table))[:target] if looked[t]]


def pharaoh(weights: ArrayLike, *, source: int | None = None, target: int | None = None) -> str:
    """Return the same alignment in Pharaoh format, `0-0 2-1 1-2`, source index first; empty without a pair."""
    return " ".join(f"{s}-{t}" for s, t in pairs(weights, source=source, target=target))


def _table(weights: ArrayLike) -> np.ndarray:
    table = np.asarray(weights, np.float32)
    if table.ndim != 2:
        raise ValueError(f"weights {table.shape} must be (T, S)")
    return table


@cache
def _renderer() -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.font_manager import FontProperties

    return RendererAgg(1, 1, DPI), FontProperties


def _inches(text: str, size: float) -> float:
    """Return the drawn width of a text in inches; a box for a missing character may be wider than a letter."""
    renderer, font = _renderer()
    with quiet():
        return renderer.get_text_width_height_descent(text, font(family=FONTS, size=size), ismath=False)[0] / DPI


def _cut(text: str, most: int = WORD) -> str:
    """Truncate a text to at most `most` columns, with an ellipsis at the end if it was longer."""
    if width(text) <= most:
        return text
    while width(text) >= most:
        text = text[:-1]
    return text + "\u2026"


def _number(weight: float) -> str:
    return f"{weight:.2f}".removeprefix("0")
