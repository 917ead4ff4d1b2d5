"""Made-up pairs of texts, and `seqcli recipes new` in a folder of its own."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seqcli.cli import app
from seqcli.recipe.load import load_recipe

SYLLABLES = ["ba", "du", "ki", "lo", "me", "nar", "po", "rus", "ti", "wen", "zal"]
DIGITS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def words(count: int, seed: int = 0) -> list[str]:
    """Different made-up words."""
    draw = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        found["".join(draw.choices(SYLLABLES, k=draw.randint(2, 4)))] = None
    return list(found)


def sentences(count: int, seed: int = 0) -> list[str]:
    """Sentences of an open vocabulary, of six to eleven words."""
    draw, known = random.Random(seed), words(1500, seed + 1)
    return [" ".join(draw.choices(known, k=draw.randint(6, 11))).capitalize() + "." for _ in range(count)]


def rows(sources: list[str], targets: list[str], separator: str = "\t") -> str:
    return "".join(f"{a}{separator}{b}\n" for a, b in zip(sources, targets, strict=True))


def spoken(count: int) -> list[tuple[str, str]]:
    """Number words and digits: `twenty-one`-like sources from a closed vocabulary."""
    draw = random.Random(2)
    numbers = draw.sample(range(111, 1000), count)
    numbers = [n for n in numbers if "0" not in str(n)]
    return [(f"{DIGITS[n // 100 - 1]} {DIGITS[n // 10 % 10 - 1]}-{DIGITS[n % 10 - 1]}", str(n)) for n in numbers]


@pytest.fixture(name="new")
def new_fixture(tmp_path, monkeypatch, capfdbinary) -> Callable[..., tuple[int, str, str]]:
    """`new(*ARGS)`: status, stdout, stderr of `seqcli recipes new ARGS`, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> tuple[int, str, str]:
        status = app.run(["recipes", "new", *map(str, arguments)])
        captured = capfdbinary.readouterr()
        return status, captured.out.decode(), captured.err.decode()

    return call


@pytest.fixture(name="made")
def made_fixture(new, capfdbinary) -> Callable[..., tuple[Any, str, str]]:
    """`made(*ARGS)`: the recipe as it loads, its text and stderr; `seqcli train --dry-run` makes it ready."""

    def call(*arguments: object, dry: bool = True) -> tuple[Any, str, str]:
        status, out, err = new(*arguments, "--force")
        assert status == 0, err
        path = out.removesuffix("\n")
        recipe, text = load_recipe(path), Path(path).read_text(encoding="utf-8")
        assert recipe.task == "sequence-to-sequence"
        if dry:
            assert app.run(["train", path, "--dry-run"]) == 0, capfdbinary.readouterr().err.decode()
            capfdbinary.readouterr()
        return recipe, text, err

    return call


def kinds(recipe: Any) -> tuple[str, str | None]:
    return recipe.tokenizer.kind, recipe.target_tokenizer and recipe.target_tokenizer.kind
