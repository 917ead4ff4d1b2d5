"""Restorations: what a tagger of characters puts back into text, one kind a file. This module is the contract.

Labels come from plain text itself: remove something, and what was removed is the label of the character that had it.
The module of a kind has

- `strip(line)`: splits a line of true text into (units, labels), a label for each unit;
- `observe(line)`: splits a user's line into the units that the model sees;
- `restore(units, labels)`: returns the restored text; raises SeqcliError for a label of another kind;
- `lost(line)`: returns the line without what the kind restores, as a user is expected to give it;
- `normalise(line)`: returns the form in which a line comes back.

Every kind promises, for any string: `restore(*strip(line)) == normalise(line)`, and
`observe(line) == observe(lost(line)) == strip(line)[0]`, so that a model sees the same in training and in use. Spaces
or accents that a user's line still has are therefore removed and predicted anew. The empty line gives ([], []). All
functions take time linear in the line.

A unit is a character with its combining marks, as split by `units`. A label is a word without white space; NOTHING,
or an empty label (of an untagged unit), leaves the unit as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from unicodedata import category

from seqcli.errors import SeqcliError

NOTHING = "-"  # the label of a unit that nothing was removed from

_ALONE, _MARK, _ZWJ, _SYMBOL, _FLAG, _HANGUL, _JAMO = range(7)


def unknown_label(kind: str, label: str, known: str) -> SeqcliError:
    """Return the error for a label that the kind does not use; `known` lists those that it does."""
    return SeqcliError(
        f"{label!r} is not a label of the restoration {kind!r}: {known}",
        hint="restore with the kind that the model was trained for",
    )


def put_back(units: Sequence[str], labels: Sequence[str], into: Callable[[str, str], str]) -> str:
    """Join units, each restored by its label: `into(unit, label)` if it has one."""
    pairs = zip(units, labels, strict=True)
    return "".join(unit if label in ("", NOTHING) else into(unit, label) for unit, label in pairs)


def units(text: str) -> list[str]:
    """Split a text into its units; "".join(units(text)) == text.

    A unit is a code point and what cannot stand without it: combining marks, variation selectors, ZWJ and ZWNJ,
    emoji modifiers and tags; a symbol after symbol + ZWJ; the second of two regional indicators; a conjoining jamo
    vowel or final after Hangul. These are the extended grapheme clusters of UAX #29 except for the rules that need
    tables Python lacks (prepended marks, Indic conjuncts) and for controls, which here take marks as letters do.
    The first code point of a text always begins a unit.
    """
    if text.isascii():
        return list(text)
    found: list[str] = []
    start, first, last = 0, _ALONE, _ALONE  # the unit's start, the classes of its first and last code point
    for i, character in enumerate(text):
        now = _class(character)
        if i and not _joins(first, last, now, i - start):
            found.append(text[start:i])
            start, first = i, now
        elif not i:
            first = now
        last = now
    found.append(text[start:])
    return found


def _joins(first: int, last: int, now: int, length: int) -> bool:
    if now in (_MARK, _ZWJ):
        return True
    if now == _SYMBOL:
        return first == _SYMBOL and last == _ZWJ
    if now == _FLAG:
        return first == _FLAG and length == 1
    return now == _JAMO and last in (_HANGUL, _JAMO)


@cache
def _class(character: str) -> int:
    if character == "\u200d":
        return _ZWJ
    code = ord(character)
    # Unicode classes the halfwidth voiced marks as letters, but its grapheme clusters treat them as marks
    if character == "\u200c" or 0x1F3FB <= code <= 0x1F3FF or 0xE0020 <= code <= 0xE007F or code in (0xFF9E, 0xFF9F):
        return _MARK
    if 0x1F1E6 <= code <= 0x1F1FF:
        return _FLAG
    if 0x1160 <= code <= 0x11FF or 0xD7B0 <= code <= 0xD7FF:
        return _JAMO
    if 0x1100 <= code <= 0x115F or 0xA960 <= code <= 0xA97F or 0xAC00 <= code <= 0xD7A3:
        return _HANGUL
    kind = category(character)
    return _MARK if kind[0] == "M" else _SYMBOL if kind == "So" else _ALONE
