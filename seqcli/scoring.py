"""Find what `eval` scores: files read as the training data were, or a split of the run's own data, and score it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqcli import artifact, console, registry
from seqcli.datasets.reading import Reading
from seqcli.errors import SeqcliError, UsageError
from seqcli.files import named, sources
from seqcli.metrics.calibration import threshold_for
from seqcli.recipe.load import load_recipe, resolve_recipe
from seqcli.recipe.schema import Recipe
from seqcli.report import Report

if TYPE_CHECKING:
    from seqcli.predictor import BasePredictor


def recipe_of(header: Mapping[str, Any], path: Path) -> Recipe:
    """Return the recipe next to a model, whose paths are valid, else the one in its header."""
    folder = path.parent
    beside = (folder.parent if folder.name == "snapshots" else folder) / "recipe.yaml"
    return load_recipe(beside) if beside.is_file() else resolve_recipe(header["recipe"], base=Path())


def choose(wanted: str | None, known: list[str]) -> str:
    """Return the wanted split, by default test, else valid, else train. Raises UsageError if the run lacks it."""
    if wanted is None:
        wanted = next(s for s in ("test", "valid", "train") if s in known)
        if wanted != "test":
            console.say(f"the run has no test split: scoring {wanted}")
    if wanted not in known:
        raise UsageError(f"the run has no {wanted} split", hint=f"it has: {', '.join(known)}")
    return wanted


def own_split(predictor: BasePredictor, wanted: str | None) -> tuple[str, Any]:
    """Return the name and the records of a split of a model's data; warn if they have changed since training."""
    header = predictor.header
    recipe = recipe_of(header, predictor.path)
    how = {} if recipe.frames is None else {"numbers": True}
    corpus = registry.load(f"tasks/{predictor.task}", "data").open_corpus(recipe.data, recipe.base, **how)
    split = choose(wanted, list(corpus.splits))
    if header["data"]["splits"].get(split, {}).get("sha256") != corpus.sha256(split, header):
        console.warn(f"the {split} split is not the one the model was made with: the data has changed since")
    return corpus.called(split), corpus.records(split)


def records(
    predictor: BasePredictor, files: Sequence[str], reading: Reading, split: str | None = None
) -> tuple[str, Any]:
    """Return the name of what is scored, files or a split, and its records with answers. Raises SeqcliError."""
    if not files:
        return own_split(predictor, split)
    read = registry.load(f"tasks/{predictor.task}", "data").read_scored
    return named(files), read(predictor.header, sources(files), reading)


def trained_on(predictor: BasePredictor, records: Sequence[Any]) -> int:
    """Return how many records are also in the training split; 0 if that cannot be found."""
    data = registry.load(f"tasks/{predictor.task}", "data")
    splits = predictor.header["data"]["splits"]
    if splits["train"].get("sha256") == data.fingerprint(records):
        return len(records)
    recipe = recipe_of(predictor.header, predictor.path)
    if recipe.data.train == "-":
        return 0
    try:
        how = {} if recipe.frames is None else {"numbers": True}
        corpus = data.open_corpus(recipe.data, recipe.base, **how)
    except (SeqcliError, OSError):  # the data are elsewhere
        return 0
    known = {corpus.given(record) for record in corpus.records("train")}
    return sum(corpus.given(record) in known for record in records)


def score(predictor: BasePredictor, what: str, found: Any, **how: Any) -> Report:
    """Return the report of records called `what`. Raises SeqcliError if there is nothing to score."""
    report = predictor.score(found, what=f"scoring {what}", **how)
    if not next(iter(report.counts.values())):
        left = next((name for name in report.counts if name.endswith("left out")), "")
        unit = left.partition("s ")[0]
        hint = f"--unknown-label skip left every {unit} out" if left else ""
        raise SeqcliError(f"{what}: nothing to score", hint=hint or predictor.least)
    return report


def scored(predictor: BasePredictor, files: Sequence[str], asked: Mapping[str, Any]) -> Report:
    """Return the report of files, or of a split; `asked` says how to read and how to score them."""
    own = {field.name for field in fields(Reading)}
    reading = Reading(**{k: v for k, v in asked.items() if k in own})
    how = {k: v for k, v in asked.items() if k not in own and k != "split"}
    return score(predictor, *records(predictor, files, reading, asked.get("split")), **how)


def threshold(precision: float, predictor: BasePredictor) -> float:
    """Return the lowest confidence at which answers on the validation split reach a precision, cached in the model's
    file. Raises SeqcliError."""
    stored = artifact.read(predictor.path)
    key, known = f"{precision:g}", stored.header.get("decoding", {}).get("thresholds", {})
    if key not in known:
        answers = registry.load(f"tasks/{predictor.task}", "score").answers_judged(
            predictor, own_split(predictor, "valid")[1]
        )
        found = threshold_for(answers, precision)
        if found is None:
            best = max((p for p, _ in answers), default=0.0)
            raise SeqcliError(
                f"no threshold makes the answers on the validation split {precision:g} precise"
                f" (the most probable one has {best:.4f})",
                hint="ask for less, or train further",
            )
        decoding = {**stored.header.get("decoding", {})}
        decoding["thresholds"] = {**known, key: [math.floor(number * 1e6) / 1e6 for number in found]}
        known = decoding["thresholds"]
        try:
            artifact.write(stored.path, {**stored.header, "decoding": decoding}, stored.arrays)
            console.say(f"threshold for precision {key} written into {stored.path}")
        except SeqcliError as error:  # a model that cannot be written is used nevertheless
            console.warn(f"the threshold for precision {key} is not stored: {error.message}")
    least, reached, kept = known[key]
    console.say(f"dropping answers less probable than {least:.4f}: precision {reached:.4f} on valid, {kept:.1%} kept")
    return least
