"""Rows of cells with a text and its labels: which column is which.

Where nothing says it: with a header, the columns with well-known names, else the one that is left over; without one,
of two columns the one with white space in its first cell is the text. What stays open is an error that asks. The
first row looks like a header if all its cells look like names, one of them well known; where a data set has two
columns, each of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from seqcli.formats._lines import Line
from seqcli.formats._rows import RowReader, Where, are_names
from seqcli.labelled import Example, Options, labels_of

TEXT_NAMES = (  # the likeliest first
    *("text", "sentence", "review", "comment", "tweet", "message", "question", "query", "utterance", "content"),
    *("body", "document", "phrase", "description", "headline", "title", "name"),
)
LABEL_NAMES = (
    *("label", "labels", "class", "category", "sentiment", "target", "intent", "topic", "emotion", "polarity"),
    *("tag", "tags", "language", "lang", "rating", "score", "stars", "type"),
)


class DelimitedReader(RowReader[Example]):
    """Rows with a text and a label."""

    options: Options
    roles = ("text", "label")

    def _blank(self, raw: Line, number: int) -> Example:
        return Example("", source=self._source or "", line=number, raw=raw, missing=max(self._width - 1, 0))

    def _record(self, raw: Line, cells: list[str], places: Where, number: int) -> Example:
        assert self.columns
        text, label = self.columns
        assert text
        line, column = self._place(cells, places, text - 1, number)
        missing = self._width - len(cells)
        example = Example(
            cells[text - 1], source=self._source or "", line=line, column=column, raw=raw, missing=missing
        )
        if label is not None and label <= len(cells):
            label_line, example.label_column = self._place(cells, places, label - 1, number)
            example.label_line = label_line if label_line != line else None
            example.labels = labels_of(cells[label - 1], self.options, lambda: example.place(label=True))
        return example

    def _looks_like_header(self, cells: list[str]) -> bool:
        text, label = _named(TEXT_NAMES, cells, None), _named(LABEL_NAMES, cells, None)
        if self.options.gold and len(cells) == 2:
            return bool(text and label)
        return bool(text or (label and len(cells) > 1)) and are_names(cells)

    def _choose(self, cells: list[str], found: list[int | None], header: bool, place: str) -> tuple[int | None, ...]:
        (text, label), gold, count = found, self.options.gold, len(cells)
        if header:
            label = label or (None if self._given["label"] else _named(LABEL_NAMES, cells, text))
            text = text or _named(TEXT_NAMES, cells, label)
        if count == 1 and not gold and text is None:
            return 1, None
        if count == 2 and text is None and label is None and not header:
            spaced = [" " in cell.strip(" ") for cell in cells]
            if spaced[0] != spaced[1]:
                text = 1 if spaced[0] else 2
        if count == 2:
            label = label or (3 - text if text and not self._given["label"] else None)
            text = text or (3 - label if label and label <= 2 else None)
        if count == 1 and gold:
            raise self._too_few(cells, place, "a text and its label")
        for role, column in (("text", text), ("label", label if gold else text)):
            if column is None:
                raise self._which(role, cells, (text, label), header, place)
        return text, label


def _named(known: Sequence[str], cells: Sequence[str], other: int | None) -> int | None:
    """The column whose name comes first among the known ones, and that is not the other column."""
    folded = [cell.strip().casefold() for cell in cells]
    columns = [folded.index(name) + 1 for name in known if name in folded]
    return next((column for column in columns if column != other), None)
