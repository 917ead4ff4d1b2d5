"""Text that filters must bear."""

from __future__ import annotations

import random
from collections.abc import Sequence


def hostile(count: int, seed: int, awkward: Sequence[str]) -> list[str]:
    """Lines that no one would write: some of the awkward ones, others of characters of every plane."""
    draw = random.Random(seed)
    ranges = [
        (0, 0x20),
        (0x20, 0x7F),
        (0x80, 0x250),
        (0x590, 0x700),
        (0x1F000, 0x1FAFF),
        (0x300, 0x370),
        (0, 0x110000),
    ]

    def character() -> str:
        while True:
            code = draw.randrange(*draw.choice(ranges))
            if code != 0x0A and not 0xD800 <= code < 0xE000:
                return chr(code)

    def line() -> str:
        if draw.random() < 0.3:
            return draw.choice(awkward)
        parts = ["".join(character() for _ in range(draw.randrange(8))) for _ in range(draw.randrange(12))]
        return draw.choice([" ", "", "\t"]).join(parts)

    return [line() for _ in range(count)]
