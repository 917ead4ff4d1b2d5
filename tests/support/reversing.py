"""A small task from one sequence to another: letters turned round; and its runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from seqcli.recipe.load import resolve_recipe
from seqcli.recipe.schema import Recipe


def rows(count: int, seed: int, longest: int = 5) -> list[tuple[str, str]]:
    """(source, target): letters, and now and then a number that is seldom seen."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(count):
        words = rng.choice(list("abcdef"), rng.integers(1, longest + 1)).tolist()
        if rng.random() < 0.2:
            words[0] = str(rng.integers(10, 99))
        found.append((" ".join(words), " ".join(reversed(words))))
    return found


def tsv(pairs: list[tuple[str, str]]) -> str:
    return "source\ttarget\n" + "".join(f"{source}\t{target}\n" for source, target in pairs)


def recipe_of(
    folder: Path,
    *,
    model: dict[str, Any] | None = None,
    data: dict[str, Any] | None = None,
    train: dict[str, Any] | None = None,
    valid: str | None = "valid.tsv",
    **sections: Any,
) -> Recipe:
    """Of 60 training and 20 validation pairs; `valid` None: a valid.tsv that is there already is kept."""
    (folder / "train.tsv").write_text(tsv(rows(60, 1)))
    if valid is not None:
        (folder / "valid.tsv").write_text(tsv(rows(20, 2)))
    keys = model or {}
    if keys.get("kind") != "transformer":
        keys = {"embedding": 6, "hidden": 5, **keys}
    own = {"train": "train.tsv", "valid": valid or "valid.tsv", "header": True, **(data or {})}
    if own["train"].endswith("jsonl"):
        del own["header"]
    options = {"batch_size": 8, "epochs": 2, "device": "cpu", "threads": 1, "precision": "float32", **(train or {})}
    if "steps" in options:
        options.pop("epochs")
    value = {"task": "sequence-to-sequence", "tokenizer": "word", "data": own, "model": keys, "train": options}
    return resolve_recipe({**value, **sections}, name="test", base=folder)


def bound(task: Any) -> Any:
    """The task's model with torch's leaves."""
    from seqcli.training import device

    return device.bind(task.model, device.leaves(task.model, "cpu"), "float32")
