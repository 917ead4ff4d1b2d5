"""Spaces: split text that has lost its spaces into words.

The label is "S" if a space follows the unit, else "-". `normalise` turns each run of white space (as `str.split` sees
it) into one space, and drops those at the ends, and those before a character that belongs to the unit before it (a
combining mark, the second half of a flag), because it joins its unit when the space is lost.
"""

from __future__ import annotations

from itertools import accumulate

from seqcli.restoration import NOTHING, put_back, units, unknown_label

SPACE = "S"


def strip(line: str) -> tuple[list[str], list[str]]:
    """Split true text into (units, labels)."""
    words = line.split()
    characters = units("".join(words))
    ends = set(accumulate(map(len, words[:-1])))
    return characters, [SPACE if end in ends else NOTHING for end in accumulate(map(len, characters))]


def observe(line: str) -> list[str]:
    """Return the units of a line without its white space, which is predicted anew."""
    return units(lost(line))


def restore(characters: list[str], labels: list[str]) -> str:
    """Return the text with its spaces; one after the last unit is dropped. Raises SeqcliError for unknown labels."""
    return put_back(characters, labels, _spaced).removesuffix(" ")


def _spaced(unit: str, label: str) -> str:
    if label != SPACE:
        raise unknown_label("spaces", label, "they are 'S' and '-'")
    return f"{unit} "


def lost(line: str) -> str:
    """Return the line without white space."""
    return "".join(line.split())


def normalise(line: str) -> str:
    """Return the line with one space for each run of white space."""
    return restore(*strip(line))
