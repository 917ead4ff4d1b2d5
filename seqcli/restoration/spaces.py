"""Spaces: divide text that has lost them into words.

The label is "S" where a space follows the unit, else "-". `normalise`: each run of white space (as `str.split` sees
it) is one space, and none stands at the ends; none stands either in front of what belongs to the unit before it (a
combining mark, the second half of a flag), since that joins its unit when the space is lost.
"""

from __future__ import annotations

from itertools import accumulate

from seqcli.restoration import NOTHING, put_back, units, unknown_label

SPACE = "S"


def strip(line: str) -> tuple[list[str], list[str]]:
    """True text as (units, labels)."""
    words = line.split()
    characters = units("".join(words))
    ends = set(accumulate(map(len, words[:-1])))
    return characters, [SPACE if end in ends else NOTHING for end in accumulate(map(len, characters))]


def observe(line: str) -> list[str]:
    """The units of a line; its white space is taken away, and predicted anew."""
    return units(lost(line))


def restore(characters: list[str], labels: list[str]) -> str:
    """The text with its spaces; one after the last unit is dropped. Raises SeqcliError for an unknown label."""
    return put_back(characters, labels, _spaced).removesuffix(" ")


def _spaced(unit: str, label: str) -> str:
    if label != SPACE:
        raise unknown_label("spaces", label, "they are 'S' and '-'")
    return f"{unit} "


def lost(line: str) -> str:
    """The line without white space."""
    return "".join(line.split())


def normalise(line: str) -> str:
    """The line with one space for each run of white space."""
    return restore(*strip(line))
