"""The `.ts` files of the time-series archives: a series a line, dimensions separated by `:`, the class last.

Of the header before `@data`, only `@classLabel` is used, and `@timeStamps true` is refused. A missing value (`?`) is
reported when the text is turned into frames.
"""

from __future__ import annotations

from typing import Any

from seqcli.errors import SeqcliError
from seqcli.records import labels_of
from seqcli.records._lines import Line, LineReader

READS = ("labels",)
GOLD = ("labels",)
SUFFIXES = (".ts",)


class Reader(LineReader):
    """A reader of lines of series; comments (`#`) and the header before `@data` are skipped."""

    format = "ts"

    def _start(self) -> None:
        self._labelled, self._data = True, False

    def _blank(self, line: Line, number: int) -> Any:
        return None

    def _record(self, line: Line, number: int) -> Any:
        body, place = line.body.strip(), f"{self._source}:{number}"
        if body.startswith("#"):
            return None
        if not self._data:
            name, *values = body.lower().split()
            if not name.startswith("@"):
                raise SeqcliError(f"{place}:1: a series before @data", hint="a .ts file begins with @ lines")
            if name == "@classlabel" and values:
                self._labelled = values[0] == "true"
            elif name == "@timestamps" and values[:1] == ["true"]:
                raise SeqcliError(f"{place}:1: series with time stamps are not read", hint="write plain values")
            self._data = name == "@data"
            return None
        text, colon, label = body.rpartition(":") if self._labelled else (body, ":", "")
        if not colon or not text.strip(":, "):
            raise SeqcliError(f"{place}:1: the series is empty" if colon else f"{place}:1: the series has no class")
        at = line.body.rfind(":") + 2
        labels = labels_of(label, self.options, lambda: f"{place}:{at}", split=False) if self._labelled else None
        return self._made(text, line, number, labels=labels, goal_column=at)
