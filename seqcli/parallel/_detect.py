"""Guesses the format of a file of pairs; None when unsure, as of plain lines."""

from __future__ import annotations

import re

from seqcli.errors import SeqcliError
from seqcli.formats import body_of, told_by_name
from seqcli.formats._lines import whole_lines
from seqcli.formats._objects import is_object
from seqcli.parallel import BLANKS, Options
from seqcli.parallel._names import SOURCES, TARGETS, possible
from seqcli.parallel.csv import Reader as CsvReader
from seqcli.streams import Chunk

_SCAN = re.compile(r"[ \t]*IN: .*(?<=[ \t])OUT:(?![^ \t])")


def detect(path: str, text: str = "") -> str | None:
    """The format that a file's ending or, failing that, the beginning of its text shows: `jsonl`, `csv`, `tsv`,
    `scan`; None when unsure. `text` may end within a line."""
    if known := told_by_name(path, "parallel"):
        return known
    whole, lines = whole_lines(text)
    filled = [line for line in lines if line.strip(BLANKS)]
    if not filled:
        return None
    first = filled[0].strip(BLANKS)
    if first.startswith("{"):
        return "jsonl" if is_object(first) else None
    if all(map(_SCAN.match, filled)):
        return "scan"
    if "\t" in first and len({line.count("\t") for line in filled}) == 1:
        return "tsv"
    return "csv" if _is_headed_csv(whole) else None


def _is_headed_csv(text: str) -> bool:
    """Whether the first row is a header with a well-known name for the source and for the target, and rows follow."""
    cells = [cell.strip(' "') for cell in body_of(text.partition("\n")[0])[0].split(",")]
    if not (possible(cells, SOURCES) and possible(cells, TARGETS)):
        return False
    try:
        return any(True for _ in CsvReader(Options(gold=False, header=True)).feed(Chunk(text, "", 1)))
    except SeqcliError:
        return False
