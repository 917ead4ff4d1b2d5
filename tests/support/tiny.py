"""A recipe of each task that is made ready in a moment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seqcli.recipe.load import resolve_recipe
from seqcli.recipe.schema import Recipe

# Of each task: its files, and its recipe.
TINY: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "language-model": (
        {"a.txt": "the cat sat on the mat\n" * 30},
        {
            "tokenizer": {"kind": "char"},
            "data": {"train": "a.txt", "valid": 0.2},
            "model": {"cell": "lstm", "embedding": 4, "hidden": 5},
            "train": {"steps": 4, "batch_size": 2, "sequence_length": 7},
        },
    ),
    "tagging": (
        {"a.txt": "the/DET cat/NOUN sat/VERB on/ADP the/DET mat/NOUN\na/DET dog/NOUN ran/VERB\n" * 12},
        {
            "data": {"train": "a.txt", "valid": 0.2, "format": "word-tag"},
            "model": {"cell": "lstm", "embedding": 4, "hidden": 5, "characters": {"kind": "cnn", "filters": 3}},
            "train": {"steps": 4, "batch_size": 5},
        },
    ),
    "classification": (
        {"a.txt": "good the cat sat\nbad no cat sat on it\ngood a mat\nbad the dog ran off\n" * 8},
        {
            "tokenizer": {"kind": "word"},
            "data": {"train": "a.txt", "valid": 0.25, "format": "label-text"},
            "model": {"cell": "lstm", "embedding": 4, "hidden": 5, "pooling": "attention"},
            "train": {"steps": 4, "batch_size": 5},
        },
    ),
    "sequence-to-sequence": (
        {"a.tsv": "a b\tb a\na b c\tc b a\nc\tc\nb d a\ta d\n" * 8},
        {
            "tokenizer": {"kind": "word"},
            "data": {"train": "a.tsv", "valid": 0.25},
            "model": {"cell": "lstm", "embedding": 4, "hidden": 5},
            "train": {"steps": 4, "batch_size": 5},
        },
    ),
}


def tiny_recipe(folder: Path, name: str, *overrides: str) -> Recipe:
    """A task's, checked as any other; its files are written into the folder."""
    assert name in TINY, f"give {name} its files and a recipe in TINY"
    files, keys = TINY[name]
    for file, text in files.items():
        (folder / file).write_text(text)
    fixed = ["train.device=cpu", "train.precision=float32", "train.threads=1"]
    return resolve_recipe({"task": name, **keys}, [*fixed, *overrides], name="tiny", base=folder)
