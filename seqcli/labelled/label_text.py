"""A label and a text a line, `LABEL text`: the first white space separates them.

A line of one word is a label with an empty text.
"""

from __future__ import annotations

import re

from seqcli.formats._lines import Line
from seqcli.labelled import Example, LineReader, labels_of

READS_LABELS = True
_PARTS = re.compile(r"[ \t]*+([^ \t]++)[ \t]*+")


class Reader(LineReader):
    """Lines that begin with their label; blanks before and after it belong to neither label nor text."""

    format = "label-text"

    def _example(self, line: Line, number: int) -> Example:
        found = _PARTS.match(line.body)
        assert found, "the line is not blank"
        source, column = self._source or "", found.start(1) + 1
        return Example(
            line.body[found.end() :],
            labels_of(found[1], self.options, lambda: f"{source}:{number}:{column}"),
            source=source,
            line=number,
            column=found.end() + 1,
            label_column=column,
            raw=line,
        )
