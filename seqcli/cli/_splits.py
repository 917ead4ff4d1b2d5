"""The splits of the data that a model was trained on, found again by its run's recipe; thresholds fitted on them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

from seqcli import artifact, console
from seqcli.errors import SeqcliError, UsageError
from seqcli.formats import Sentence
from seqcli.labelled import Example
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
    from seqcli.tasks.tagging.data import fingerprint, open_corpus

    recipe = recipe_of(stored)
    corpus = open_corpus(recipe.data, recipe.base)
    split = choose(split, list(corpus.splits))
    features = stored.header["model"].get("features", [])
    check_unchanged(stored, split, fingerprint(corpus.splits[split], features))
    return corpus.names.get(split) or f"{corpus.name} {split}", corpus.splits[split]


def named_examples(stored: artifact.Artifact, split: str | None) -> tuple[str, list[Example]]:
    """A split's name with its data set's, and its labelled texts."""
    from seqcli.tasks.classification.data import fingerprint, open_corpus

    recipe = recipe_of(stored)
    corpus = open_corpus(recipe.data, recipe.base)
    split = choose(split, list(corpus.splits))
    check_unchanged(stored, split, fingerprint(corpus.splits[split]))
    return corpus.names.get(split) or f"{corpus.name} {split}", corpus.splits[split]


def threshold(
    precision: float, stored: artifact.Artifact, judged: Callable[[], Sequence[tuple[float, bool]]]
) -> float:
    """The confidence from which the validation split's answers were so precise, kept in the model's file.

    `judged` gives (probability, whether right) of each of those answers, where the file does not know yet.
    """
    from seqcli.metrics.calibration import threshold_for

    key, known = f"{precision:g}", stored.header.get("decoding", {}).get("thresholds", {})
    if key not in known:
        answers = judged()
        found = threshold_for(answers, precision)
        if found is None:
            best = max((p for p, _ in answers), default=0.0)
            raise SeqcliError(
                f"no confidence makes the answers on the validation split {precision:g} precise"
                f" (the most probable one has {best:.4f})",
                hint="ask for less, or train further",
            )
        decoding = {**stored.header.get("decoding", {})}
        decoding["thresholds"] = {**known, key: [math.floor(number * 1e6) / 1e6 for number in found]}
        known = decoding["thresholds"]
        try:
            artifact.write(stored.path, {**stored.header, "decoding": decoding}, stored.arrays)
            console.say(f"threshold for precision {key} written into {stored.path}")
        except SeqcliError as error:  # a model that belongs to someone else can be used all the same
            console.warn(f"the threshold for precision {key} is not kept: {error.message}")
    least, reached, kept = known[key]
    console.say(
        f"leaving away what is less probable than {least:.4f}: precision {reached:.4f} on valid, {kept:.1%} kept"
    )
    return least
