"""Guesses the format of a file of labelled texts; None when unsure, as of plain text."""

from __future__ import annotations

import re
from collections import Counter

from seqcli.errors import SeqcliError
from seqcli.formats import body_of, told_by_name
from seqcli.formats._lines import whole_lines
from seqcli.formats._objects import is_object
from seqcli.labelled import BLANKS, Options
from seqcli.labelled._delimited import LABEL_NAMES, TEXT_NAMES
from seqcli.labelled._tree import parse
from seqcli.labelled.csv import Reader as CsvReader
from seqcli.streams import Chunk

ENOUGH = 5  # lines before a guess is made from columns or first words
REPEATED = 4  # labels come this often on average
SELDOM = 5  # and in no more than one text of so many
_LABEL = re.compile(r"[^\W_][\w:./+#&-]{0,39}|[+-]?[0-9]")


def detect(path: str, text: str = "") -> str | None:
    """The format that a file's ending or, failing that, the beginning of its text shows: `jsonl`, `csv`, `tsv`,
    `fasttext`, `trees`, `label-text`; None when unsure. `text` may end within a line."""
    if known := told_by_name(path, "labelled"):
        return known
    whole, lines = whole_lines(text)
    filled = [line for line in lines if line.strip(BLANKS)]
    if not filled:
        return None
    first = filled[0].strip(BLANKS)
    if first.startswith("{"):
        return "jsonl" if is_object(first) else None
    if all(line.lstrip(BLANKS).startswith("__label__") for line in filled):
        return "fasttext"
    if first.startswith("(") and all(_is_labelled_tree(line) for line in filled[:ENOUGH]):
        return "trees"
    if len(lines) == len(filled) >= ENOUGH and "\t" in first and len({line.count("\t") for line in lines}) == 1:
        return "tsv"  # no blank lines: those part the sentences of a column format
    if _is_headed_csv(whole):
        return "csv"
    return "label-text" if _are_labelled(filled) else None


def _is_labelled_tree(line: str) -> bool:
    try:
        return all(node.label for node in parse(line).nodes())
    except SeqcliError:
        return False


def _is_headed_csv(text: str) -> bool:
    """Whether the first row is a header with a well-known name for the text and for the label, and rows follow."""
    cells = [cell.strip(' "').casefold() for cell in body_of(text.partition("\n")[0])[0].split(",")]
    if not (set(cells) & set(TEXT_NAMES) and set(cells) & set(LABEL_NAMES)):
        return False
    try:
        return any(True for _ in CsvReader(Options(gold=False, header=True)).feed(Chunk(text, "", 1)))
    except SeqcliError:
        return False


def _are_labelled(lines: list[str]) -> bool:
    """Whether every line begins with one of a few words that come often there and seldom in the texts: labels, and
    not the articles that sentences begin with."""
    parts = [line.strip(BLANKS).split(" ", 1) for line in lines]
    counts = Counter(part[0] for part in parts)
    if len(lines) < ENOUGH or len(counts) < 2 or len(counts) * REPEATED > len(lines):
        return False
    if not all(map(_LABEL.fullmatch, counts)):
        return False
    texts = [part[1] for part in parts if len(part) == 2]
    folded = {label.casefold() for label in counts}
    inside = sum(word in folded for text in texts for word in text.casefold().split())
    return len(texts) * 2 > len(lines) and inside * SELDOM < len(lines)
