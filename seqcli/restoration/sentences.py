"""Sentences: split running text into sentences, one a line, and into words if the training data mark them.

The label is "S" if a sentence ends after the unit; from CoNLL-U also "W" if a token ends there without white space or
the end of a sentence after it, and "M" if a word ends there within a multi-word token (do|n't). Plain text has only
its lines, which are sentences. A space is a unit; in `lost` it also joins sentences, unless both meet in letters or
punctuation of East Asian scripts that write none. `normalise` turns each run of white space in a line (as `str.split`
sees it) into one space, and drops those at its ends and empty lines. `tasks/tagging/running.py` deals with long texts
and with paragraphs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from unicodedata import category, east_asian_width

from seqcli.restoration import NOTHING, units, unknown_label

RUNNING = True  # this kind reads running text, not lines
SENTENCE, TOKEN, WORD = "S", "W", "M"

_CHUNK = re.compile(r"\S+")
_HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff]")  # has spaces


def _unspaced(character: str) -> bool:
    """Whether a character is a letter or punctuation mark of a script that puts no space between sentences."""
    wide = east_asian_width(character) in "WF" and category(character)[0] in "LP"
    return wide and not _HANGUL.match(character)


def located(line: str, at: int = 0, *, first: bool = True) -> tuple[list[str], list[int]]:
    """Return the units of a text, and where each begins, counted from `at`; a space has the start of the word after
    it. `first`: no text precedes, so that there is no space at the start."""
    found: list[str] = []
    starts: list[int] = []
    for chunk in _CHUNK.finditer(line):
        start = at + chunk.start()
        own = units(chunk[0] if first else f" {chunk[0]}")
        place = start if first else start - 1
        for unit in own:
            starts.append(max(place, start))
            place += len(unit)
        found += own
        first = False
    return found, starts


def _joined(lines: Sequence[str]) -> tuple[str, list[int]]:
    """Return lines as running text, and where each ends in it."""
    parts, ends, at = list(lines[:1]), [], len(lines[0]) if lines else 0
    for before, line in pairwise(lines):
        ends.append(at)
        space = "" if _unspaced(before[-1]) and _unspaced(line[0]) else " "
        parts.append(space + line)
        at += len(parts[-1])
    return "".join(parts), [*ends, at] if lines else []


def _lines(text: str) -> list[str]:
    return [line for whole in text.split("\n") if (line := " ".join(whole.split()))]


def strip(line: str) -> tuple[list[str], list[str]]:
    """Split true text, a sentence a line, into (units, labels)."""
    whole, ends = _joined(_lines(line))
    seen, last, at, labels = units(whole), set(ends), 0, []
    for unit in seen:
        at += len(unit)
        labels.append(SENTENCE if at in last else NOTHING)
    return seen, labels


def observe(line: str) -> list[str]:
    """Return the units of running text; sentences are found anew, whatever its lines are."""
    return units(lost(line))


def restore(characters: Sequence[str], labels: Sequence[str]) -> str:
    """Return the sentences, one a line. Raises SeqcliError for an unknown label."""
    parts, ended = [], False
    for unit, label in zip(characters, labels, strict=True):
        parts.append(f"\n{unit.removeprefix(' ')}" if ended else unit)
        ended = label == SENTENCE
        if not ended and label not in ("", NOTHING, TOKEN, WORD):
            raise unknown_label("sentences", label, "they are 'S', 'W', 'M' and '-'")
    return "".join(parts)


def lost(line: str) -> str:
    """Return the text on one line."""
    return _joined(_lines(line))[0]


def normalise(line: str) -> str:
    """Return the text with one space for each run of white space, and without empty lines."""
    return "\n".join(_lines(line))
