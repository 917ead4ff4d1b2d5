"""Answer one record on standard input while it arrives: samples of a recording, or lines of vectors."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple

import numpy as np

from seqcli import predictor, streams, threads
from seqcli.artifact import Artifact
from seqcli.cli._options import Given
from seqcli.errors import SeqcliError, UsageError
from seqcli.frames import Frames
from seqcli.inference.live import Heard, Live
from seqcli.records import cell

PIECE = 1 << 16  # the most bytes read at once
NAMED = {b"RIFF": "a WAV file", b"fLaC": "a FLAC file"}  # first bytes: the kind of file
SERVE = ("input", "jsonl", "model", "threads")  # options that apply to a stream


class How(NamedTuple):
    """The options of the output."""

    jsonl: bool
    threads: int | None
    texts: bool = False  # as running text instead of a line each


def run(files: Sequence[str], read: str, stored: Artifact, given: Given, how: How) -> None:
    """Answer standard input, writing each answer as soon as it is known. Raises SeqcliError."""
    if odd := [*[f for f in files if f != "-"], *given.flags(name for name in given if name not in SERVE)]:
        raise UsageError(f"{odd[0]} does not apply to --input {read}, which reads one record from standard input")
    limit = threads.limit(how.threads or 1)  # noqa: F841  in force while it is referenced
    live = predictor.load(stored).live()
    frames: Frames = live.frames
    sound, out, problem = hasattr(frames.config, "rate"), streams.Output(), []
    if sound != (read == "pcm"):
        what, other = ("recordings", "pcm") if sound else ("numbers", "frames")
        raise UsageError(
            f"{stored.path} reads {what}: --input {read} does not apply to it", hint=f"use --input {other}"
        )

    def pieces() -> Iterator[np.ndarray]:
        file: BinaryIO = sys.stdin.buffer
        try:
            yield from _samples(file) if sound else _vectors(file, frames)
        except SeqcliError as error:  # raised once everything before it is answered
            problem.append(error)

    def write(found: list[Heard]) -> None:
        for one in found:
            out.write(one.text if how.texts and not how.jsonl else _line(live, one, how.jsonl, sound))
        out.flush()

    piece = None
    for piece in pieces():
        write(live.feed(piece))
    if piece is not None:
        try:
            write(live.feed(piece[:0], last=True))
        except SeqcliError as error:
            problem.append(SeqcliError(f"<stdin>: {error.message}", hint=error.hint))
        if how.texts and not how.jsonl:
            out.write(live.rest() + "\n")
    if problem:
        out.flush()
        raise problem[0]


def _line(live: Live, one: Heard, jsonl: bool, sound: bool) -> str:
    """Return `time TAB answer TAB probability`, or a JSON object of the three."""
    if not jsonl:
        return f"{one.time:.{3 if sound else 0}f}\t{cell(one.what)}\t{one.probability:.4f}\n"
    found = {"time": one.time, live.name: one.what, "probability": round(one.probability, 6)}
    return json.dumps({"seqcli": found}, ensure_ascii=False) + "\n"


def _samples(file: BinaryIO) -> Iterator[np.ndarray]:
    """Yield samples (n,) within ± 32,768 from signed 16-bit little-endian ones, as they arrive."""
    held, begun = b"", False
    while data := file.read1(PIECE):  # type: ignore[attr-defined]
        if not begun and data[:4] in NAMED:
            raise SeqcliError(
                f"<stdin> is {NAMED[data[:4]]}, not raw samples",
                hint="name the file instead of --input pcm, or convert it: ffmpeg -i FILE -f s16le -ac 1 -",
            )
        begun, data = True, held + data
        whole = len(data) & ~1
        held = data[whole:]
        yield np.frombuffer(data[:whole], "<i2").astype(np.float32)
    if held:
        raise SeqcliError(
            "<stdin>: an odd number of bytes: the last sample is cut short",
            hint="samples are signed, 16 bits, little-endian, as arecord -t raw -f S16_LE writes them",
        )


def _vectors(file: BinaryIO, frames: Frames) -> Iterator[np.ndarray]:
    """Yield vectors (n, D) from lines such as `1.5,2,3`, as they arrive."""
    for chunk in streams.without_marks(streams.read_chunks(file, "<stdin>")):
        rows, problem = [], None
        for number, line in streams.lines_of(chunk):
            try:
                rows.append(frames.vector(line))
            except SeqcliError as error:
                problem = SeqcliError(f"<stdin>:{number}: {error.message}", hint=error.hint)
                break
        if rows:
            yield np.stack(rows)
        if problem:
            raise problem
