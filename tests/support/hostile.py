"""Text that filters must bear."""

from __future__ import annotations

import random
from collections.abc import Sequence

AWKWARD = [
    *("", " ", " \t  ", "\r", "a\r", "\x0b\x0c\x1c\x85", "\u2028\u2029", "\x00\x01\x1b[31m\x7f", "\ufeff", "a\x00b"),
    *("/ \\ // a/b\\/c /NOUN", "-DOCSTART- # text = x _ -", "שלום עולם \u200fمرحبا\u200e 123", "e\u0301\u0300\u0302 \u0301"),
    *("👩‍👩‍👧‍👦🇩🇪🇫🙂🏽 ☃️", "日本語のテキスト、です。", "\U0010ffff\ue000\ufffe\ufdd0", "\u00a0\u3000\u200b", "x" * 300, "'" * 200),
    *("don't can't http://a.b/c?d=e#f me@x.org :-) ...!?!? $1,000.00", '{"text": "no"}', "(1 (2 a) b)", '"', 'a,"b\tc'),
    *("__label__x y", "-\t0.0000", "<unk> <eos> ▁", "IN: a OUT: b", "0-0 1-1", "a very bad film", "fed cba", "the cat"),
]  # fmt: skip


def hostile(count: int, seed: int, awkward: Sequence[str] = AWKWARD) -> list[str]:
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
