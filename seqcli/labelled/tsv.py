"""Tab-separated columns, a row a line; a double quote is a character like others unless `quoting` says otherwise."""

from __future__ import annotations

from seqcli.labelled._delimited import DelimitedReader

READS_LABELS = True


class Reader(DelimitedReader):
    """Rows of cells with a tab between them."""

    format, delimiter, quoting = "tsv", "\t", False
