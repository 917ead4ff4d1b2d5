"""Runs that are stopped and resumed: when to stop them, and whether two runs ended with the same bits."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

from seqcli import artifact

RUNS = {  # of each task: a folder's fixture, a recipe there
    "language-model": ("home", "tiny"),
    "tagging": ("taggers", "pos"),
    "classification": ("classifiers", "remarks"),
    "sequence-to-sequence": ("translators", "back"),
}


def sets(*changes: str) -> list[str]:
    """`--set` before each."""
    return [part for change in changes for part in ("--set", change)]


def going_on(run: Path) -> list[str]:
    """The option that goes on with a run as its state allows, or begins it anew."""
    began = any((run / name).exists() for name in ("metrics.jsonl", "model.safetensors"))
    return ["--resume"] if (run / "last.safetensors").exists() else ["--overwrite"] if began else []


def log(folder: Path) -> list[dict[str, Any]]:
    """metrics.jsonl but for what a clock said."""
    records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in r.items() if k not in ("seconds", "tokens_per_second")} for r in records]


def assert_same(one: Path, other: Path) -> None:
    """All the bits of two runs' files, but for clocks."""
    names, others = ({p.relative_to(run).as_posix() for p in run.rglob("*") if p.is_file()} for run in (one, other))
    assert names == others, sorted(names ^ others)
    if "metrics.jsonl" in names:
        assert log(one) == log(other)
    for name in sorted(n for n in names if n.endswith(".safetensors")):
        a, b = artifact.read(one / name), artifact.read(other / name)
        assert a.arrays.keys() == b.arrays.keys()
        for key, array in a.arrays.items():
            assert array.dtype == b.arrays[key].dtype
            assert np.array_equal(array, b.arrays[key]), f"{name}: {key}"
        headers = [{k: v for k, v in x.header.items() if k not in ("created", "checksum")} for x in (a, b)]
        for header in headers:
            header.get("progress", {}).update(seconds=0, log_bytes=0)
        assert headers[0] == headers[1], name


def changed(path: Path, times: int = 1) -> Callable[[], bool]:
    """A condition: the file has been replaced or grown so many times since now."""

    def state() -> tuple[int, ...]:
        try:
            found = path.stat()
        except FileNotFoundError:
            return ()
        return found.st_mtime_ns, found.st_size, found.st_ino

    seen = [state()]

    def happened() -> bool:
        if (now := state()) != seen[-1]:
            seen.append(now)
        return len(seen) > times

    return happened


def alive(pid: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def end_at(running: Any, happened: Callable[[], bool], number: int) -> subprocess.CompletedProcess[str]:
    """Wait for a moment of a process, or for its end, and send a signal."""
    while not happened() and alive(running.pid):
        time.sleep(1e-4)  # shorter than what lies between two writes, and leaves the core to the process
    with contextlib.suppress(ProcessLookupError):
        os.kill(running.pid, number)
    return running.wait()


def saves(run: Path, times: int) -> Iterator[Callable[[], bool]]:
    """Moments: after so many saves, again and again."""
    return (changed(run / "last.safetensors", n) for n in repeat(times))


def ended_again_and_again(
    forks: Any, args: list[str], run: Path, number: int, moments: Iterator[Callable[[], bool]]
) -> list[int]:
    """Begin a run, end it at each moment, and resume it until it ends by itself; returns the steps at which it stood."""
    resume: list[str] = []
    steps: list[int] = []
    for happened in moments:
        running = forks.start(*args, "--name", run.name, *resume, cwd=run.parent.parent)
        done = end_at(running, happened, number)
        if done.returncode == 0:
            break
        assert done.returncode == (-number if number == signal.SIGKILL else 128 + number), done.stderr
        resume = ["--resume"]
        if (run / "last.safetensors").exists():
            steps.append(artifact.read_header(run / "last.safetensors")["progress"]["step"])
    assert steps == sorted(steps)
    return steps
