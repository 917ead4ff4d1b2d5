"""Pictures of a report as inline SVG: curves, a reliability diagram, tables of weights. Colours are classes of the
page's style, so that they follow its light or dark theme."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

WIDE, HIGH, LEFT, BOTTOM, TOP, RIGHT = 440, 270, 56, 40, 10, 14  # a picture's size and margins
POINTS = 300  # about the most points of a curve
CELL, LETTER = 20, 7.3  # in a table of weights: the side of a cell, the width of a letter


class Line(NamedTuple):
    """A curve: its points, the class of its colour, its name, whether it is dashed, and a point to put a ring
    around."""

    points: Sequence[tuple[float, float]]
    colour: int
    name: str
    dashed: bool = False
    ring: tuple[float, float] | None = None


def curves(lines: Sequence[Line], across: str, up: str, *, logarithmic: bool = False) -> str:
    """Draw curves in one picture; return "" if there are no points."""
    kept = [
        line._replace(points=[p for p in line.points if _shown(p[1], logarithmic)]) for line in lines if line.points
    ]
    points = [p for line in kept for p in line.points]
    if not points:
        return ""
    scale = math.log10 if logarithmic else float
    low, high = min(scale(y) for _, y in points), max(scale(y) for _, y in points)
    pad = (high - low) * 0.04 or max(abs(high) * 0.1, 0.1)
    x_axis = _Axis(min(x for x, _ in points), max(x for x, _ in points), LEFT, WIDE - RIGHT)
    y_axis = _Axis(low - pad, high + pad, HIGH - BOTTOM, TOP)
    parts = [_frame(x_axis, y_axis, across, logarithmic=logarithmic)]
    for line in kept:
        chosen = line.points[:: max(len(line.points) // POINTS, 1)]
        if chosen and chosen[-1] != line.points[-1]:
            chosen = [*chosen, line.points[-1]]
        path = " ".join(f"{x_axis.at(x):.1f},{y_axis.at(scale(y)):.1f}" for x, y in chosen)
        dashes = ' stroke-dasharray="4 3"' if line.dashed else ""
        title = f"<title>{escape(line.name)}</title>"
        if len(chosen) == 1:
            x, y = chosen[0]
            parts.append(_dot(x_axis.at(x), y_axis.at(scale(y)), line.colour, 3, title))
        else:
            parts.append(f'<polyline class="line c{line.colour}"{dashes} points="{path}">{title}</polyline>')
        if line.ring and _shown(line.ring[1], logarithmic):
            x, y = line.ring
            at = x_axis.at(x), y_axis.at(scale(y))
            parts.append(f'<circle class="line c{line.colour}" cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="5"/>')
    return _picture(WIDE, HIGH, parts, f"{up}, by {across}")


def reliability(bins: Sequence[Mapping[str, float]]) -> str:
    """Draw the share of right answers against their predicted probability, bin by bin; a dot's size shows how many
    answers its bin has."""
    filled = [b for b in bins if b["count"]]
    if not filled:
        return ""
    x_axis, y_axis = _Axis(0, 1, LEFT, WIDE - RIGHT), _Axis(0, 1, HIGH - BOTTOM, TOP)
    parts = [_frame(x_axis, y_axis, "predicted probability")]
    ends = f'x1="{x_axis.at(0)}" y1="{y_axis.at(0)}" x2="{x_axis.at(1)}" y2="{y_axis.at(1)}"'
    parts.append(f'<line class="grid" stroke-dasharray="4 3" {ends}/>')
    most = max(b["count"] for b in filled)
    path = " ".join(f"{x_axis.at(b['confidence']):.1f},{y_axis.at(b['accuracy']):.1f}" for b in filled)
    parts.append(f'<polyline class="line c0" points="{path}"/>')
    for b in filled:
        title = f"<title>given {b['confidence']:.3f}, right {b['accuracy']:.3f}, {b['count']:,.0f} answers</title>"
        size = 2 + 6 * math.sqrt(b["count"] / most)
        parts.append(_dot(x_axis.at(b["confidence"]), y_axis.at(b["accuracy"]), 0, size, title))
    return _picture(WIDE, HIGH, parts, "reliability: how often answers of a probability are right")


def heat(source: Sequence[str], target: Sequence[str], weights: Sequence[Sequence[float]]) -> str:
    """Draw a table of weights from 0 to 1: targets down, sources across."""
    left = 8 + LETTER * max((len(t) for t in target), default=0)
    top = 8 + LETTER * max((len(s) for s in source), default=0)
    parts = []
    for i, name in enumerate(source):
        x, y = left + (i + 0.68) * CELL, top - 4
        parts.append(f'<text x="{x:.1f}" y="{y:.1f}" transform="rotate(-90 {x:.1f} {y:.1f})">{escape(name)}</text>')
    for t, name in enumerate(target):
        y = top + (t + 0.68) * CELL
        parts.append(f'<text x="{left - 5:.1f}" y="{y:.1f}" text-anchor="end">{escape(name)}</text>')
        for i, weight in enumerate(weights[t]):
            title = f"<title>{escape(name)} attends to {escape(source[i])}: {weight:.3f}</title>"
            place = f'x="{left + i * CELL:.1f}" y="{top + t * CELL:.1f}"'
            parts.append(
                f'<rect class="hot" {place} width="{CELL - 1}" height="{CELL - 1}" '
                f'fill-opacity="{max(weight, 0.04):.2f}">{title}</rect>'
            )
    wide, high = left + len(source) * CELL + 4, top + len(target) * CELL + 4
    return _picture(wide, high, parts, "attention of each token of the answer", own_size=True)


class _Axis:
    """An axis that maps numbers from `low` to `high` to a picture's coordinates from `start` to `end`."""

    def __init__(self, low: float, high: float, start: float, end: float):
        room = 0.0 if high > low else abs(low) / 2 or 1.0  # room around a single point
        self.low, self.high, self._start, self._end = low - room, high + room, start, end

    def at(self, value: float) -> float:
        return self._start + (value - self.low) / (self.high - self.low) * (self._end - self._start)

    def ticks(self, most: int = 5) -> list[float]:
        """Return round numbers inside the axis."""
        rough = (self.high - self.low) / most
        unit = 10 ** math.floor(math.log10(rough))
        step = next(s * unit for s in (1, 2, 2.5, 5, 10) if s * unit >= rough * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        return [i * step for i in range(first, math.floor(self.high / step + 1e-9) + 1)]


def _frame(x_axis: _Axis, y_axis: _Axis, across: str, *, logarithmic: bool = False) -> str:
    parts = []
    for value in _decades(y_axis) if logarithmic else y_axis.ticks():
        y = y_axis.at(value)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDE - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        named = number(10**value if logarithmic else value)
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{named}</text>')
    for value in x_axis.ticks():
        x = x_axis.at(value)
        parts.append(f'<text x="{x:.1f}" y="{HIGH - BOTTOM + 16}" text-anchor="middle">{number(value)}</text>')
    parts.append(f'<text x="{(LEFT + WIDE - RIGHT) / 2}" y="{HIGH - 6}" text-anchor="middle">{escape(across)}</text>')
    return "".join(parts)


def _decades(axis: _Axis) -> list[float]:
    """Return the logarithms of round numbers for a logarithmic axis: powers of ten, or 1, 2 and 5 times these, or
    more."""
    powers = range(math.floor(axis.low), math.ceil(axis.high) + 1)
    for parts in ((1,), (1, 2, 5), tuple(range(1, 10))):
        found = [p + math.log10(part) for p in powers for part in parts]
        inside = [v for v in found if axis.low <= v <= axis.high]
        if len(inside) >= 3:
            return inside[:: -(-len(inside) // 6)]
    return axis.ticks()


def number(value: float) -> str:
    """Format a number for an axis: 0.002, 1.5, 12k, 3M."""
    for size, sign in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size * (1 - 1e-9):
            return f"{value / (1e3 if sign == 'k' else size):.4g}{sign}"
    return f"{value:.3g}" if abs(value) < 1e3 else f"{value:,.0f}"


def _dot(x: float, y: float, colour: int, size: float, title: str = "") -> str:
    return f'<circle class="dot c{colour}" cx="{x:.1f}" cy="{y:.1f}" r="{size:.1f}">{title}</circle>'


def _picture(wide: float, high: float, parts: Sequence[str], said: str, *, own_size: bool = False) -> str:
    size = f' width="{wide:.0f}" height="{high:.0f}"' if own_size else ""
    head = f'<svg viewBox="0 0 {wide:.0f} {high:.0f}"{size} role="img" aria-label="{escape(said)}">'
    return head + "".join(parts) + "</svg>"


def _shown(y: float | None, logarithmic: bool) -> bool:
    return y is not None and math.isfinite(y) and (y > 0 or not logarithmic)
