"""The filter loop of every verb: read records as they arrive, answer them in batches, write answers in their order.

It uses one process or several. The records before an error are answered before the error is reported. Text that the
model has no symbol for is answered all the same and counted (`--unknown answer`), and so are bytes that do not decode
(`--errors replace`).
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from seqcli import console, streams, threads
from seqcli.cli._options import Lines
from seqcli.cli._pool import pool, watch_parent
from seqcli.errors import SeqcliError
from seqcli.files import packing, sources
from seqcli.predictor import Answering
from seqcli.streams import Chunk, Output, Replaced

HELD = 1 << 20  # characters: a batch with so many is answered before it is full
POSIX = os.name == "posix"
SHOWN = 5  # how many unknown symbols the message names


class Stopped(SeqcliError):
    """A record cannot be answered. `answers` are those of the records before it, `at` the position in the record,
    `part` the part of its answer that is written all the same."""

    def __init__(self, message: str, *, answers: Sequence[Any] = (), at: int = 0, part: Any = None, hint: str = ""):
        super().__init__(message, hint=hint)
        self.answers, self.at, self.part = list(answers), at, part


@dataclass
class Lacked:
    """Counts the text that a model had no symbol for."""

    records: int = 0
    times: int = 0
    different: dict[str, None] = field(default_factory=dict)

    def add(self, found: Sequence[str]) -> None:
        """Count the unknown text of one record."""
        self.records, self.times = self.records + 1, self.times + len(found)
        self.different.update(dict.fromkeys(found))

    def merge(self, other: Lacked) -> None:
        """Add the counts of another process."""
        self.records, self.times = self.records + other.records, self.times + other.times
        self.different.update(other.different)

    def say(self) -> None:
        """Print the counts, once, at the end."""
        if self.records:
            shown = ", ".join(repr(what) for what in list(self.different)[:SHOWN])
            left = len(self.different) - SHOWN
            more = f" and {left:,} other{'s' * (left > 1)}" if left > 0 else ""
            times, records = "s" * (self.times > 1), "s" * (self.records > 1)
            often = f"{self.times:,} time{times} in {self.records:,} record{records}"
            said = "answered all the same; --unknown strict stops at them"
            console.say(f"there is no symbol for {shown}{more} ({often}): {said}")


class Work(NamedTuple):
    """The predictor that answers records, and the settings of its answers."""

    predictor: Answering
    asked: Any
    strict: bool  # stop at text that it has no symbol for

    def __call__(self, records: Sequence[Any]) -> tuple[list[Any], Lacked]:
        """Return the answers to records, and the counts of unknown text. If strict, raises Stopped at the first
        unknown text."""
        own, asked, lacked = self.predictor, self.asked, Lacked()
        ready: list[Any] = []
        for record in records:
            try:
                ready.append(own.ready(record))
            except Stopped:
                raise
            except SeqcliError as error:  # an unknown symbol, or a file named by the record that cannot be read
                at, before = getattr(error, "offset", 0), ready and own.answer(ready, asked)
                raise Stopped(error.message, answers=before, at=at, hint=error.hint) from None
        for i, record in enumerate(() if own.complete else ready):
            if found := own.lacking(record):
                if self.strict:
                    before = own.answer(ready[:i], asked) if i else ()
                    raise stopped(found[0][1], own.where(record, found[0][0]), before)
                lacked.add([what for _, what in found])
        return own.answer(ready, asked), lacked


def stopped(what: str, at: int, answers: Sequence[Any] = (), part: Any = None) -> Stopped:
    """Return the error for text that a model has no symbol for."""
    hint = "--unknown answer, the default, answers all the same and counts such text"
    code = f" (U+{ord(what):04X})" if len(what) == 1 else ""
    return Stopped(f"there is no symbol for {what!r}{code}", answers=answers, at=at, part=part, hint=hint)


def one(predictor: Answering, record: Any, how: Lines) -> Any:
    """Make a single record ready to be answered, and report text that the model has no symbol for. Raises
    SeqcliError."""
    ready, lacked = predictor.made_ready(record), Lacked()
    if found := [] if predictor.complete else predictor.lacking(ready):
        if how.unknown == "strict":
            stop = stopped(found[0][1], 0)
            raise SeqcliError(f"{record.place(predictor.where(ready, found[0][0]))}: {stop.message}", hint=stop.hint)
        lacked.add([what for _, what in found])
        lacked.say()
    return ready


def run(
    files: Sequence[str],
    reader: Any,
    predictor: Answering,
    asked: Any,
    write: Callable[[Any, Any], str | bytes],
    *,
    batch_size: int,
    how: Lines,
    encoding: str | None = None,
    what: str = "answering",
) -> None:
    """Answer the records of files or of standard input, and report what was replaced or unknown; `asked` are settings
    of the predictor."""
    out, lacked, replaced = Output(), Lacked(), Replaced() if how.errors == "replace" else None
    waiting: deque[tuple[list[Any], Callable[[], tuple[list[Any], Lacked]]]] = deque()

    def drain(most: int) -> None:
        while len(waiting) > most:
            records, result = waiting.popleft()
            try:
                answers, found = result()
            except Stopped as stop:
                _write(out, write, records, [*stop.answers, *([] if stop.part is None else [stop.part])])
                place = records[len(stop.answers)].place(stop.at)
                raise SeqcliError(f"{place}: {stop.message}", hint=stop.hint) from None
            lacked.merge(found)
            _write(out, write, records, answers)
        out.flush()

    work = Work(predictor, asked, how.unknown == "strict")
    reading = Batches(files, reader, work, batch_size, encoding, replaced, what, how.longest)
    with _workers(work, how) as send:
        for batch, pause in reading:
            waiting.append((batch, send(batch)))
            drain(0 if pause else 2 * how.jobs if how.jobs > 1 else 0)
        drain(0)
    lacked.say()
    if replaced and replaced.count:
        times = "once" if replaced.count == 1 else f"{replaced.count:,} times"
        console.say(f"bytes that are not valid {(encoding or 'utf-8').upper()} were read as U+FFFD {times}")
    if reading.problem:
        raise reading.problem


def _write(out: Output, write: Callable[[Any, Any], str | bytes], records: Iterable[Any], answers: Any) -> None:
    written: list[Any] = list(map(write, records, answers))
    if written and isinstance(written[0], bytes):
        out.write_bytes(b"".join(written))
    else:
        out.write("".join(written))
    out.flush()


@dataclass
class Batches:
    """The records of sources in batches, each with whether the input pauses after it. An error in the input ends them
    and becomes `problem`, to be raised when the records before it are answered."""

    files: Sequence[str]
    reader: Any
    work: Work
    size: int
    encoding: str | None
    replaced: Replaced | None
    what: str
    longest: int  # the most characters of a record
    problem: SeqcliError | None = None

    def __iter__(self) -> Iterator[tuple[list[Any], bool]]:
        held: list[Any] = []
        paths = [path for file in self.files for path in ([file] if self._is_held(file) else sources([file]))]
        live, eager = "-" in paths, any(p != "-" and not Path(p).is_file() for p in paths)  # a named pipe may pause
        try:
            with progress(self.what, paths) as advance:
                for chunk in self._chunks(paths):
                    self._prepared(self.reader.feed(chunk), held)
                    pause = eager or (live and not streams.more_is_there())
                    if pause or len(held) >= self.size or sum(r.size for r in held) >= HELD:
                        yield from self._cut(held, pause)
                    advance(len(chunk.text))
            self._prepared(self.reader.close(), held)
        except SeqcliError as error:
            self.problem = error
        yield from self._cut(held, True)

    def _is_held(self, file: str) -> bool:
        """Whether a path is a folder of records."""
        return file != "-" and Path(file).is_dir() and bool(self.work.predictor.holds(file))

    def _chunks(self, paths: Sequence[str | Path]) -> Iterator[Chunk]:
        """Yield the contents of the sources; for files that are records themselves (a recording, a folder of them),
        their names."""
        how: dict[str, Any] = {"encoding": self.encoding, "end_lines": True, "replaced": self.replaced}
        how["cut_long_lines"] = getattr(self.reader, "cuts", False)  # of running text
        holds = self.work.predictor.holds
        for several, group in groupby(paths, lambda path: path != "-" and holds(path) is not None):
            if not several:
                yield from streams.read_text(list(group), **how)
                continue
            for path in group:
                names = "".join(f"{name}\n" for name in holds(path) or ())
                yield Chunk(names, str(path), 1)

    def _prepared(self, records: Iterator[Any], held: list[Any]) -> None:
        prepare, asked, longest = self.work.predictor.prepare, self.work.asked, self.longest
        for record in records:
            if record.size > longest and not isinstance(record, Chunk):
                said = f"a record of {record.size:,} characters: --longest allows {self.longest:,}"
                raise SeqcliError(
                    f"{record.place(0)}: {said}",
                    hint="split it, or allow more: each character takes about 100 to 250 bytes",
                )
            held.append(prepare(record, asked))

    def _cut(self, held: list[Any], pause: bool) -> Iterator[tuple[list[Any], bool]]:
        while held:
            batch, held[:] = held[: self.size], held[self.size :]
            yield batch, pause and not held


def progress(what: str, paths: Sequence[str | Path]) -> Any:
    """Return a progress bar if the input size is known and the output does not itself show the progress."""
    plain = [Path(p) for p in paths if p != "-" and Path(p).is_file() and packing(p) is None]
    if sys.stdout.isatty() or len(plain) < len(paths):
        return nullcontext(lambda _: None)
    return console.progress(what, float(sum(p.stat().st_size for p in plain)))


# other processes


@contextmanager
def _workers(work: Work, how: Lines) -> Iterator[Callable[[list[Any]], Callable[[], Any]]]:
    """Yield `send`; `send(records)` returns a function that waits for their answers."""
    quick = how.jobs > 1 and work.predictor.quick(work.asked)
    if quick:
        console.say(f"--jobs {how.jobs}: one process is used, as sending texts to others would take longer")
    if how.jobs == 1 or quick:
        yield lambda records: partial(work, records)
        return
    own = work.predictor
    with pool(how.jobs, _start, (own.packed(), work.asked, work.strict, console.verbosity)) as submit:

        def send(records: list[Any]) -> Callable[[], Any]:
            if sum(r.size for r in records) < own.small:
                return partial(work, records)
            return partial(_received, submit(_do, [own.light(r) for r in records]))

        yield send


_work: Work  # set in a worker process


def _start(opens: Callable[[], Answering], asked: Any, strict: bool, verbosity: int) -> None:
    global _work
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=watch_parent, daemon=True).start()
    console.verbosity = verbosity
    threads.limit(1)
    _work = Work(opens(), asked, strict)


def _do(records: list[Any]) -> tuple[Any, ...]:
    """Return answers and counts, or the parts of an error: errors with arguments of their own cannot be pickled."""
    try:
        return _work(records)
    except Stopped as stop:
        return stop.message, stop.hint, stop.answers, stop.at, stop.part
    except SeqcliError as error:
        return error.message, error.hint, None, 0, None


def _received(result: Callable[[], Any]) -> tuple[list[Any], Lacked]:
    found = result()
    if len(found) == 2:
        return found
    message, hint, answers, at, part = found
    if answers is None:
        raise SeqcliError(message, hint=hint)
    raise Stopped(message, hint=hint, answers=answers, at=at, part=part)
