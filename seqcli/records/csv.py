"""Comma-separated columns as in RFC 4180: a cell in double quotes may hold commas, doubled quotes and line breaks.

`_rows.RowReader` reads the rows and recognises a header.
"""

from __future__ import annotations

from seqcli.columns import possible
from seqcli.errors import SeqcliError
from seqcli.records import Kind, Options, Sample, body_of
from seqcli.records._rows import RowReader
from seqcli.streams import Chunk

READS = ("labels", "pairs")
GOLD = ("labels", "pairs")
SUFFIXES = (".csv",)
GUESSED = 4


def looks(sample: Sample, kind: Kind) -> bool:
    """Whether the first row is a header with well-known names for both parts of a record, and rows follow."""
    cells = [cell.strip(' "') for cell in body_of(sample.text.partition("\n")[0])[0].split(",")]
    if not all(possible(cells, known) for known in kind.known):
        return False
    try:
        return any(True for _ in Reader(Options(kind, gold=False, header=True)).feed(Chunk(sample.text, "", 1)))
    except SeqcliError:
        return False


class Reader(RowReader):
    """A reader of rows of cells separated by commas."""

    format, delimiter, quoting = "csv", ",", True
