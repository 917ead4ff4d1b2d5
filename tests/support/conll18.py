"""What the evaluation script of the CoNLL 2018 shared task counts of sentences, tokens and words; and raw text.

`scores` is its definition in a few lines: spans over the characters of all tokens, without white space. Words of tokens
of several are compared by their spans where both divide a token by its characters, as English does. The script itself
(`udtools.udeval`) is what tests compare with where it is installed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby


def blocks(text: str) -> Iterator[list[str]]:
    """The lines of each sentence of CoNLL-U."""
    for filled, lines in groupby(text.split("\n"), key=bool):
        if filled:
            yield list(lines)


def surface(block: list[str]) -> Iterator[tuple[str, bool, list[str]]]:
    """Form, whether a space follows, and words of each token."""
    rows = [line.split("\t") for line in block if re.match(r"\d+(-\d+)?\t", line)]
    until = 0
    for row in rows:
        if "-" in row[0]:
            first, until = map(int, row[0].split("-"))
            words = [r[1] for r in rows if r[0].isdigit() and first <= int(r[0]) <= until]
            yield row[1], "SpaceAfter=No" not in row[9], words
        elif int(row[0]) > until:
            yield row[1], "SpaceAfter=No" not in row[9], [row[1]]


def raw(text: str, *, paragraphs: bool = True) -> str:
    """The running text of CoNLL-U: an empty line between documents, and between paragraphs."""
    begins, found = re.compile("# new(doc|par)" if paragraphs else "# newdoc"), ""
    for block in blocks(text):
        if found and any(map(begins.match, block)):
            found = found.rstrip(" ") + "\n\n"
        found += "".join(form + " " * space for form, space, _ in surface(block))
    return found.rstrip(" ") + "\n"


def spans(text: str) -> dict[str, set[tuple[int, int]]]:
    """Sentences, tokens and words of CoNLL-U, as spans of its characters but white space."""
    found: dict[str, set[tuple[int, int]]] = {"sentences": set(), "tokens": set(), "words": set()}
    at = 0
    for block in blocks(text):
        begin = at
        for form, _, words in surface(block):
            found["tokens"].add((at, end := at + len("".join(form.split()))))
            parts = words if sum(map(len, words)) == end - at else ["".join(form.split())]
            for word in parts:
                found["words"].add((at, at := at + len("".join(word.split()))))
        found["sentences"].add((begin, at))
    return found


def scores(gold: str, system: str) -> dict[str, float]:
    """F1 of sentences, tokens and words. Raises AssertionError where the texts differ."""
    theirs, ours = spans(gold), spans(system)
    assert max(theirs["tokens"]) == max(ours["tokens"]), "another text"
    return {name: 2 * len(theirs[name] & ours[name]) / (len(theirs[name]) + len(ours[name])) for name in theirs}
