"""Tab-separated columns, a row a line; a double quote is an ordinary character unless `quoting` is set."""

from __future__ import annotations

from seqcli.records import LABELLED, Kind, Sample
from seqcli.records._rows import RowReader

READS = ("labels", "pairs")
GOLD = ("labels", "pairs")
SUFFIXES = (".tsv",)
GUESSED = 3
ENOUGH = 5  # lines before a guess is made from columns


def looks(sample: Sample, kind: Kind) -> bool:
    """Whether all lines have the same number of columns, at least two. Labelled texts have no blank lines: those
    separate the sentences of a column format."""
    if kind is LABELLED and not len(sample.lines) == len(sample.filled) >= ENOUGH:
        return False
    return "\t" in sample.filled[0] and len({line.count("\t") for line in sample.filled}) == 1


class Reader(RowReader):
    """A reader of rows of cells separated by tabs."""

    format, delimiter, quoting = "tsv", "\t", False
