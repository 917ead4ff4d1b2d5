"""Tab-separated columns, a pair a line; a double quote is a character like others unless `quoting` says otherwise."""

from __future__ import annotations

from seqcli.parallel._delimited import DelimitedReader


class Reader(DelimitedReader):
    """Rows of cells with a tab between them."""

    format, delimiter, quoting = "tsv", "\t", False
