"""A small tagging task: places have capitals, in the scheme that is asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqcli import registry, schemes
from seqcli.recipe.schema import Recipe, TrainConfig
from seqcli.tasks.tagging import data as dataset

PLACES = ["New York", "Rome", "Old Ulm Town", "Bath"]


def sentences(count: int, seed: int) -> list[list[tuple[str, str, str]]]:
    """(word, part of speech, IOB2): capitals are places, a few words are theirs alone."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(count):
        row: list[tuple[str, str, str]] = []
        for _ in range(rng.integers(1, 5)):
            if rng.random() < 0.4:
                words = str(rng.choice(PLACES)).split()
                row += [(w, "P", "B-LOC" if i == 0 else "I-LOC") for i, w in enumerate(words)]
            else:
                row.append((str(rng.choice(["we", "saw", "it", "in", f"{rng.integers(99)}"])), "W", "O"))
        found.append(row)
    return found


def write(path: Path, rows: list[list[tuple[str, str, str]]], scheme: str = "iob2") -> None:
    text = ""
    for row in rows:
        tags = schemes.convert([tag for *_, tag in row], "iob2", scheme)
        text += "".join(f"{w}\t{p}\t{t}\n" for (w, p, _), t in zip(row, tags, strict=True)) + "\n"
    path.write_text(text)


@pytest.fixture
def recipe(tmp_path: Path) -> Callable[..., Recipe]:
    """`recipe(model={...}, data={...}, scheme=..., **train)`: of 60 training and 15 validation sentences."""

    def make(
        model: dict[str, Any] | None = None, data: dict[str, Any] | None = None, scheme: str = "iob2", **train: Any
    ) -> Recipe:
        write(tmp_path / "train.conll", sentences(60, 1), scheme)
        write(tmp_path / "valid.conll", sentences(15, 2), scheme)
        keys: dict[str, Any] = {
            "embedding": 6,
            "hidden": 5,
            "feature_embedding": 2,
            "characters": {"kind": "cnn", "filters": 4},
        }
        kind = (model or {}).get("kind", "tagger")
        keys = {**keys, **(model or {})} if kind == "tagger" else {"kind": kind}
        config = registry.load("models", kind).Config(**keys)
        own = {"train": "train.conll", "valid": "valid.conll", "columns": ["word", "pos", "ner"], **(data or {})}
        options = {"batch_size": 8, "learning_rate": 0.03, "save_every": 1e9, "device": "cpu", "threads": 1}
        options |= {"precision": "float32", **train}
        if not {"epochs", "steps"} & options.keys():
            options["epochs"] = 3
        return Recipe(
            "test", "tagging", config, data=dataset.Config(**own), train=TrainConfig(**options), base=tmp_path
        )

    return make


@pytest.fixture
def make_rows() -> Callable[..., list[list[tuple[str, str, str]]]]:
    """`make_rows(count, seed)`: sentences of (word, part of speech, IOB2)."""
    return sentences


@pytest.fixture
def write_rows() -> Callable[..., None]:
    """`write_rows(path, rows, scheme)`."""
    return write
