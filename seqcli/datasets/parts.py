"""Represent splits as byte ranges of files: nothing is copied, or read before it is needed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, cast

from seqcli.errors import SeqcliError
from seqcli.files import open_source
from seqcli.streams import Chunk, read_chunks, without_marks

BLOCK = 1 << 20


@dataclass(frozen=True)
class Part:
    """Bytes start .. end of a plain file; `name` is its name in messages."""

    path: Path
    start: int
    end: int
    name: str


def whole(paths: Sequence[Path], names: Sequence[str] = ()) -> list[Part]:
    """Return every file as a whole part; without `names` their paths name them."""
    called = names or [str(p) for p in paths]
    return [Part(p, 0, p.stat().st_size, name) for p, name in zip(paths, called, strict=True)]


def size(parts: Sequence[Part]) -> int:
    """Return the total number of bytes."""
    return sum(p.end - p.start for p in parts)


def cut(parts: Sequence[Part], position: int, *, at_line: bool) -> tuple[list[Part], list[Part]]:
    """Divide parts at a byte position into two lists: at the next line start, or at a character's first byte."""
    before: list[Part] = []
    for i, part in enumerate(parts):
        length = part.end - part.start
        if position >= length:
            before.append(part)
            position -= length
            continue
        at = _boundary(part, part.start + position, at_line)
        left, right = replace(part, end=at), replace(part, start=at)
        return [*before, left], [right, *parts[i + 1 :]]
    return before, []


def _boundary(part: Part, at: int, at_line: bool) -> int:
    if at == part.start:
        return at
    with part.path.open("rb") as file:
        if not at_line:
            file.seek(at)
            for byte in file.read(4):
                if byte & 0xC0 != 0x80:
                    break
                at += 1
            return min(at, part.end)
        at -= 1  # a cut right after a line end stays there
        file.seek(at)
        while block := file.read(BLOCK):
            if (found := block.find(b"\n")) >= 0:
                return min(at + found + 1, part.end)
            at += len(block)
    return part.end


def _blocks(file: BinaryIO, left: int, name: str) -> Iterator[bytes]:
    """Yield the next `left` bytes of a file in blocks. Raises SeqcliError if there are fewer."""
    while left:
        if not (block := file.read(min(BLOCK, left))):
            raise _shorter(name)
        yield block
        left -= len(block)


def _shorter(name: str) -> SeqcliError:
    return SeqcliError(f"{name} has become shorter since it was opened", hint="no program may change it meanwhile")


class _Window:
    """A file that ends at a byte position. Raises SeqcliError if it ends before."""

    def __init__(self, file: BinaryIO, left: int, name: str):
        self._file, self._left, self._name = file, left, name

    def read(self, size: int) -> bytes:
        data = self._file.read(min(size, self._left))
        if self._left and not data:
            raise _shorter(self._name)
        self._left -= len(data)
        return data


def chunks(parts: Sequence[Part], encoding: str, advance: Callable[[float], None] | None = None) -> Iterator[Chunk]:
    """Yield the text of parts in chunks of whole lines. A file without a last line end gets one if another follows; a
    byte order mark at the beginning of a file is skipped."""
    parts = [p for p in parts if p.end > p.start]
    for number, part in enumerate(parts):
        with open_source(part.path) as (file, _):
            line = 1 + sum(
                block.count(b"\n") for block in _blocks(file, part.start, part.name)
            )  # the number of its first line
            window = cast(BinaryIO, _Window(file, part.end - part.start, part.name))
            last = None
            for last in read_chunks(window, part.name, encoding=encoding, line=line, cut_long_lines=True):
                yield last if part.start else next(without_marks([last]))
                if advance:
                    advance(len(last.text))
            if last and number + 1 < len(parts) and not last.text.endswith("\n"):
                yield Chunk("\n", part.name, last.line)


def digest(parts: Sequence[Part]) -> str:
    """Return the hexadecimal sha256 of the bytes of parts."""
    total = hashlib.sha256()
    for part in parts:
        with open_source(part.path) as (file, _):
            file.seek(part.start)
            for block in _blocks(file, part.end - part.start, part.name):
                total.update(block)
    return total.hexdigest()
