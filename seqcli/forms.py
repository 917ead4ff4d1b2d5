"""Write answers: as lines, as JSON objects, or into the objects and rows that were read."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from seqcli import streams
from seqcli.records import ROWS, as_read, joined, new_object, one_line


class Writer:
    """Formats a verb's answers, in each form that it writes."""

    key: ClassVar[str] = "text"  # the key of the text in a new JSON object
    names: ClassVar[Sequence[str]] = ()  # of the columns that are added to rows

    def line(self, record: Any, answer: Any) -> str:
        """Return the answer as text, with its line end."""
        return ""

    def results(self, record: Any, answer: Any) -> list[dict[str, Any]]:
        """Return the values of `seqcli` in JSON objects; an object is written for each."""
        return []

    def more(self, record: Any) -> dict[str, Any]:
        """Return the members of a new JSON object besides the text."""
        return {}

    def cells(self, answer: Any) -> Sequence[str]:
        """Return the cells of the added columns."""
        return ()


class Cost(NamedTuple):
    """The cost of a text: nats, over a number of tokens that includes a line end, or the end of an answer."""

    nll: float
    tokens: int


@dataclass(frozen=True)
class Costs(Writer):
    """Formats the costs of lines, or of targets: nats and tokens."""

    key: str = "text"  # type: ignore[misc]
    names: ClassVar[Sequence[str]] = ("nats", "tokens")

    def line(self, record: Any, answer: Cost) -> str:
        """Return `nats TAB tokens`."""
        return f"{answer.nll:.4f}\t{answer.tokens}\n"

    def cells(self, answer: Cost) -> list[str]:
        """Return the cells for nats and tokens."""
        return [f"{answer.nll:.4f}", str(answer.tokens)]

    def more(self, record: Any) -> dict[str, Any]:
        """Return the target, for an object with a source."""
        return {"target": record.target or ""} if self.key == "source" else {}

    def results(self, record: Any, answer: Cost) -> list[dict[str, Any]]:
        """Return the value of `seqcli`; an infinite cost is null, because JSON has no such number."""
        logprob = round(0.0 - answer.nll, 6) if math.isfinite(answer.nll) else None
        return [{"logprob": logprob, "tokens": answer.tokens}]


def form(read: str, objects: bool, reader: Any, writer: Writer) -> Callable[[Any, Any], str]:
    """Return the function that writes answers: rows get further columns, objects a further member; other records
    become lines, or with `objects` new objects."""
    if read in ROWS:
        return Rows(reader, writer.names, writer.cells)
    if read == "jsonl":
        return lambda record, answer: _again(record, writer.results(record, answer))
    if objects:
        return lambda record, answer: "".join(
            new_object({writer.key: _text(record), **writer.more(record)}, result) + "\n"
            for result in writer.results(record, answer)
        )
    return writer.line


def finish(write: Callable[[Any, Any], str]) -> None:
    """Write the header of a source that has no rows."""
    if isinstance(write, Rows):
        streams.Output().write(write.head())


def _text(record: Any) -> str:
    """Return the text of a record; a blank line as it was."""
    return record.text or (record.raw.body if record.raw else "")


def _again(record: Any, results: list[dict[str, Any]]) -> str:
    """Return the object that was read, once for each result as its last member; a blank line as it was."""
    raw = record.raw
    if not raw.body.strip(" \t\r"):
        return raw.before + raw.body + raw.end
    return raw.before + (raw.end or "\n").join(joined(raw.body, result) for result in results) + raw.end


_IN_QUOTES = re.compile(r'"(?:[^"]|"")*"')


@dataclass
class Rows:
    """Writes rows as they were read, with results as further columns, and a header with the columns' names."""

    reader: Any  # separator, quoted, head
    names: Sequence[str]  # of the new columns
    cells: Callable[[Any], Sequence[str]]  # of an answer, a cell for each new column
    begun: bool = field(default=False)

    def __call__(self, record: Any, answer: Any) -> str:
        body, end = as_read(record)
        return self.head() + self._longer(body + self.reader.separator * record.missing, self.cells(answer), end)

    def head(self) -> str:
        """Return the header of the first source, once; `""` if there is none."""
        line = None if self.begun else self.reader.head
        self.begun = True
        return "" if line is None else self._longer(line.before + line.body, self.names, line.end)

    def _longer(self, body: str, cells: Sequence[str], end: str) -> str:
        between = self.reader.separator
        return body + between + row(cells, between, quoted=self.reader.quoted) + (end or "\n")


def row(cells: Sequence[str], between: str, *, quoted: bool) -> str:
    """Return cells as a row, without its end; a cell that contains the separator is quoted, or the separator
    replaced by a space."""
    if not quoted:
        return between.join(one_line(c).replace(between, " ") for c in cells)
    odd = (between, '"', "\n", "\r")
    return between.join('"' + c.replace('"', '""') + '"' if any(o in c for o in odd) else c for c in cells)


def cells_of(row: str, between: str, *, quoted: bool) -> list[str]:
    """Return the cells of a row as they are written, including quotes, so that joining them gives the row again."""

    found, at = [], 0
    while True:
        whole = _IN_QUOTES.match(row, at) if quoted else None
        end = row.find(between, whole.end() if whole else at)
        found.append(row[at : end if end >= 0 else None])
        if end < 0:
            return found
        at = end + len(between)
