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


TAGGERS = """\
task: tagging
data: {train: [TRAIN], valid: [VALID], test: [TEST]}
model: {embedding: 8, characters: {kind: cnn, embedding: 4, filters: 6}, hidden: 8}
train: {steps: 60, evaluate_every: 60, batch_size: 16, learning_rate: 2e-2, threads: 1}
"""


def names(count: int, seed: int) -> str:
    """Made-up sentences in columns (word, part of speech, entity in IOB2), blocks with a blank line behind each."""
    draw = random.Random(seed)
    kinds = {"PER": ["Ada", "Bob", "Emil Zola", "Finn de Vries"], "LOC": ["Paris", "New York"], "ORG": ["Acme Corp"]}

    def entity(*labels: str) -> list[tuple[str, str, str]]:
        label = draw.choice(labels)
        words = draw.choice(kinds[label]).split()
        return [(w, "NNP", f"{'I' if i else 'B'}-{label}") for i, w in enumerate(words)]

    def sentence() -> list[tuple[str, str, str]]:
        begin = [("Yesterday", "RB", "O")] * (draw.random() < 0.3)
        verb = (draw.choice(["visited", "saw", "left"]), "VBD", "O")
        end = [("and", "CC", "O"), *entity("PER")] if draw.random() < 0.4 else []
        return [*begin, *entity("PER"), verb, *entity("LOC", "ORG"), *end, (".", ".", "O")]

    return "".join("".join(" ".join(row) + "\n" for row in sentence()) + "\n" for _ in range(count))


@pytest.fixture(scope="session")
def taggers(forks: Forks, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with finished runs, not to be changed: pos (word/TAG), ner (columns, IOB2), fed (ner that reads the
    column of parts of speech too), counted (most frequent tags), spaces (puts them back)."""
    folder = tmp_path_factory.mktemp("taggers")
    for split, lines in (("train", 300), ("valid", 60), ("test", 60)):
        whole = (ROOT / "data" / f"pos-{split}.txt").read_text().splitlines(keepends=True)
        (folder / f"pos-{split}.txt").write_text("".join(whole[:lines]))
        (folder / f"ner-{split}.conll").write_text(names(lines // 2, lines + len(split)))
    (folder / "plain.txt").write_text(sentences(200))

    def recipe(name: str, pattern: str, *changes: tuple[str, str]) -> None:
        text = TAGGERS
        for split in ("train", "valid", "test"):
            text = text.replace(f"[{split.upper()}]", pattern.format(split))
        for before, after in changes:
            assert before in text
            text = text.replace(before, after)
        (folder / f"{name}.yaml").write_text(text)
        forks.ok("train", f"{name}.yaml", cwd=folder)

    columns = ("ner-test.conll}", "ner-test.conll, columns: [word, pos, ner]}")
    recipe("pos", "pos-{}.txt", ("pos-test.txt}", "pos-test.txt, format: word-tag}"))
    recipe("ner", "ner-{}.conll", columns)
    recipe("fed", "ner-{}.conll", columns, ("hidden: 8}", "hidden: 8, features: [pos]}"))
    model = TAGGERS.partition("model: ")[2]
    counted = (f"model: {model}", "model: {kind: frequency-tagger}\n")
    recipe("counted", "pos-{}.txt", ("pos-test.txt}", "pos-test.txt, format: word-tag}"), counted)
    recipe(
        "spaces",
        "plain.txt",
        ("valid: plain.txt, test: plain.txt}", "valid: 0.1, test: 0.1, restore: spaces}"),
        ("characters: {kind: cnn, embedding: 4, filters: 6}, hidden: 8", "characters: none, hidden: 16"),
    )
    return folder


@pytest.fixture
def tag(forks: Forks, taggers: Path) -> Callable[..., str]:
    """`tag(*args, input="", model="pos")`: stdout of a `seqcli tag` that must succeed."""

    def run(*args: object, input: str = "", model: str = "pos") -> str:
        return forks.ok("-q", "tag", "-m", model, *args, cwd=taggers, input=input).stdout

    return run
