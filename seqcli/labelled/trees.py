"""Parsed sentences in brackets, a tree a line, a label at every node: `(3 (2 It) (4 (2 was) (4 great)))`.

The root's label is the record's; the words are the leaves, and the text is the words joined by a space.
"""

from __future__ import annotations

from seqcli.formats._lines import Line
from seqcli.labelled import BLANKS, Example, LineReader, labels_of
from seqcli.labelled._tree import parse

READS_LABELS = True


class Reader(LineReader):
    """Lines of trees. Without `gold` a tree may have no labels."""

    format = "trees"

    def _example(self, line: Line, number: int) -> Example:
        options, source, body = self.options, self._source or "", line.body
        tree = parse(body, source, number, until=options.label_until, gold=options.gold)
        column = len(body) - len(body.lstrip(BLANKS)) + 1
        label_column = body.index("(") + 1
        label_column += len(body[label_column:]) - len(body[label_column:].lstrip(BLANKS)) + 1
        words = tree.leaves()
        return Example(
            " ".join(words),
            labels_of(tree.label, options, lambda: f"{source}:{number}:{label_column}") if tree.label else None,
            words,
            tree,
            source=source,
            line=number,
            column=column,
            label_column=label_column,
            raw=line,
        )
