"""Classes of characters of Unicode 17.0, frozen here so that a rule splits alike under every Python.

A table lists ranges in order of code point, in hexadecimal: `gap-more` begins `gap` after the end of the one before
(the first after 0) and holds `more` further code points. A code point that no table lists, later additions to Unicode
among them, is a character of a word.
"""

from __future__ import annotations

from bisect import bisect
from functools import cache

# Combining marks (Mn, Mc, Me), the joiners (zero width joiner and non-joiner, soft hyphen, word joiner) and the tags
# of sub-national flags: each belongs to the character before it.
MARKS = """
ad 253-6f 114-6 108-2c 2 2-1 2-1 2-2 47-a 31-14 11 66-6 3-5 3-1 2-3 24 1f-1a 5c-a 3b-8 a 19-3 2-8 2-2 2-4 2c-2 3c-8
2b-17 2-20 37-2 2-11 2-6 b-1 1e-2 39 2-6 3-1 3-2 a b-1 1b 3-2 39 2-4 5-1 3-2 4 1f-1 4 c-2 39 2-7 2-2 2-2 15-1 17-5
2-2 39 2-6 3-1 3-2 6-4 b-1 1f 3c-4 4-2 2-3 a 29-4 38 2-6 2-2 2-3 8-1 c-1 1e-2 39 2-6 2-2 2-3 8-1 c-1 10 d-3 38-1 2-6
2-2 2-3 a b-1 1e-2 47 5-5 2 2-7 13-1 3e 3-6 d-7 63 3-8 c-6 4a-1 1c 2 2 5-1 32-13 2-1 6-a 2-23 a 65-13 18-3 5-2 2-2
3-6 4-3 e-b 2 b-3 2c0-2 3b3-3 1d-2 1e-1 1f-1 41-1f a 2e-2 2 76-1 23 77-b 5-b dc-4 3a-9 2-1c 3 31-40 10-4 30-10 27-8
d-2 1f-c 39-d 31-13 99-2 2-14 5 7 3-2 c7-3f 20d-1 53 70-20 bff-2 8e 61-1f 22b-5 6a-1 75d5-3 2-9 21-1 51-1 111 4 5
18-4 5 54-1 33-11 1b-11 e 27-7 1a-c 2d-3 30-d 25 44-d d 9-1 2e-2 33 2-2 3-1 6-1 2 2a-4 6-1 ed-7 2-1 4f31 2e2-f 11-f
3ce e3 96-4 687-2 2-1 6-3 29-2 5 a6-1 23e-3 42-4 13e-1 1f-4 21-f 47-a 32-3 7b-2 36-e 2a 3-1 b-3 2e-a 8 3e-2 25-d
11-1 2d d-2 31-d 9-3 2-1 5d-b 7 3 9e-b 16-3 38-1 2-6 3-1 3-2 a b-1 3-6 4-4 44-8 2 3 2-3 2-4 2 f-1 53-11 18 52-13
ec-6 3-8 1c-1 53-10 6b-c 66-e 101-e f6-5 2-1 3-3 2 2-1 8e-6 3-6 4 1d-9 29-6 2-3 9 a-a 2f-f c7-7 c8-7 2-7 53-15 2-d
7b-5 4 2-1 2-6 2 43-4 2-1 2-4 59 103-3 a-1 2 31-6 4-4 18 14e6 7-e 2cc9-11 9c1-4 3c-6 419 2-36 8-3 52 c-1 4cac-1
1262-2d 3-16 1e1-1 3d-4 4-5 9-7 3-6 1f-3 95-2 c-2 9-1 3 21-1 77f-36 5-31 9 f 17-4 2-e 551-6 2-10 3-6 2-1 2-4 65 a1-6
178 3e-3 1fd-3 ff-1 f4 3 8-1 6 1db-6 6e-6 c16d6-5f 81-ef
"""

# Punctuation, symbols and private use (P*, S*, Co) except for the underscore.
SYMBOLS = """
21-e b-6 1b-3 2 1b-3 23-8 2-1 2-3 3 2-2 3 4 18 20 1cb-3 d-d 6-6 2 2-10 76 9 6-1 2 6f 8c d8-5 2a-1 3-2 2f 2 3 3 2d-1
12-9 c 2-2 4b-3 67 a b 14-1 2-d e9-3 5-1 31-e 20 2a dc-1 b 82-1 7-1 2 79 7a-1 7f 83-7 7d 8 5 cb 2a 7b 4b 10 b-1
a6-16 3-5 15 2 2 2-3 48 39-7 2-5 2-c 70-5 4f-1 5c 265-8 28-9 67 26d-1 2d-1 4f-2 48-1 9e-2 2-3 25-a 136 4-1 99-21
1f-1 81-6 2-5 a1-1 b-10 a-b 7d-3 3c-4 3f-1 41-7 c 2ea 2-2 c-2 e-2 e-2 e-1 12-17 9-2e 1c-4 c-4 12-24 3c-1 2-3 2-1 b
2-2 6-5 2 2 2 5 c-1 5-4 6-3 2 3b-1 5-299 17-a 52-4d 17-275 1f-3df 3-89 e6-5 f-3 2-1 71 90-2e 2-2d 3-3 1d-19 2-58
d-d5 1b-f 2-3 4-18 10 6-1 6-2 5c-1 4 5b 95-1 5-9 21-25 a 11-1e c-1d 9 10-1f b-26 10-13f 19c1-3f 5691-36 38-1 10e-2
64 b 74-5 9-16 a-1 68-1 9e-3 b-3 3b-3 57-1 29-2 2 32-1 30 62-c 11-1 7d-3 18-2 65-1 11-1 6a f-1 80 3415-18ff 22a
89-20 16c-11 41-1 37-7 2d-3 11-9 17-22 2-12 2-3 96-e b-6 1b-5 1b-a 7b-6 2-6 e-1 103-2 35-8 3a-10 3-2 2-c 4 30-2c 1a3
31 19f 2e8 20-1 a7 20 111-8 27 49 28-6 43-6 5a-3 1d2 20-1 11e 1c-1 6-8 7d-4 2d-3 be-6 6e-1 2-3 7f-3 31-1 50-3 5 e
2-2 59-5 6c 12b-1 2-1 73-4 b-1 2 69 fb-16 6a-2 1d-c 4d 83-3 fc 109-2 9c 5d-7 54-2 2-4 5e-9 d8 60-4 2b-1 286-1 4b-c
86-1c e 471-4 b7d-1 3a7c-1 86 42-8 5-1 228-2 128-3 148 4cba 3 f61-ef b-2 4-1b3 7-16 2-2 9-20 53-73 3d-f5 b-26 3-3b
6-2 17-1 8-1d 5-93 4 e-7 3-1 2-1f 81-56 36b 1a 20 1a 20 1a 20 1a 20 1a 3d-1ff 38-3 33-7 2-d 2-6 75-1c 633 1b0 300
35f-1 34d 4 7e 1c2-1 10f-2b 5-63 d-e 3-e 2-e 2-24 18-a1 38-1c e-2b 5-8 8-1 f-5 9b-3d9 3-10 4-c 4-db 5-b 5-1b 5-37
9-9 7-27 9-1d 3-b 5-1 f-8 28-157 9-d 3-c 4-46 2 4-11 2-c 4-b 6-92 2-5b b d0406-fffd 3-fffd
"""

# Control, format and lone surrogate code points (Cc, Cf, Cs) that are not among the marks.
CONTROLS = """
0-1f 60-20 561-5 17 c1 32 181-1 51 f2c 7fd 3-1 1b-4 33-3 2-9 b791-7ff 1f00 fa-2 10c2 10 2363-f 8861-3 14d0-7 c2e87
"""


def ranges(table: str) -> list[tuple[int, int]]:
    """Return the ranges of a table as (first, last) code points."""
    found, at = [], 0
    for entry in table.split():
        gap, _, more = entry.partition("-")
        first = at + int(gap, 16)
        at = first + int(more or "0", 16)
        found.append((first, at))
    return found


# Pictographs: the emoji of the supplementary planes, and the blocks of arrows, technical signs and dingbats that
# emoji sequences use. Regional indicators are the letters of flags, two a flag.
TONES = [(0x1F3FB, 0x1F3FF)]
FLAGS = [(0x1F1E6, 0x1F1FF)]
EMOJI = [
    *((0xA9, 0xA9), (0xAE, 0xAE), (0x203C, 0x203C), (0x2049, 0x2049), (0x2122, 0x2122), (0x2190, 0x21FF)),
    *((0x2300, 0x23FF), (0x25A0, 0x27BF), (0x2900, 0x297F), (0x2B00, 0x2BFF), (0x3030, 0x3030), (0x303D, 0x303D)),
    *((0x3297, 0x3297), (0x3299, 0x3299), (0x1F000, 0x1F1E5), (0x1F200, 0x1FAFF)),
]
# Scripts without spaces whose characters are tokens: Han, kana, bopomofo.
IDEOGRAPHS = [
    *((0x3005, 0x3007), (0x3021, 0x3029), (0x3031, 0x3035), (0x3038, 0x303C), (0x3041, 0x3096), (0x309D, 0x309F)),
    *((0x30A1, 0x30FA), (0x30FC, 0x30FF), (0x3105, 0x312F), (0x31A0, 0x31BF), (0x31F0, 0x31FF), (0x3400, 0x4DBF)),
    *((0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0xFF66, 0xFF9F), (0x1AFF0, 0x1B16F), (0x20000, 0x3FFFD)),
]
DIGITS = [(0x660, 0x669), (0x6F0, 0x6F9), (0x966, 0x96F), (0x9E6, 0x9EF), (0xFF10, 0xFF19)]

M = "\u0300\u200d\ufe0f\u20e3"  # marks in a shadow
THEMSELVES = frozenset(map(ord, "\u200d\ufe0f\u20e3‐‑’“”…·٫٬"))  # code points that a rule names


def shadow(text: str) -> str:
    """Return the text with each code point replaced by its class; ASCII, and code points that a rule names, stay.

    `ä` is a character of a word, `٠` a digit, U+0300 a mark, `一` an ideograph, U+1F000 a pictograph, U+1F3FB a skin
    tone, U+1F1E6 a letter of a flag, U+0001 a control; a symbol is moved to planes 15 and 16 and keeps its low 16
    bits, because a run of one symbol is a token.
    """
    return text if text.isascii() else text.translate(_CLASSES)


class _Classes(dict[int, str]):
    """Maps a code point to its character in a shadow, computed on first use."""

    def __missing__(self, code: int) -> str:
        self[code] = found = _class(code)
        return found


def _class(code: int) -> str:
    if code < 0x80 or code in THEMSELVES:
        return chr(code)
    firsts, lasts, kinds = _table()
    at = bisect(firsts, code) - 1
    kind = kinds[at] if at >= 0 and code <= lasts[at] else "ä"
    if kind == "S":
        return chr((0x100000 if code < 0x10000 else 0xF0000) + (code & 0xFFFF))
    return kind


_CLASSES = _Classes()


@cache
def _table() -> tuple[list[int], list[int], list[str]]:
    """Return the first and last code points of disjoint ranges, in order, and their characters in a shadow."""
    symbols = without(ranges(SYMBOLS), [*EMOJI, *FLAGS])
    listed = {
        "\u0300": ranges(MARKS),
        "\x01": ranges(CONTROLS),
        "S": symbols,
        "\U0001f000": without(EMOJI, TONES),
        "\U0001f3fb": TONES,
        "\U0001f1e6": FLAGS,
        "一": without(IDEOGRAPHS, ranges(MARKS)),
        "٠": DIGITS,
    }
    rows = sorted((first, last, kind) for kind, found in listed.items() for first, last in found)
    return [r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows]


def without(listed: list[tuple[int, int]], taken: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the ranges of `listed` without those of `taken`, both in order."""
    for low, high in taken:
        cut = []
        for first, last in listed:
            if last < low or first > high:
                cut.append((first, last))
                continue
            cut += [(first, low - 1)] * (first < low) + [(high + 1, last)] * (last > high)
        listed = cut
    return listed
