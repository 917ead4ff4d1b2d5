"""Comma-separated columns as in RFC 4180: a cell in double quotes may hold commas, doubled quotes and line breaks."""

from __future__ import annotations

from seqcli.parallel._delimited import DelimitedReader


class Reader(DelimitedReader):
    """Rows of cells with a comma between them."""

    format, delimiter, quoting = "csv", ",", True
