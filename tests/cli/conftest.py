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
from support import inprocess
from support.pairs import fails_to_translate, translate, translators  # noqa: F401  fixtures
from support.shared import shared

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
    *("the", "cat", "sat", "on", "a", "mat", "and", "dog", "ran", "to", "see", "it"),
    *("all", "over", "again", "quickly"),
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
    """`forks(*args, cwd=...)` is `seqcli ARGS`; `start` begins it as a process of its own and does not wait."""

    def __init__(self, folder: Path, env: dict[str, str] | None = None):
        self.folder = folder
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("forks.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **ONE_THREAD, "PYTHONPATH": path, **(env or {})},
            text=True,
        )

    def start(
        self,
        *args: object,
        cwd: Path,
        input: str = "",
        env: dict[str, str] | None = None,
        given: str | None = None,
        err: str | None = None,
    ) -> Running:
        """Start a process; `given` and `err` are paths (a terminal's) in the place of the files for stdin, stderr."""
        assert self.process.stdin
        assert self.process.stdout
        (self.folder / "in").write_bytes(input.encode())
        (self.folder / "err").write_text("")
        files = [given or str(self.folder / "in"), str(self.folder / "out"), err or str(self.folder / "err")]
        request = {"args": [*map(str, args)], "cwd": str(cwd), "env": env or {}, "files": files}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        pid = int(self.process.stdout.readline())
        return Running(tuple(map(str, args)), pid, self.folder, self.process.stdout)

    def __call__(
        self, *args: object, cwd: Path, input: str = "", env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end: in this process, but for what trains, needs others, or another environment."""
        if env is None and not {"train", "--jobs"} & {*map(str, args)}:
            done = inprocess.seqcli(*args, cwd=cwd, input=input)
            return subprocess.CompletedProcess(args, done.returncode, done.text, done.stderr)
        return self.start(*args, cwd=cwd, input=input, env=env).wait()

    def ok(self, *args: object, cwd: Path, input: str = "") -> subprocess.CompletedProcess[str]:
        """As a call, for what must succeed."""
        done = self(*args, cwd=cwd, input=input)
        assert done.returncode == 0, done.stderr
        return done

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


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
    return shared(tmp_path_factory, "home", lambda folder: train_home(forks, folder))


def train_home(forks: Forks, folder: Path) -> None:
    """Fill the folder of `home`."""
    furnish(folder)
    (folder / "umlauts.txt").write_text(sentences(300, 1, ["süß", "日本語", "über", "naïve", "🙂🙃", "x"]))
    forks.ok("train", "tiny.yaml", "--set", "train.steps=150", cwd=folder)
    changes = ("tokenizer=byte", "data.train=umlauts.txt", "train.steps=40")
    forks.ok("train", "tiny.yaml", "--name", "bytes", *(a for c in changes for a in ("--set", c)), cwd=folder)
    (folder / "counted.yaml").write_text(RECIPE.partition("\nmodel:")[0] + "\nmodel: {kind: ngram, order: 4}\n")
    forks.ok("train", "counted.yaml", cwd=folder)
    (folder / "looking.yaml").write_text(
        RECIPE.partition("\nmodel:")[0] + "\nmodel: {kind: transformer, size: 16, heads: 2, layers: 1}\n"
        "train: {steps: 30, sequence_length: 16, batch_size: 8, threads: 1}\n"
    )
    forks.ok("train", "looking.yaml", cwd=folder)


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
    column of parts of speech too), counted (most frequent tags), attention (a transformer), spaces (puts them back)."""
    return shared(tmp_path_factory, "taggers", lambda folder: train_taggers(forks, folder))


def train_taggers(forks: Forks, folder: Path) -> None:
    """Fill the folder of `taggers`."""
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
    attention = (
        "characters: {kind: cnn, embedding: 4, filters: 6}, hidden: 8",
        "kind: transformer, size: 8, heads: 2",
    )
    recipe("attention", "pos-{}.txt", ("pos-test.txt}", "pos-test.txt, format: word-tag}"), attention)
    recipe(
        "spaces",
        "plain.txt",
        ("valid: plain.txt, test: plain.txt}", "valid: 0.1, test: 0.1, restore: spaces}"),
        ("characters: {kind: cnn, embedding: 4, filters: 6}, hidden: 8", "characters: none, hidden: 16"),
    )


@pytest.fixture
def tag(forks: Forks, taggers: Path) -> Callable[..., str]:
    """`tag(*args, input="", model="pos")`: stdout of a `seqcli tag` that must succeed."""

    def run(*args: object, input: str = "", model: str = "pos") -> str:
        return forks.ok("-q", "tag", "-m", model, *args, cwd=taggers, input=input).stdout

    return run


CLASSIFIERS = """\
task: classification
tokenizer: {kind: word, split: rule, lowercase: true}
data: {train: remarks-train.tsv, valid: remarks-valid.tsv, test: remarks-test.tsv}
model: {cell: lstm, embedding: 8, hidden: 8, pooling: attention}
train: {steps: 60, evaluate_every: 30, batch_size: 16, learning_rate: 4e-2, threads: 1}
"""
SUBJECTS = {"food": "bread cheese soup", "music": "drum violin song", "sport": "ball goal race"}
ENDINGS = {"fi": "nen", "ru": "ov", "sv": "sson"}


def topics(count: int, seed: int) -> str:
    """Made-up texts on none, one or several subjects, as JSON lines."""
    draw = random.Random(seed)

    def record() -> str:
        own = sorted(draw.sample(sorted(SUBJECTS), draw.choice([0, 1, 1, 2, 3])))
        words = [draw.choice(WORDS) for _ in range(3)] + [draw.choice(SUBJECTS[label].split()) for label in own]
        draw.shuffle(words)
        return json.dumps({"text": " ".join(words), "labels": own}) + "\n"

    return "".join(record() for _ in range(count))


def surnames(count: int, seed: int) -> str:
    """`LABEL text`: made-up names, whose endings tell the language."""
    draw = random.Random(seed)

    def name(label: str) -> str:
        return (
            "".join(draw.choice(["ka", "mi", "ro", "lu", "te"]) for _ in range(draw.randint(1, 3))) + ENDINGS[label]
        )

    labels = [draw.choice(sorted(ENDINGS)) for _ in range(count)]
    return "".join(f"{label} {name(label)}\n" for label in labels)


def parses(count: int, seed: int) -> str:
    """Binary trees with labels 0 to 2, a line each: an adjective says what its phrases are, `not` turns that round."""
    draw = random.Random(seed)
    known = {"good": 2, "fine": 2, "bad": 0, "dull": 0}

    def tree() -> str:
        label, word = draw.choice([(v, k) for k, v in known.items()])
        phrase = f"({label} {word})"
        if draw.random() < 0.4:
            label = 2 - label
            phrase = f"({label} (1 not) {phrase})"
        return f"({label} (1 (1 the) (1 {draw.choice(WORDS[1:6])})) ({label} (1 is) {phrase}))\n"

    return "".join(tree() for _ in range(count))


@pytest.fixture(scope="session")
def classifiers(forks: Forks, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with finished runs, not to be changed: remarks (words, weighs its tokens), topics (several labels),
    names (characters), octets (bytes), pieces (sentencepiece), bag, linear (ngram-linear), trees (recursive)."""
    return shared(tmp_path_factory, "classifiers", lambda folder: train_classifiers(forks, folder))


def train_classifiers(forks: Forks, folder: Path) -> None:
    """Fill the folder of `classifiers`."""
    for split, lines in (("train", 300), ("valid", 80), ("test", 80)):
        whole = (ROOT / "data" / f"sentiment-{split}.tsv").read_text().splitlines(keepends=True)
        (folder / f"remarks-{split}.tsv").write_text("".join(whole[: lines + 1]))
        (folder / f"topics-{split}.jsonl").write_text(topics(lines, lines + len(split)))
        (folder / f"names-{split}.txt").write_text(surnames(lines, lines + len(split)))
        (folder / f"trees-{split}.txt").write_text(parses(lines // 2, lines + len(split)))
    words = "tokenizer: {kind: word, split: rule, lowercase: true}"
    model = "model: {cell: lstm, embedding: 8, hidden: 8, pooling: attention}"
    names = [*((f"remarks-{s}.tsv", f"names-{s}.txt") for s in ("train", "valid", "test"))]
    trees = [(a, b.replace("names", "trees")) for a, b in names]
    topical = [(a, b.replace("names", "topics").replace("txt", "jsonl")) for a, b in names]
    labelled = ("test.txt}", "test.txt, format: label-text}")
    several = ("test.jsonl}", "test.jsonl, multi_label: true}")
    runs = {
        "remarks": [],
        "topics": [*topical, several, ("cell: lstm", "cell: gru"), ("pooling: attention", "pooling: max")],
        "names": [*names, labelled, (words, "tokenizer: char"), ("pooling: attention", "pooling: last")],
        "octets": [*names, labelled, (words, "tokenizer: byte"), ("cell: lstm", "cell: rnn")],
        "pieces": [(words, "tokenizer: {kind: sentencepiece, size: 300}"), ("attention", "mean, layers: 2")],
        "bag": [(model, "model: {kind: bag, embedding: 8}")],
        "attention": [(model, "model: {kind: transformer, embedding: 8, size: 8, heads: 2, layers: 1}")],
        "linear": [(words + "\n", ""), (model, "model: {kind: ngram-linear}"), (CLASSIFIERS.splitlines()[-1], "")],
        "trees": [*trees, (model, "model: {kind: recursive, embedding: 8, hidden: 8}")],
    }
    for name, changes in runs.items():
        text = CLASSIFIERS
        for before, after in changes:
            assert before in text, before
            text = text.replace(before, after)
        (folder / f"{name}.yaml").write_text(text)
        forks.ok("train", f"{name}.yaml", cwd=folder)


@pytest.fixture
def classify(forks: Forks, classifiers: Path) -> Callable[..., str]:
    """`classify(*args, input="", model="remarks")`: stdout of a `seqcli classify` that must succeed."""

    def run(*args: object, input: str = "", model: str = "remarks") -> str:
        return forks.ok("-q", "classify", "-m", model, *args, cwd=classifiers, input=input).stdout

    return run
