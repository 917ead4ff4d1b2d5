"""Case: capital letters for text that has lost them.

The label is "U" for a capital, "T" for a title-case digraph that has a capital too (Dž), else "-". `normalise`
changes nothing: a letter that its lower case does not uniquely lead back to (İ, ẞ, the Kelvin and Ångström signs) is
left as it is, in `lost` too. A capital sigma at the end of a word is ς in lower case, as in Python's `str.lower`.
Only the first code point of a unit changes.
"""

from __future__ import annotations

from seqcli.restoration import NOTHING, put_back, units, unknown_label

UPPER, TITLE = "U", "T"


def _upper(letter: str) -> str:
    """Return the capital as one code point (ᾳ has one only in title case), or the letter if it has none."""
    upper = letter.upper()
    return upper if len(upper) == 1 else _title(letter)


def _title(letter: str) -> str:
    title = letter.title()
    return title if len(title) == 1 else letter


def _small(line: str) -> str:
    """Return the line in lower case, code point for code point."""
    # only İ becomes two; its replacement keeps the context that decides on a sigma's form
    small = line.replace("İ", "I").lower()
    return small if len(small) == len(line) else "".join(s if len(s := c.lower()) == 1 else c for c in line)


def _label(letter: str, small: str) -> str:
    if letter == small:
        return NOTHING
    return UPPER if _upper(small) == letter else TITLE if _title(small) == letter else NOTHING


def _capital(unit: str, label: str) -> str:
    if label not in (UPPER, TITLE):
        raise unknown_label("case", label, "they are 'U', 'T' and '-'")
    return (_upper if label == UPPER else _title)(unit[0]) + unit[1:]


def strip(line: str) -> tuple[list[str], list[str]]:
    """Split true text into (units, labels)."""
    small, start = _small(line), 0
    seen, labels = units(line), []
    for i, unit in enumerate(seen):
        label = _label(unit[0], small[start])
        if label != NOTHING:
            seen[i] = small[start] + unit[1:]
        labels.append(label)
        start += len(unit)
    return seen, labels


def observe(line: str) -> list[str]:
    """Return the units of a line in lower case; its capitals are predicted anew."""
    return strip(line)[0]


def restore(characters: list[str], labels: list[str]) -> str:
    """Return the text with its capitals. Raises SeqcliError for an unknown label."""
    return put_back(characters, labels, _capital)


def lost(line: str) -> str:
    """Return the line in lower case."""
    return "".join(strip(line)[0])


def normalise(line: str) -> str:
    """Return the line as it is."""
    return line
