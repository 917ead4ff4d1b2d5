"""Colour text on a terminal by weights: black on white for 0, on orange for 1, on blue for -1."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from seqcli import console

# backgrounds among xterm's 256 colours; that of 0 is white, so that pale means little on a dark terminal too
POSITIVE, NEGATIVE = (255, 230, 223, 216, 209, 202), (255, 189, 153, 117, 75, 69)


def can_colour() -> bool:
    """Whether standard output is a terminal that shows colours."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return sys.stdout is not None and sys.stdout.isatty() and not plain


def painted(text: str, weights: Iterable[tuple[int, int, float]]) -> str:
    """Return a text whose tokens (start, end, weight from -1 to 1) have backgrounds; a background ends at a line
    end."""
    parts, at = [], 0
    for start, end, weight in weights:
        parts.append(console.visible(text[at:start]))
        grounds = NEGATIVE if weight < 0 else POSITIVE
        ground = grounds[round(min(abs(weight), 1.0) * (len(grounds) - 1))]
        lines = console.visible(text[start:end]).split("\n")
        parts.append("\n".join(f"\x1b[30;48;5;{ground}m{line}\x1b[0m" if line else "" for line in lines))
        at = end
    return "".join([*parts, console.visible(text[at:])])
