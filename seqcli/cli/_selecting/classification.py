"""Read texts to label, as `seqcli classify` does, and write them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from seqcli.cli._options import Given
from seqcli.cli._reading import TEXTS
from seqcli.cli._selecting import Asked, Opened
from seqcli.errors import SeqcliError, UsageError, did_you_mean
from seqcli.records import NAMED, ROWS
from seqcli.streams import Chunk
from seqcli.tasks.classification.select import WRITES, Classifier, Writer


def open(asked: Asked, own: Classifier, given: Given) -> Opened:
    """Return the reader of texts and the writer of them with labels. Raises UsageError for options that exclude each
    other."""
    reading, trained = asked.reading, own.header["data"].get("format")
    read = TEXTS.chosen(asked.files, reading.input, reading.field, False, given, trained)
    own_format = "jsonl" if own.multi_label or trained not in WRITES else trained
    if trained not in WRITES and not own.multi_label:
        own_format = "tsv"
    write = asked.format or (read if read in NAMED else own_format)
    if write not in WRITES:
        raise UsageError(f"unknown format {write!r} in --format", hint=did_you_mean(write, WRITES))
    reader = TEXTS.reader(read, reading, own.header)
    label = None if own.targets else reading.label
    return Opened(_Alike(reader) if read in ROWS else reader, Writer.of(own, write, read, reader, label))


@dataclass
class _Alike:
    """A reader of rows that requires the same columns in all sources, as they are written under one header."""

    reader: Any
    first: Any = None

    def feed(self, chunk: Chunk) -> Iterator[Any]:
        """Yield the reader's records. Raises SeqcliError at a row with other columns."""
        return self._checked(self.reader.feed(chunk))

    def close(self) -> Iterator[Any]:
        """Yield the reader's last records."""
        return self._checked(self.reader.close())

    def _checked(self, records: Iterator[Any]) -> Iterator[Any]:
        for record in records:
            now = self.reader.header, self.reader.columns
            if now != (self.first or now):
                hint = "rows of all files are written under one header: select from files with the same columns"
                raise SeqcliError(f"{record.place(0)}: the columns differ from those of the first file", hint=hint)
            self.first = now
            yield record
