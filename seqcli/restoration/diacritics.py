"""Diacritics: accents and other marks of Latin, Greek and Cyrillic letters for text that has lost them.

The label lists what the letter has lost, in canonical order: "U+0301" for an acute, "U+0302,U+0301" for both marks of
ấ, "stroke" for the bar of đ ł ø ħ ŧ, "dotless" for ı; "-" for nothing. Removed and restored are

- on a Latin or a Greek letter: the marks U+0300 to U+036F (except the grapheme joiner U+034F), at most three;
- on a Cyrillic letter: grave and acute on a vowel (stress, ѝ) and the dots of ё. Letters such as й, ї and ў are on
  every keyboard and stay.

ß, æ, œ, ð and þ are letters of their own and stay; so do the marks of all other scripts and of signs (≠). `normalise`
is Unicode's NFC, except that a unit of more than LONGEST code points, which no spelling has, stays as it is.
"""

from __future__ import annotations

from functools import cache, lru_cache
from unicodedata import name, normalize

from seqcli.restoration import NOTHING, put_back, units, unknown_label

LONGEST = 32  # code points: `unicodedata.normalize` takes time quadratic in a run of marks
MARKS = 3  # a Greek vowel has a breathing, an accent and an iota

_FIRST = {"stroke": ("dlohtDLOHT", "đłøħŧĐŁØĦŦ"), "dotless": ("i", "ı")}  # not combining marks: without, with
_TAKEN = {w: (p, label) for label, columns in _FIRST.items() for p, w in zip(*columns, strict=True)}
_GIVEN = {(p, label): w for w, (p, label) in _TAKEN.items()}
_STRESSED = frozenset("аеиоуыэюяієАЕИОУЫЭЮЯІЄ")


@lru_cache(1 << 16)
def _script(letter: str) -> str:
    """Return LATIN, GREEK or CYRILLIC from a letter's name; another word or `""` for any other character."""
    return name(letter, "").partition(" ")[0] if letter.isalpha() else ""


def _restored(base: str, mark: str) -> bool:
    if not "\u0300" <= mark <= "\u036f" or mark == "\u034f":
        return False
    script = _script(base)
    if script == "CYRILLIC":
        return (mark in "\u0300\u0301" and base in _STRESSED) or (mark == "\u0308" and base in "еЕ")
    return script in ("LATIN", "GREEK")


@lru_cache(1 << 16)
def _marked(unit: str, label: str) -> str:
    """Return the unit in NFC with what the label lists; "stroke" and "dotless" keep a letter without such a form."""
    whole = normalize("NFD", unit)
    base, rest = whole[0], whole[1:]
    for part in label.split(","):
        if part in _FIRST:
            base = _GIVEN.get((base, part), base)
        else:
            rest += _mark(part)
    return normalize("NFC", base + rest)


@cache
def _mark(part: str) -> str:
    try:
        mark = chr(int(part.removeprefix("U+"), 16))
    except (ValueError, OverflowError):
        mark = ""
    if part != f"U+{ord(mark or ' '):04X}" or not _restored("a", mark):
        raise unknown_label("diacritics", part, "they are 'U+0300' to 'U+036F', 'stroke', 'dotless' and '-'")
    return mark


@lru_cache(1 << 16)
def _divided(unit: str) -> tuple[str, str]:
    """Return (the unit as the model sees it, its label)."""
    whole = normalize("NFC", unit)
    first, *marks = normalize("NFD", unit)
    base, own = _TAKEN.get(first, (first, ""))
    taken = [m for m in marks if _restored(base, m)]
    label = ",".join(([own] if own else []) + [f"U+{ord(m):04X}" for m in taken])
    if not label or len(taken) > MARKS:
        return whole, NOTHING
    seen = normalize("NFC", base + "".join(m for m in marks if not _restored(base, m)))
    # restoring may not give the original order of kept and removed marks: then all stay
    return (seen, label) if _marked(seen, label) == whole else (whole, NOTHING)


def _divide(line: str) -> list[tuple[str, str]]:
    return [_divided(u) if len(u) <= LONGEST else (u, NOTHING) for u in units(line)]


def strip(line: str) -> tuple[list[str], list[str]]:
    """Split true text into (units, labels)."""
    if line.isascii():
        return list(line), [NOTHING] * len(line)
    pairs = _divide(line)
    return [unit for unit, _ in pairs], [label for _, label in pairs]


def observe(line: str) -> list[str]:
    """Return the units of a line without diacritics; those it has are predicted anew."""
    return strip(line)[0]


def restore(characters: list[str], labels: list[str]) -> str:
    """Return the text with its diacritics, in NFC. Raises SeqcliError for an unknown label."""
    return put_back(characters, labels, lambda unit, label: unit if len(unit) > LONGEST else _marked(unit, label))


def lost(line: str) -> str:
    """Return the line without diacritics."""
    return "".join(observe(line))


def normalise(line: str) -> str:
    """Return the line in NFC."""
    return "".join(normalize("NFC", unit) if len(unit) <= LONGEST else unit for unit in units(line))
