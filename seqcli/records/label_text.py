"""A label and a text a line, `LABEL text`: the first white space separates them.

A line with one word is a label with an empty text.
"""

from __future__ import annotations

import re
from collections import Counter

from seqcli.records import BLANKS, Example, Kind, Sample, labels_of
from seqcli.records._lines import Line, LineReader

READS = ("labels",)
GOLD = ("labels",)
GUESSED = 5
ENOUGH = 5  # lines before a guess is made from first words
REPEATED = 4  # labels occur at least this often on average
SELDOM = 5  # and inside fewer than one text in this many
_LABEL = re.compile(r"[^\W_][\w:./+#&-]{0,39}|[+-]?[0-9]")
_PARTS = re.compile(r"[ \t]*+([^ \t]++)[ \t]*+")


def looks(sample: Sample, kind: Kind) -> bool:
    """Whether every line begins with one of a few words that are frequent there and rare inside the texts: labels,
    rather than the articles that sentences begin with."""
    lines = sample.filled
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


class Reader(LineReader):
    """A reader of lines that begin with a label; blanks around it belong to neither label nor text."""

    format = "label-text"

    def _record(self, line: Line, number: int) -> Example:
        found = _PARTS.match(line.body)
        assert found, "the line is not blank"
        source, column = self._source or "", found.start(1) + 1
        labels = labels_of(found[1], self.options, lambda: f"{source}:{number}:{column}")
        more = {"labels": labels, "column": found.end() + 1, "goal_column": column}
        if self.options.further_labels:
            whole = labels_of(found[1], self.options, lambda: f"{source}:{number}:{column}", whole=True)
            more["targets"] = [(name, whole, (number, column)) for name in self.options.further_labels]
        return self._made(line.body[found.end() :], line, number, **more)
