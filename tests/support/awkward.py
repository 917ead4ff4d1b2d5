"""Lines that an engine may break, for its tests and its benchmark."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

# Blank lines, and what engines may take for a line's end.
ODD = [
    "",
    " ",
    "a\u2028fine film",
    "a\x0cmess",
    "dull\x85story",
    "x\x1cy",
    "tail\r",
    "a\rb",
    "\ttab\t",
    '"quoted',
    "\\n",
]


def lines(count: int, words: Sequence[str], seed: int = 1) -> Iterator[str]:
    """Lines of words, some of them blank, or with what engines may take for a line's end."""
    draw = random.Random(seed)
    for i in range(count):
        yield ODD[i // 50 % len(ODD)] if i % 50 == 7 else " ".join(draw.choices(words, k=draw.randint(2, 14)))
