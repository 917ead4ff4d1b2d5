"""Colour text on a terminal by weights: a greater weight gives a darker background."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from seqcli import console

GROUNDS = (None, 230, 223, 216, 209, 202)  # backgrounds among xterm's 256 colours, from none to orange


def can_colour() -> bool:
    """Whether standard output is a terminal that shows colours."""
    return sys.stdout is not None and sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def painted(text: str, weights: Iterable[tuple[int, int, float]]) -> str:
    """Return a text whose tokens (start, end, weight from 0 to 1) have backgrounds; a background ends at a line
    end."""
    parts, at = [], 0
    for start, end, weight in weights:
        parts.append(console.visible(text[at:start]))
        ground = GROUNDS[round(min(max(weight, 0.0), 1.0) * (len(GROUNDS) - 1))]
        token = console.visible(text[start:end])
        parts.append(
            token
            if ground is None
            else "\n".join(f"\x1b[30;48;5;{ground}m{part}\x1b[0m" if part else "" for part in token.split("\n"))
        )
        at = end
    return "".join([*parts, console.visible(text[at:])])
