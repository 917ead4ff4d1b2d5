"""Guesses the format of a file whose reader the user did not name; None when unsure."""

from __future__ import annotations

import re

from seqcli.formats import told_by_name
from seqcli.formats._lines import whole_lines
from seqcli.formats._objects import is_object
from seqcli.formats.word_tag import divide

_WORD_ID = re.compile(r"[0-9]+([-.][0-9]+)?")
_SPAN_TAG = re.compile(r"O|[BIESLUM]-\S+")
_POS_TAG = re.compile(r"[A-Z][A-Z0-9$*-]*|[^\w\s]{1,3}")
ENOUGH = 5  # words or tokens before a guess is made from content alone


def detect(path: str, first_text: str = "") -> str | None:
    """The format that a file's ending or, failing that, the beginning of its text shows; None when unsure.

    `first_text` may end within a line.
    """
    if known := told_by_name(path, "formats"):
        return known
    _, lines = whole_lines(first_text)
    filled = [line for line in lines if line.strip(" \t")]
    if not filled:
        return None
    if filled[0].startswith("{"):
        return "jsonl" if is_object(filled[0]) else None
    rows = [line.split("\t") for line in filled if not line.startswith("#")]
    if rows and all(len(row) == 10 and _WORD_ID.fullmatch(row[0]) for row in rows):
        return "conllu"
    if _are_columns(filled, blank=len(filled) < len(lines)):
        return "conll"
    tokens = [token for line in filled for token in line.split()]
    tags = [divide(token)[1] or "" for token in tokens]
    if len(tags) >= ENOUGH and all(map(_POS_TAG.fullmatch, tags)) and any(tag.isalpha() for tag in tags):
        return "word-tag"
    return None


def _are_columns(lines: list[str], blank: bool) -> bool:
    """Whether every line has as many columns, at least two, and the last one is a span's tag; with tabs a tag of any
    kind will do where blank lines part sentences."""
    for tabs in (True, False):
        rows = [line.split("\t" if tabs else None) for line in lines]
        if len(rows) < ENOUGH or len({len(row) for row in rows}) != 1 or len(rows[0]) < 2:
            continue
        tags = [row[-1] for row in rows]
        if all(map(_SPAN_TAG.fullmatch, tags)):
            return True
        return tabs and blank and not any(" " in tag or not tag for tag in tags)
    return False
