"""Made-up pairs of texts, and recipes that learn them in seconds."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.shared import shared

Pairs = list[tuple[str, str]]
RECIPE = """\
task: sequence-to-sequence
tokenizer: char
data: {train: back-train.tsv, valid: back-valid.tsv, test: back-test.tsv}
model: {embedding: 16, hidden: 20}
train: {steps: 150, evaluate_every: 75, batch_size: 32, learning_rate: 2e-2, threads: 1}
"""
ORDERS = "data: {train: order-train.en, valid: order-valid.en, test: order-test.en, source: en, target: de}"
WORDS = "tokenizer: {kind: word, min_count: 5}\ntarget_tokenizer: {kind: word, min_count: 5}"
RUNS = {  # name: what is changed in the recipe
    "back": [],
    "former": [("{embedding: 16, hidden: 20}", "{kind: transformer, size: 24, heads: 2, layers: 1, dropout: 0}")],
    "blunt": [("hidden: 20", "hidden: 20, attention: none, beam: 2"), ("steps: 150", "steps: 40")],
    "copies": [
        ("tokenizer: char", WORDS),
        (RECIPE.splitlines()[2], ORDERS),
        ("hidden: 20", "hidden: 16, copy_source: true"),
    ],
    "lacks": [  # what it lacks is <unk>
        ("tokenizer: char", WORDS),
        (RECIPE.splitlines()[2], ORDERS.replace("source", "format: lines, source")),
        ("hidden: 20", "hidden: 16, beam: 1"),
    ],
}


def reversals(count: int, seed: int, letters: str = "abcdef", longest: int = 5) -> Pairs:
    """Strings of letters, and their reverse."""
    draw = random.Random(seed)
    texts = ["".join(draw.choice(letters) for _ in range(draw.randint(1, longest))) for _ in range(count)]
    return [(text, text[::-1]) for text in texts]


def orders(count: int, seed: int) -> Pairs:
    """Orders to do something with people, whose names are the same on both sides and seldom seen."""
    draw = random.Random(seed)
    verbs = {"call": "rufe", "see": "sieh", "greet": "grüße", "find": "finde"}

    def order() -> tuple[str, str]:
        verb, name = (
            draw.choice(sorted(verbs)),
            "".join(draw.choice(["ka", "mi", "ro", "lu", "te"]) for _ in range(4)),
        )
        return f"{verb} {name}", f"{verbs[verb]} {name}"

    def both() -> tuple[str, str]:
        one, other = order(), order()
        return one if draw.random() < 0.5 else (f"{one[0]} and {other[0]}", f"{one[1]} und {other[1]}")

    return [both() for _ in range(count)]


def recipe(name: str) -> str:
    """The recipe of one of RUNS."""
    text = RECIPE
    for before, after in RUNS[name]:
        assert before in text, before
        text = text.replace(before, after)
    return text


def furnish(folder: Path) -> Path:
    """Put the recipes and the data into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, count in (("train", 500), ("valid", 40), ("test", 40)):
        back, order = reversals(count, count + len(split)), orders(count, count + len(split))
        (folder / f"back-{split}.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in back))
        for mark, side in (("en", 0), ("de", 1)):
            (folder / f"order-{split}.{mark}").write_text("".join(pair[side] + "\n" for pair in order))
    for name in RUNS:
        (folder / f"{name}.yaml").write_text(recipe(name))
    return folder


# for tests/cli


@pytest.fixture(scope="session")
def translators(forks: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with finished runs, not to be changed: back (characters, reversed), former (the same, a transformer),
    blunt (the same, hardly trained, no attention), copies (words, two tokenizers), lacks (the same, not copying)."""

    def make(folder: Path) -> None:
        furnish(folder)
        for name in RUNS:
            forks.ok("train", f"{name}.yaml", cwd=folder)

    return shared(tmp_path_factory, "translators", make)


@pytest.fixture
def translate(forks: Any, translators: Path) -> Callable[..., str]:
    """`translate(*args, input="", model="back")`: stdout of a `seqcli generate` that must succeed and say nothing."""

    def run(*args: object, input: str = "", model: str = "back") -> str:
        done = forks.ok("-q", "generate", "-m", model, *args, cwd=translators, input=input)
        assert done.stderr == ""
        return done.stdout

    return run


@pytest.fixture
def fails_to_translate(forks: Any, translators: Path) -> Callable[..., tuple[str, str]]:
    """`fails_to_translate(*args, input, model, verb, status=2)`: (stdout, stderr) of what must fail, cleanly."""

    def run(
        *args: object, input: str = "", model: str = "back", verb: str = "generate", status: int = 2
    ) -> tuple[str, str]:
        done = forks("-q", verb, "-m", model, *args, cwd=translators, input=input)
        assert done.returncode == status, done.stderr
        assert "Traceback" not in done.stderr
        assert "this is a bug" not in done.stderr
        assert "error: " in done.stderr
        return done.stdout, done.stderr

    return run
