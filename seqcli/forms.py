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
    """Turns an answer into a line, JSON objects or cells; a verb overrides the forms that it writes."""

    key: ClassVar[str] = "text"  # the key of the text in a new JSON object
    names: ClassVar[Sequence[str]] = ()  # names of the columns that are added to rows

    def line(self, record: Any, answer: Any) -> str:
        """Return the answer as text, with its line end."""
        return ""

    def results(self, record: Any, answer: Any) -> list[dict[str, Any]]:
        """Return the values of `seqcli` in JSON objects; one object is written for each."""
        return []

    def more(self, record: Any) -> dict[str, Any]:
        """Return further members of a new JSON object, beside the text."""
        return {}

    def cells(self, answer: Any) -> Sequence[str]:
        """Return the cells of the added columns."""
        return ()


class Cost(NamedTuple):
    """The negative log-likelihood of a text in nats, and its tokens (with its line end or end of answer)."""

    nll: float
    tokens: int


@dataclass(frozen=True)
class Costs(Writer):
    """Writes the surprise of lines or targets: nats and tokens."""

    key: str = "text"  # type: ignore[misc]
    names: ClassVar[Sequence[str]] = ("nats", "tokens")

    def line(self, record: Any, answer: Cost) -> str:
        """Return `nats TAB tokens`."""
        return f"{answer.nll:.4f}\t{answer.tokens}\n"

    def cells(self, answer: Cost) -> list[str]:
        """Return two cells: nats, tokens."""
        return [f"{answer.nll:.4f}", str(answer.tokens)]

    def more(self, record: Any) -> dict[str, Any]:
        """Return the target, beside the source."""
        return {"target": record.target or ""} if self.key == "source" else {}

    def results(self, record: Any, answer: Cost) -> list[dict[str, Any]]:
        """Return log-probability (nats; null where infinite, which JSON lacks) and tokens."""
        logprob = round(0.0 - answer.nll, 6) if math.isfinite(answer.nll) else None
        return [{"logprob": logprob, "tokens": answer.tokens}]


def form(read: str, objects: bool, reader: Any, writer: Writer) -> Callable[[Any, Any], str]:
    """Return the function that writes answers for the input form `read`: rows get further columns, objects a further
    member; other records become lines, or new objects with `objects`."""
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
    """Write the header of a source that had no rows."""
    if isinstance(write, Rows):
        streams.Output().write(write.head())


def _text(record: Any) -> str:
    """Return the text of a record; a blank line as it was."""
    return record.text or (record.raw.body if record.raw else "")


def _again(record: Any, results: list[dict[str, Any]]) -> str:
    """Return the object that was read once for each result, with the result as its last member; a blank line as it
    was."""
    raw = record.raw
    if not raw.body.strip(" \t\r"):
        return raw.before + raw.body + raw.end
    return raw.before + (raw.end or "\n").join(joined(raw.body, result) for result in results) + raw.end


_IN_QUOTES = re.compile(r'"(?:[^"]|"")*"')


@dataclass
class Rows:
    """Writes rows as they were read with the answers as further columns, and a header with their names."""

    reader: Any  # separator, quoted, head
    names: Sequence[str]  # names of the new columns
    cells: Callable[[Any], Sequence[str]]  # makes an answer's cells, one for each new column
    begun: bool = field(default=False)

    def __call__(self, record: Any, answer: Any) -> str:
        body, end = as_read(record)
        return self.head() + self._longer(body + self.reader.separator * record.missing, self.cells(answer), end)

    def head(self) -> str:
        """Return the header of the first source, once; "" if there is none."""
        line = None if self.begun else self.reader.head
        self.begun = True
        return "" if line is None else self._longer(line.before + line.body, self.names, line.end)

    def _longer(self, body: str, cells: Sequence[str], end: str) -> str:
        between = self.reader.separator
        return body + between + row(cells, between, quoted=self.reader.quoted) + (end or "\n")


def row(cells: Sequence[str], between: str, *, quoted: bool) -> str:
    """Join cells to a row, without its line end. A cell that contains the separator is quoted, or, without `quoted`,
    the separator in it becomes a space."""
    if not quoted:
        return between.join(one_line(c).replace(between, " ") for c in cells)
    odd = (between, '"', "\n", "\r")
    return between.join('"' + c.replace('"', '""') + '"' if any(o in c for o in odd) else c for c in cells)


def cells_of(row: str, between: str, *, quoted: bool) -> list[str]:
    """Split a row into its cells as written, quotes included; joining them by `between` gives the row again."""
    found, at = [], 0
    while True:
        whole = _IN_QUOTES.match(row, at) if quoted else None
        end = row.find(between, whole.end() if whole else at)
        found.append(row[at : end if end >= 0 else None])
        if end < 0:
            return found
        at = end + len(between)
