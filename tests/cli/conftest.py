"""A small corpus, small trained models that many tests share, and a quick way to start training processes."""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

RECIPE = """\
task: language-model
tokenizer: char
data: {train: corpus.txt, valid: 0.1, test: 0.1}
model: {cell: lstm, embedding: 8, hidden: 16}
train: {steps: 60, sequence_length: 16, batch_size: 8, learning_rate: 1e-2, threads: 1}
"""
WORDS = [
    "the",
    "cat",
    "sat",
    "on",
    "a",
    "mat",
    "and",
    "dog",
    "ran",
    "to",
    "see",
    "it",
    "all",
    "over",
    "again",
    "quickly",
]


def sentences(count: int, seed: int = 0, words: list[str] = WORDS) -> str:
    """Lines of 3 to 9 words and a full stop; the same for the same arguments."""
    draw = random.Random(seed)
    lines = (" ".join(draw.choice(words) for _ in range(draw.randint(3, 9))) + ".\n" for _ in range(count))
    return "".join(lines)


def furnish(folder: Path) -> Path:
    """Put corpus.txt (400 lines) and tiny.yaml into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "corpus.txt").write_text(sentences(400))
    (folder / "tiny.yaml").write_text(RECIPE)
    return folder


@pytest.fixture(scope="session", name="furnish")
def furnish_fixture() -> Callable[[Path], Path]:
    """`furnish(folder)` puts corpus.txt and tiny.yaml there."""
    return furnish


@pytest.fixture(scope="session", name="sentences")
def sentences_fixture() -> Callable[..., str]:
    """`sentences(count, seed)`: a text."""
    return sentences


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty folder but for corpus.txt and tiny.yaml."""
    return furnish(tmp_path)


@dataclass
class Running:
    """A process that was started; `wait` for what it said."""

    args: tuple[str, ...]
    pid: int
    folder: Path
    answers: Iterator[str]

    def wait(self) -> subprocess.CompletedProcess[str]:
        """Its status, stdout and stderr; a signal that killed it is a negative status."""
        status = int(next(self.answers))
        out, err = ((self.folder / name).read_bytes().decode() for name in ("out", "err"))
        return subprocess.CompletedProcess(self.args, status, out, err)


class Forks:
    """`forks(*args, cwd=...)` is `seqcli ARGS` in a process of its own; `start` does not wait for its end."""

    def __init__(self, folder: Path):
        self.folder = folder
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("forks.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **ONE_THREAD, "PYTHONPATH": path},
            text=True,
        )

    def start(
        self, *args: object, cwd: Path, input: str = "", env: dict[str, str] | None = None, err: str | None = None
    ) -> Running:
        """Start a process; `err` is a path (a terminal's) to take the place of the file for stderr."""
        assert self.process.stdin
        assert self.process.stdout
        (self.folder / "in").write_bytes(input.encode())
        (self.folder / "err").write_text("")
        files = [str(self.folder / "in"), str(self.folder / "out"), err or str(self.folder / "err")]
        request = {"args": [*map(str, args)], "cwd": str(cwd), "env": env or {}, "files": files}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        pid = int(self.process.stdout.readline())
        return Running(tuple(map(str, args)), pid, self.folder, self.process.stdout)

    def __call__(
        self, *args: object, cwd: Path, input: str = "", env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return self.start(*args, cwd=cwd, input=input, env=env).wait()

    def ok(self, *args: object, cwd: Path, input: str = "") -> subprocess.CompletedProcess[str]:
        """As a call, for what must succeed."""
        done = self(*args, cwd=cwd, input=input)
        assert done.returncode == 0, done.stderr
        return done

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(30)


@pytest.fixture
def spawn(isolated: None) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """`spawn(*args, cwd=...)`: `python -m seqcli ARGS`, its three streams pipes, not waited for."""
    started: list[subprocess.Popen[bytes]] = []
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))

    def start(*args: object, cwd: Path, **options: Any) -> subprocess.Popen[bytes]:
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        command = [sys.executable, "-m", "seqcli", *map(str, args)]
        env = {**os.environ, **ONE_THREAD, "PYTHONPATH": path}
        started.append(subprocess.Popen(command, cwd=cwd, env=env, **{**pipes, **options}))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


@pytest.fixture(scope="session")
def forks(isolated: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    """Start `seqcli` processes quickly."""
    started = Forks(tmp_path_factory.mktemp("forks"))
    yield started
    started.close()


@pytest.fixture(scope="session")
def home(forks: Forks, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with finished runs, not to be changed: tiny (char), bytes (on multi-byte text), counted (n-grams)."""
    folder = furnish(tmp_path_factory.mktemp("home"))
    (folder / "umlauts.txt").write_text(sentences(300, 1, ["süß", "日本語", "über", "naïve", "🙂🙃", "x"]))
    forks.ok("train", "tiny.yaml", "--set", "train.steps=150", cwd=folder)
    changes = ("tokenizer=byte", "data.train=umlauts.txt", "train.steps=40")
    forks.ok("train", "tiny.yaml", "--name", "bytes", *(a for c in changes for a in ("--set", c)), cwd=folder)
    (folder / "counted.yaml").write_text(RECIPE.partition("\nmodel:")[0] + "\nmodel: {kind: ngram, order: 4}\n")
    forks.ok("train", "counted.yaml", cwd=folder)
    return folder
