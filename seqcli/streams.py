"""Read text and write results: strict decoding with file:line:column, '\\n' as the only line end, broken pipes.

All of a user's text is read through this module. It comes in chunks of whole lines, as much as is available: a slow
pipe yields a line at a time, a file yields large chunks, so that a filter answers each line of a dialogue at once and
works in batches when there is a backlog.
"""

from __future__ import annotations

import select
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, BinaryIO

from seqcli import console
from seqcli.errors import SeqcliError
from seqcli.files import open_source

CHUNK = 1 << 20
BOM = "\ufeff"  # a byte order mark at the start of a source is not part of the text
LONGEST = 1 << 20  # bytes: a line longer than this is cut between chunks when the caller allows it
_CONVERT = "convert the file first, for example with: iconv -f latin1 -t utf-8 FILE"


@dataclass(frozen=True)
class Chunk:
    """Whole lines of one source, with their line ends; only the last line of a source may lack one."""

    text: str
    source: str
    line: int  # number of the first line, from 1
    column: int = 1  # of its first character: above 1 where a long line was cut

    @property
    def size(self) -> int:
        """The number of characters."""
        return len(self.text)

    def place(self, offset: int = 0) -> str:
        """Return `file:line:column` of a character."""
        before, column = column_of(self.text, offset)
        return f"{self.source}:{self.line + before}:{column if before else column + self.column - 1}"


@dataclass
class Replaced:
    """Decodes bytes, reads invalid ones as U+FFFD, and counts those."""

    count: int = 0

    def decode(self, data: bytes, encoding: str) -> str:
        """Return the text of bytes."""
        text = data.decode(encoding, errors="replace")
        self.count += text.count("\ufffd") - data.decode(encoding, errors="ignore").count("\ufffd")
        return text


def decode(data: bytes, encoding: str, source: str, line: int, column: int = 1, *, hint: str = _CONVERT) -> str:
    """Decode bytes that begin at a line and column.

    Raises SeqcliError naming file:line:column of the first byte that does not decode.
    """
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        before = data[: error.start]
        start = before.rfind(b"\n") + 1
        line += before.count(b"\n")
        column = len(before[start:].decode(encoding, errors="replace")) + (1 if start else column)
        raise SeqcliError(
            f"{source}:{line}:{column}: byte 0x{data[error.start]:02x} is not valid {encoding.upper()}", hint=hint
        ) from None


def read_chunks(
    file: BinaryIO,
    source: str,
    *,
    encoding: str | None = None,
    size: int = CHUNK,
    line: int = 1,
    cut_long_lines: bool = False,
    replaced: Replaced | None = None,
) -> Iterator[Chunk]:
    """Yield whole lines from an open binary file, as they arrive. With `cut_long_lines` a chunk may end inside a line
    longer than 1 MiB, after a space or else a comma if it has one, so that memory stays bounded; otherwise memory
    grows with the longest line. `encoding` is the one that a recipe states, and the hint of an error then mentions
    it; the default is UTF-8. Invalid bytes raise SeqcliError with their place, or, with `replaced`, are replaced and
    counted.
    """
    hint = _CONVERT if encoding is None else f"{_CONVERT}; or name it in a recipe, as in data.encoding: latin-1"
    encoding = encoding or "utf-8"
    read = getattr(file, "read1", file.read)  # returns what is available, without waiting for a full buffer
    kept: list[bytes] = []
    kept_size, column = 0, 1
    while True:
        data = read(size)
        end = data.rfind(b"\n") + 1
        if data and not end:
            kept.append(data)
            kept_size += len(data)
            if not (cut_long_lines and kept_size >= LONGEST):
                continue
            whole = b"".join(kept)
            end = whole.rfind(b" ") + 1 or whole.rfind(b",") + 1 or _character_boundary(whole)
            kept = [whole[end:]]
            whole = whole[:end]
        else:
            whole = b"".join([*kept, data[:end]])
            kept = [data[end:]]
        kept_size = len(kept[0])
        if whole:
            try:
                text = whole.decode(encoding) if replaced is None else replaced.decode(whole, encoding)
            except UnicodeDecodeError as error:
                good = whole.rfind(b"\n", 0, error.start) + 1  # the lines before it are valid
                if good:
                    yield Chunk(whole[:good].decode(encoding), source, line, column)
                decode(whole, encoding, source, line, column, hint=hint)
                raise
            yield Chunk(text, source, line, column)
            line += whole.count(b"\n")
            column = 1 if text.endswith("\n") else column + len(text)
        if not data:
            return


def _character_boundary(data: bytes) -> int:
    """Return the last position in `data` at which a cut splits no UTF-8 character."""
    end = len(data)
    for back in range(1, min(4, end) + 1):
        byte = data[-back]
        if byte & 0xC0 != 0x80:  # a first byte: does its character fit?
            need = 1 if byte < 0x80 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return end if need <= back else end - back
    return end


def read_text(
    paths: Sequence[str | Path],
    *,
    encoding: str | None = None,
    cut_long_lines: bool = False,
    end_lines: bool = False,
    replaced: Replaced | None = None,
) -> Iterator[Chunk]:
    """Yield the chunks of several sources in turn; with `end_lines`, a source that lacks its last line end gets one
    if another source follows. The other arguments are those of `read_chunks`."""
    how: dict[str, Any] = {"encoding": encoding, "cut_long_lines": cut_long_lines, "replaced": replaced}
    for number, path in enumerate(paths, 1):
        with open_source(path) as (file, source):
            last = None
            for last in read_chunks(file, source, **how):
                yield last
            if end_lines and last and number < len(paths) and not last.text.endswith("\n"):
                yield Chunk("\n", source, last.line)


def without_marks(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    """Yield chunks without the byte order marks at the start of sources."""
    for chunk in chunks:
        first = chunk.line == chunk.column == 1
        yield replace(chunk, text=chunk.text.removeprefix(BOM)) if first else chunk


def lines_of(chunk: Chunk) -> Iterator[tuple[int, str]]:
    """Yield (line number, line without its end) of a chunk; only '\\n' ends a line."""
    lines = chunk.text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return enumerate(lines, chunk.line)


def column_of(text: str, offset: int) -> tuple[int, int]:
    """Return (lines before, column from 1) of a character offset in a chunk's text."""
    return text.count("\n", 0, offset), offset - (text.rfind("\n", 0, offset) + 1) + 1


def stdin_is_interactive() -> bool:
    """Whether standard input is a terminal or closed, so that there is nothing to read."""
    return sys.stdin is None or sys.stdin.closed or sys.stdin.isatty()


def more_is_there() -> bool:
    """Whether standard input can be read without waiting."""
    try:
        return bool(select.select([sys.stdin], [], [], 0)[0])
    except (OSError, ValueError):
        return False


class Output:
    """Standard output as UTF-8 whatever the locale, with '\\n' only; `flush` it when the reader may be waiting."""

    def __init__(self, file: IO[bytes] | None = None):
        self._file = file or sys.stdout.buffer

    def write(self, text: str) -> None:
        self._file.write(text.encode("utf-8", errors="surrogatepass"))

    def write_bytes(self, data: bytes) -> None:
        self._file.write(data)

    def line(self, text: str) -> None:
        """Write a line for a person: no control character reaches the terminal."""
        self.write(console.visible(text) + "\n")

    def json(self, record: dict[str, Any]) -> None:
        """Write a JSON object as one line, its keys in the order given, non-ASCII text as it is."""
        import json

        self.line(json.dumps(record, ensure_ascii=False, separators=(", ", ": ")))

    def flush(self) -> None:
        self._file.flush()
