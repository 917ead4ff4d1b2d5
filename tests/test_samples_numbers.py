"""The sample of numbers: its generator writes it byte for byte, every row is right, and its recipe learns from it."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from seqcli import artifact

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "data"


@pytest.fixture(scope="module")
def generator() -> dict[str, Any]:
    return runpy.run_path(str(DATA / "make_numbers_sample.py"))


@pytest.fixture(scope="module")
def rows() -> list[tuple[str, int]]:
    header, *lines = (DATA / "numbers.tsv").read_bytes().decode("ascii").removesuffix("\n").split("\n")
    assert header == "source\ttarget"
    return [(words, int(digits)) for words, digits in (line.split("\t") for line in lines)]


def value(words: str) -> int:
    """The number that words mean, by a reading of their own: what stands before `hundred` counts a hundred times."""
    ones = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    known = {word: i for i, word in enumerate(f"{ones} seventeen eighteen nineteen".split(), 1)}
    tens = "twenty thirty forty fifty sixty seventy eighty ninety"
    known |= {word: 10 * i for i, word in enumerate(tens.split(), 2)}
    known["a"] = 1
    before, hundred, after = f" {words} ".replace(" and ", " ").rpartition(" hundred ")
    return bool(hundred) * 100 * known.get(before.strip(), 0) + sum(known[w] for w in re.findall(r"[a-z]+", after))


def test_the_generator_writes_what_ships(tmp_path: Path):
    subprocess.run(
        [sys.executable, "-I", str(DATA / "make_numbers_sample.py"), str(tmp_path)], check=True, timeout=60
    )
    assert (tmp_path / "numbers.tsv").read_bytes() == (DATA / "numbers.tsv").read_bytes()


def test_every_row_is_right_and_no_number_stands_twice(rows, generator):
    assert [value(words) for words, _ in rows] == [number for _, number in rows]
    assert len({number for _, number in rows}) == len(rows) == 108 + generator["TEENS"] + generator["OTHERS"]
    assert {number for _, number in rows} >= set(range(1, 100))
    assert max(number for _, number in rows) < 1000
    assert (DATA / "numbers.tsv").stat().st_size < 10_000


def test_every_way_to_say_a_number_is_there(rows):
    kinds = Counter(
        ("a " in words[:2], " and " in words, "-" in words) for words, number in rows if number > 100 and number % 100
    )
    assert len(kinds) == 8
    assert {words for words, number in rows if number % 100 == 0 and number < 900} >= {"two hundred", "eight hundred"}


def test_every_word_comes_often_enough_to_be_learnt(rows):
    counts = Counter(word for words, _ in rows for word in re.findall(r"[a-z]+", words))
    assert len(counts) == 19 + 8 + 3
    assert min(counts.values()) >= 4


def test_rows_are_mixed(rows):
    """Shares are drawn, but who cuts the file with head and tail should have numbers of all sizes too."""
    small = [number < 100 for _, number in rows]
    assert all(10 <= sum(small[i : i + 90]) <= 45 for i in range(0, len(rows), 90))


def test_the_recipe_learns_it(seqcli, tmp_path):
    """A third of its epochs is enough to answer most of the numbers that training never showed."""
    done = seqcli(
        "train",
        str(ROOT / "recipes" / "numbers.yaml"),
        "--set",
        "train.epochs=15",
        "--set",
        "train.evaluate_every=100",
    )
    assert done.returncode == 0, done.stderr
    scores = artifact.read_header(tmp_path / "runs/numbers/model.safetensors")["scores"]
    for split in ("valid", "test"):
        assert scores[split]["exact-match"] >= 0.7
