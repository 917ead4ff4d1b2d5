"""fastText's lines, `__label__a __label__b text`: words that begin with the prefix are labels, wherever they stand.

As in fastText, a label inside the text is not part of it: a model never reads what it is to predict.
"""

from __future__ import annotations

import re
from typing import Any

from seqcli.errors import SeqcliError
from seqcli.records import BLANKS, Example, Kind, Options, Sample, labels_of
from seqcli.records._lines import Line, LineReader

READS = ("labels",)
GOLD = ("labels",)
SUFFIXES = (".fasttext", ".ft")
GUESSED = 1


def looks(sample: Sample, kind: Kind) -> bool:
    """Whether every line begins with a label."""
    return all(line.lstrip(BLANKS).startswith("__label__") for line in sample.filled)


class Reader(LineReader):
    """A reader of lines with any number of labels; with gold at least one, unless the data is multi-label."""

    format = "fasttext"

    def __init__(self, options: Options, trained: Any = None):
        super().__init__(options, trained)
        self._prefix = options.label_prefix
        self._label = re.compile(rf"(?<![^ \t]){re.escape(self._prefix)}([^ \t]*+)[ \t]*+")

    def _record(self, line: Line, number: int) -> Example:
        body, source = line.body, self._source or ""
        label_column = 1
        labels: dict[str, None] = {}
        uncut: dict[str, None] = {}
        kept: list[str] = []
        at = start = len(body) - len(body.lstrip(BLANKS))
        if self._prefix in body:
            for found in self._label.finditer(body, at):
                column = found.start() + 1 + len(self._prefix)
                label_column = label_column if labels else column
                own = labels_of(found[1], self.options, lambda c=column: f"{source}:{number}:{c}")
                labels.update(dict.fromkeys(own))
                if self.options.further_labels:
                    uncut |= dict.fromkeys(labels_of(found[1], self.options, str, whole=True))
                kept.append(body[at : found.start()])
                at = found.end()
                start = start if any(kept) else at
        text = body[at:]
        if any(kept):  # labels inside the text: join what is left; its trailing blanks stood before a label
            text = "".join([*kept, text])
            text = text.rstrip(BLANKS) if at == len(body) else text
        several = self.options.gold and self.options.multi_label
        if self.options.gold and not labels and not several:
            raise SeqcliError(
                f"{source}:{number}:1: the line has no label",
                hint=f"a line begins with {self._prefix}NAME; in a recipe, set data.label_prefix to what labels"
                " begin with, or data.multi_label: true if texts may have no label",
            )
        found = list(labels) if labels or several else None
        targets = [(name, list(uncut), (number, label_column)) for name in self.options.further_labels]
        made = {"labels": found, "column": start + 1, "goal_column": label_column, "targets": targets}
        return self._made(text, line, number, **made)
