"""A filter of records: read as they come, answered in batches, written in their order, by one process or several."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from seqcli import console, streams, threads
from seqcli.cli._token_filter import more_is_there
from seqcli.cli._workers import pool
from seqcli.errors import SeqcliError
from seqcli.files import sources
from seqcli.streams import Chunk, Output

HELD = 1 << 20  # characters of records that wait to be answered together: long lines wait for no full batch


class Work(Protocol):
    """What answers records; it travels to other processes without the model."""

    def prepare(self, record: Any, /) -> Any:
        """A record made ready to be answered. Raises SeqcliError for what it lacks."""

    def __call__(self, records: list[Any], /) -> list[Any]:
        """An answer for each record."""
        ...

    def packed(self) -> Work:
        """The work without what another process opens for itself."""
        ...

    def unpack(self, model: Path) -> None:
        """Open that."""

    def light(self, record: Any, /) -> Any:
        """What of a record another process needs."""


def run(
    files: Sequence[str],
    reader: Any,
    work: Work,
    write: Callable[[Any, Any], str],
    *,
    model: Path,
    batch_size: int,
    jobs: int,
    encoding: str | None = None,
) -> None:
    """Answer the records of files, or of standard input. What precedes a mistake is answered before it is raised."""
    paths = sources(files)
    live, eager = "-" in paths, any(p != "-" and not Path(p).is_file() for p in paths)  # a named pipe may pause too
    out, held = Output(), []
    with _workers(work, model, jobs) as send:
        waiting: deque[tuple[list[Any], Callable[[], list[Any]]]] = deque()

        def drain(most: int) -> None:
            while len(waiting) > most:
                records, result = waiting.popleft()
                answers = result()
                out.write("".join(map(write, records, answers)))
            out.flush()

        def answer(most: int) -> None:
            while held:
                batch, held[:] = held[:batch_size], held[batch_size:]
                waiting.append((batch, send(batch)))
                drain(2 * jobs if jobs > 1 else 0)
            drain(most)

        try:
            for chunk in streams.read_text(paths, encoding=encoding, end_lines=True):
                for record in _fed(reader, chunk):
                    held.append(work.prepare(record))  # noqa: PERF401  what precedes a mistake is kept
                if eager or (live and not more_is_there()):
                    answer(0)
                elif len(held) >= batch_size or sum(len(r.text) for r in held) >= HELD:
                    answer(2 * jobs if jobs > 1 else 0)
            for record in reader.close():
                held.append(work.prepare(record))  # noqa: PERF401
        except SeqcliError:
            answer(0)
            raise
        answer(0)


def _fed(reader: Any, chunk: Chunk) -> Iterator[Any]:
    """The records that a chunk completes; those before a mistake come out before it is raised."""
    before = {name: value.copy() if isinstance(value, list) else value for name, value in vars(reader).items()}
    try:
        found = reader.feed(chunk)
    except SeqcliError:
        vars(reader).update(before)
        for number, line in enumerate(chunk.text.split("\n"), chunk.line):
            yield from reader.feed(Chunk(line + "\n", chunk.source, number))
        raise
    yield from found


# other processes


@contextmanager
def _workers(work: Work, model: Path, jobs: int) -> Iterator[Callable[[list[Any]], Callable[[], list[Any]]]]:
    """`send(records)` gives a function that waits for their answers."""
    if jobs == 1:
        yield lambda records: partial(work, records)
        return
    with pool(jobs, _start, (work.packed(), model, console.verbosity)) as workers:
        yield lambda records: partial(_received, workers.apply_async(_do, ([work.light(r) for r in records],)))


_work: Work  # of a worker process


def _start(work: Work, model: Path, verbosity: int) -> None:
    global _work
    console.verbosity = verbosity
    threads.limit(1)
    work.unpack(model)
    _work = work


def _do(records: list[Any]) -> list[Any] | tuple[str, str]:
    try:
        return _work(records)
    except SeqcliError as error:  # exceptions with arguments of their own do not travel
        return error.message, error.hint


def _received(result: Any) -> list[Any]:
    found = result.get()
    if isinstance(found, tuple):
        raise SeqcliError(found[0], hint=found[1])
    return found
