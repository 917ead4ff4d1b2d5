"""The splits of the data that a model was trained on, found again by its run's recipe."""

from __future__ import annotations

from pathlib import Path

from seqcli import artifact, console
from seqcli.errors import UsageError
from seqcli.formats import Sentence
from seqcli.recipe.load import load_recipe, resolve_recipe
from seqcli.recipe.schema import Recipe


def recipe_of(stored: artifact.Artifact) -> Recipe:
    """The recipe beside a model, whose paths are right, else the one in its header."""
    folder = stored.path.parent
    beside = (folder.parent if folder.name == "snapshots" else folder) / "recipe.yaml"
    return load_recipe(beside) if beside.is_file() else resolve_recipe(stored.header["recipe"], base=Path())


def choose(wanted: str | None, known: list[str]) -> str:
    """The split that is meant: test, else valid, else train. Raises UsageError for one that the run does not have."""
    if wanted is None:
        wanted = next(s for s in ("test", "valid", "train") if s in known)
        if wanted != "test":
            console.say(f"the run has no test split: scoring {wanted}")
    if wanted not in known:
        raise UsageError(f"the run has no {wanted} split", hint=f"it has: {', '.join(known)}")
    return wanted


def check_unchanged(stored: artifact.Artifact, split: str, sha256: str) -> None:
    """Warn where a split is not the one that the model was made with."""
    if stored.header["data"]["splits"].get(split, {}).get("sha256") != sha256:
        console.warn(f"the {split} split is not the one the model was made with: the data has changed since")


def sentences_of(stored: artifact.Artifact, split: str | None) -> list[Sentence]:
    """The labelled sentences of a split."""
    return named_sentences(stored, split)[1]


def named_sentences(stored: artifact.Artifact, split: str | None) -> tuple[str, list[Sentence]]:
    """A split's name with its data set's, and its labelled sentences."""
    from seqcli.datasets.tagging import fingerprint, open_corpus

    recipe = recipe_of(stored)
    corpus = open_corpus(recipe.data, recipe.base)
    split = choose(split, list(corpus.splits))
    features = stored.header["model"].get("features", [])
    check_unchanged(stored, split, fingerprint(corpus.splits[split], features))
    return f"{corpus.name} {split}", corpus.splits[split]
