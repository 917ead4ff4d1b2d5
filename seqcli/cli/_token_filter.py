"""The filter behind `seqcli tokenize`: chunks of text to lines of output, in order, by one process or several."""

from __future__ import annotations

import json
import select
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from seqcli import streams, tokenizers
from seqcli.cli._workers import pool
from seqcli.errors import SeqcliError, did_you_mean
from seqcli.streams import Chunk, Output
from seqcli.tokenizers import BaseTokenizer, UnknownCharacter, UnknownPiece

SMALL = 1 << 14  # characters: less is not worth another process


class Located(SeqcliError):
    """What is wrong with an input line; `offset` counts code points in the chunk."""

    def __init__(self, message: str, offset: int, hint: str = ""):
        super().__init__(message, hint=hint)
        self.offset = offset


@dataclass
class Work:
    """What becomes of a chunk's text, as bytes; it travels to other processes."""

    tokenizer: Any
    mode: str  # pieces, ids, text of pieces, text of ids, records
    field: str | None = None

    def __call__(self, text: str) -> bytes:
        """Raises Located."""
        ids = "ids" in self.mode
        try:
            if self.mode == "records":
                return b"".join(self._records(text))
            if "text" in self.mode:
                decoded = self.tokenizer.from_lines(text, ids=ids) if self._known else self.tokenizer.from_lines(text)
                return decoded.encode()
            return self.tokenizer.lines(text, ids=ids) if self._known else self.tokenizer.lines(text)
        except UnknownCharacter as error:
            raise Located(
                error.message, error.offset, "learn it with --set unk=true, or from this text too"
            ) from None
        except UnknownPiece as error:
            raise Located(error.message, error.offset, error.hint) from None

    @property
    def _known(self) -> bool:
        return isinstance(self.tokenizer, BaseTokenizer)

    def _records(self, text: str) -> Iterator[bytes]:
        start = 0
        for line in text.removesuffix("\n").split("\n"):
            fields, content = self._content(line, start)
            tokenizer = self.tokenizer if self._known else self.tokenizer.of(content)
            found: dict[str, Any] = {"tokens": tokenizer.pieces(content)}
            if self._known:
                found["ids"] = tokenizer.encode(content).tolist()
            record = {**fields, "seqcli": {**found, "offsets": tokenizer.offsets(content)}}
            yield json.dumps(record, ensure_ascii=False).encode("utf-8", errors="surrogatepass") + b"\n"
            start += len(line) + 1

    def _content(self, line: str, start: int) -> tuple[dict[str, Any], str]:
        """The fields to pass through, and the text."""
        if self.field is None:
            return {"text": line}, line
        try:
            fields = json.loads(line)
        except ValueError as error:
            raise Located("not a JSON object", start + getattr(error, "pos", 0), "--field reads JSON lines") from None
        if not isinstance(fields, dict) or not isinstance(fields.get(self.field), str):
            known = sorted(fields) if isinstance(fields, dict) else []
            raise Located(
                f"the object has no text in its field {self.field!r}", start, did_you_mean(self.field, known)
            )
        try:
            fields[self.field].encode()
        except UnicodeEncodeError:
            raise Located(f"the field {self.field!r} holds half a character (a lone surrogate)", start) from None
        return fields, fields[self.field]


def run(work: Work, chunks: Iterable[Chunk], jobs: int, live: bool) -> None:
    """Write what becomes of each chunk. `live`: the chunks come from standard input, which may pause."""
    out = Output()
    with _workers(work, jobs) as send:
        waiting: deque[tuple[Chunk, Callable[[], bytes]]] = deque()

        def write(most: int) -> None:
            while len(waiting) > most:
                _write(out, work, *waiting.popleft())
            out.flush()

        ended = True
        for chunk in chunks:
            if not ended and work.mode != "records":  # a file's last line without an end, and another file follows
                write(0)
                out.write("\n")
            ended = chunk.text.endswith("\n")
            if jobs == 1 or len(chunk.text) < SMALL:
                write(0)
                _write(out, work, chunk, partial(work, chunk.text))
                out.flush()
            else:
                waiting.append((chunk, send(chunk.text)))
                write(2 * jobs if not live or more_is_there() else 0)
        write(0)


def more_is_there() -> bool:
    """Whether standard input can be read without waiting."""
    try:
        return bool(select.select([sys.stdin], [], [], 0)[0])
    except (OSError, ValueError):
        return False


def _write(out: Output, work: Work, chunk: Chunk, result: Callable[[], bytes]) -> None:
    """Write a chunk's lines; those before a mistake come out, whatever the size of the chunks."""
    try:
        out.write_bytes(result())
    except Located as error:
        good = chunk.text.rfind("\n", 0, error.offset) + 1
        if good:
            out.write_bytes(work(chunk.text[:good]))
            out.flush()
        raise SeqcliError(f"{streams.place_of(chunk, error.offset)}: {error.message}", hint=error.hint) from None


# other processes


@contextmanager
def _workers(work: Work, jobs: int) -> Iterator[Callable[[str], Callable[[], bytes]]]:
    """`send(text)` gives a function that waits for the text's result."""
    if jobs == 1:
        yield lambda text: partial(work, text)
        return
    tokenizer = work.tokenizer
    parts = tokenizers.to_artifact(tokenizer) if isinstance(tokenizer, BaseTokenizer) else None
    plain = Work(None if parts else tokenizer, work.mode, work.field)
    with pool(jobs, _start, (plain, parts)) as workers:

        def send(text: str) -> Callable[[], bytes]:
            result = workers.apply_async(_do, (text,))
            return lambda: _unpack(result.get())

        yield send


_work: Work  # of a worker process


def _start(work: Work, parts: tuple[dict[str, Any], dict[str, np.ndarray]] | None) -> None:
    global _work
    if parts:
        header, arrays = parts
        work.tokenizer = tokenizers.restore(header, {n.removeprefix("tokenizer."): a for n, a in arrays.items()})
        if hasattr(work.tokenizer, "use_one_thread"):
            work.tokenizer.use_one_thread()
    _work = work


def _do(text: str) -> bytes | tuple[str, int, str]:
    try:
        return _work(text)
    except Located as error:  # exceptions with arguments of their own do not travel
        return error.message, error.offset, error.hint


def _unpack(result: bytes | tuple[str, int, str]) -> bytes:
    if isinstance(result, tuple):
        raise Located(*result)
    return result
