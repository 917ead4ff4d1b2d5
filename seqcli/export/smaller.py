"""A model's file with its matrices in float16 or int8, and what that costs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqcli import artifact, precision, predictor, scoring
from seqcli.artifact import Artifact
from seqcli.closing import JUDGED
from seqcli.errors import SeqcliError, UsageError
from seqcli.report import Report

UNSCORED = "--unscored leaves the scores away"


@dataclass(frozen=True)
class Scores:
    """What a model scores on each held-out split of its own data, before it was changed and after."""

    before: dict[str, Report]
    after: dict[str, Report]


def check(stored: Artifact) -> None:
    """Raise UsageError for a model that cannot be made smaller."""
    if "precision" in stored.header:
        kind = stored.header["precision"].get("kind")
        raise UsageError(f"{stored.path} is stored in {kind} already", hint="export the model that it was made of")
    if not any(precision.packs(a) for name, a in stored.arrays.items() if name.startswith("model.")):
        kind = stored.header["model"]["kind"]
        raise UsageError(f"{stored.path} is a {kind} model: it has counts, and no float32 matrices to make smaller")


def held_out(stored: Artifact, own: Any = None) -> dict[str, Report]:
    """What a model scores on the held-out splits of its own data; `own`: its predictor, where it is another than the
    file's. Raises SeqcliError where the data are not there."""
    own = predictor.load(stored) if own is None else own
    recipe = scoring.recipe_of(stored.header, stored.path)
    known = [s for s in JUDGED if s in stored.header["data"]["splits"]]
    try:
        return {s: scoring.score(own, *scoring.own_split(own, s)) for s in known}
    except SeqcliError as error:
        where = f"to score {stored.path} before and after, the data of its recipe are read ({recipe.data.train})"
        raise SeqcliError(f"{where}: {error.message}", hint=f"{error.hint}\n{UNSCORED}".lstrip("\n")) from None


def smaller(stored: Artifact, kind: str) -> Artifact:
    """The model as a file of less precision has it, in memory: its matrices are float32 again."""
    return Artifact(stored.path, stored.header, precision.unpack(precision.pack(stored.arrays, kind)))


def write(stored: Artifact, kind: str, path: Path, *, scored: bool = True) -> Scores:
    """Write the model with its matrices in float16 or int8; its scores before and after, which the file keeps.

    Raises UsageError where there is nothing to make smaller, SeqcliError where its data cannot be scored.
    """
    check(stored)
    scores = Scores({}, {})
    if scored:
        scores = Scores(held_out(stored), held_out(smaller(stored, kind)))
    about: dict[str, Any] = {"kind": kind, "before": {s: r.to_dict() for s, r in scores.before.items()}}
    header = {**stored.header, "precision": about, "scores": {s: r.to_dict() for s, r in scores.after.items()}}
    artifact.write(path, header, stored.arrays)
    return scores
