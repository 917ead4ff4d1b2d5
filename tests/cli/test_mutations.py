"""Model files whose headers were changed and signed again: a working model, or one line of error, and little time."""

from __future__ import annotations

import copy
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seqcli import artifact, predictor
from seqcli.errors import SeqcliError

RUNS = [
    *(("home", run) for run in ("tiny", "bytes", "counted")),
    *(("taggers", run) for run in ("pos", "ner", "fed", "counted", "spaces")),
    *(("classifiers", run) for run in ("remarks", "topics", "names", "octets", "pieces", "bag", "linear", "trees")),
    ("translators", "back"),
]
VALUES = [None, True, -1, 0, 1, 7, 10**6, 0.5, -0.5, 1e300, "", "x", "lstm", "char", [], ["x"], [1, 2], {}, {"x": 1}]
LINES = ["a cat", "", "The dog ran ."]


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all parts of a header."""
    if path:
        yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from leaves(part, (*path, key))


def mutated(header: dict[str, Any], draw: random.Random) -> tuple[dict[str, Any], str]:
    """A header with one or two parts replaced, removed or swapped, and what was done."""
    header, done = copy.deepcopy(header), []
    for _ in range(draw.choice([1, 1, 2])):
        path = draw.choice([p for p in leaves(header) if p[0] in ("model", "tokenizer", "data", "decoding", "vocabulary", "splitting", "linear", "target_tokenizer")])  # fmt: skip
        within = header
        for key in path[:-1]:
            within = within[key]
        if draw.random() < 0.2:
            del within[path[-1]]
            done.append(f"without {path}")
        else:
            within[path[-1]] = draw.choice(VALUES)
            done.append(f"{path} is {within[path[-1]]!r}")
    return header, ", ".join(done)


def check(path: Path, stored: artifact.Artifact, seeds: range) -> int:
    """Open and use a model with each of so many mutations; how many were refused."""
    refused = 0
    for seed in seeds:
        header, what = mutated(stored.header, random.Random(seed))
        artifact.write(path, header, stored.arrays)
        began, said = time.monotonic(), ""
        try:
            model = predictor.load(artifact.read(path))
            assert len(list(model.filter(LINES))) == len(LINES)
        except SeqcliError as error:
            refused, said = refused + 1, error.message
        except Exception as error:
            raise AssertionError(f"{stored.path}: seed {seed}: {what}") from error
        assert "\n" not in said, (what, said)
        assert time.monotonic() - began < 5, what
    return refused


@pytest.mark.parametrize(("fixture", "run"), RUNS)
def test_some_mutations(request, tmp_path, fixture, run):
    stored = artifact.read(request.getfixturevalue(fixture) / "runs" / run / "model.safetensors")
    assert check(tmp_path / "m.safetensors", stored, range(10)) > 0


@pytest.mark.slow
@pytest.mark.parametrize(("fixture", "run"), RUNS)
def test_many_mutations(request, tmp_path, fixture, run):
    stored = artifact.read(request.getfixturevalue(fixture) / "runs" / run / "model.safetensors")
    check(tmp_path / "m.safetensors", stored, range(1000, 7000))
