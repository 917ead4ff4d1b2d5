"""Draw curves over whole numbers on a logarithmic scale, as text or as a picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from seqcli.insight._picture import DPI, ENDINGS, check, save

__all__ = ["ENDINGS", "Curves", "check", "draw", "text"]

Curves = Mapping[str, Sequence[float]]  # name -> values at 1, 2, 3 …; NaN and values not above 0 are left out
MARKS = "●○▲△■□◆◇+×"
HIGH, WIDE = 14, 64  # lines and columns of the text form


def text(curves: Curves, across: str) -> list[str]:
    """Return lines that draw the curves, with a key to their marks; `across` names what the whole numbers count."""
    points = [(x, math.log10(y)) for values in curves.values() for x, y in enumerate(values, 1) if _shown(y)]
    if not points:
        return ["nothing to draw"]
    right, low, high = max(x for x, _ in points), min(y for _, y in points), max(y for _, y in points)
    low, high = (low - 0.5, high + 0.5) if high - low < 1e-9 else (low, high)
    canvas = [[" "] * WIDE for _ in range(HIGH)]
    for mark, values in zip(MARKS * len(curves), curves.values(), strict=False):
        for column in range(WIDE):
            x = 1 + round(column * (right - 1) / (WIDE - 1))
            if x <= len(values) and _shown(values[x - 1]):
                row = round((high - math.log10(values[x - 1])) / (high - low) * (HIGH - 1))
                canvas[row][column] = mark
    named = {0: high, HIGH // 2: high - (high - low) * (HIGH // 2) / (HIGH - 1), HIGH - 1: low}
    lines = [f"{f'{10 ** named[i]:.1e}' if i in named else '':>8} ┤{''.join(row)}" for i, row in enumerate(canvas)]
    below = f"1{f'{right:,}':>{WIDE - 1}}"
    key = "   ".join(f"{mark} {name}" for mark, name in zip(MARKS * len(curves), curves, strict=False))
    return [*lines, f"{'':>8} └{'─' * WIDE}", f"{'':>10}{below}", f"{'':>10}{across:^{WIDE}}", f"{'':>10}{key}"]


def _shown(y: float) -> bool:
    return math.isfinite(y) and y > 0


def draw(path: str, curves: Curves, across: str, up: str, spectra: Mapping[str, Sequence[complex]]) -> None:
    """Write a picture of curves, with eigenvalues in the complex plane beside them if `spectra` has any. Raises
    SeqcliError if the file cannot be written; `check` a path first."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.5 if spectra else 7, 4.4), dpi=DPI, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(1, 2 if spectra else 1, 1)
    for name, values in curves.items():
        places = [x for x, y in enumerate(values, 1) if _shown(y)]
        axes.plot(places, [values[x - 1] for x in places], label=name, linewidth=1.8)
    axes.set_yscale("log")
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.legend(frameon=False)
    if spectra:
        plane = figure.add_subplot(1, 2, 2, aspect="equal")
        turn = [2 * math.pi * i / 200 for i in range(201)]
        plane.plot([math.cos(a) for a in turn], [math.sin(a) for a in turn], color="#999999", linewidth=0.8)
        for name, values in spectra.items():
            plane.scatter([v.real for v in values], [v.imag for v in values], s=6, label=name, alpha=0.6)
        plane.set_xlabel("eigenvalues of the recurrent weights: real part")
        plane.set_ylabel("imaginary part")
        plane.grid(color="#dddddd", linewidth=0.6)
        plane.legend(frameon=False, fontsize=7, markerscale=2, loc="center left", bbox_to_anchor=(1, 0.5))
    for part in figure.axes:
        part.spines[["top", "right"]].set_visible(False)
    save(figure, path)


def bars(path: str, shares: Mapping[str, Sequence[float]], across: str) -> None:
    """Write a picture of the distribution of values from 0 to 1, a row of bars for each name. Raises SeqcliError if
    the file cannot be written; `check` a path first."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 1.1 * len(shares) + 0.8), dpi=DPI, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    for place, (name, values) in enumerate(shares.items(), 1):
        axes = figure.add_subplot(len(shares), 1, place)
        whole = sum(values) or 1
        axes.bar([(i + 0.5) / len(values) for i in range(len(values))], [100 * v / whole for v in values],
                 width=0.9 / len(values))  # fmt: skip
        axes.set_xlim(0, 1)
        axes.set_ylabel("%", size=8)
        axes.set_title(name, size=9, loc="left")
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[-1].set_xlabel(across)
    save(figure, path)
