"""Write a model file with its matrices in float16 or int8, and score it before and after."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqcli import artifact, precision, predictor, scoring
from seqcli.artifact import Artifact
from seqcli.closing import JUDGED
from seqcli.errors import SeqcliError, UsageError
from seqcli.report import Report

UNSCORED = "--unscored skips the scores"


@dataclass(frozen=True)
class Scores:
    """A model's reports on each held-out split of its own data, before and after it was changed."""

    before: dict[str, Report]
    after: dict[str, Report]


def check(stored: Artifact) -> None:
    """Raise UsageError for a model that cannot be made smaller."""
    if "precision" in stored.header:
        kind = stored.header["precision"].get("kind")
        raise UsageError(f"{stored.path} is already stored in {kind}", hint="export the model that it was made from")
    if not any(precision.packs(a) for name, a in stored.arrays.items() if name.startswith("model.")):
        kind = stored.header["model"]["kind"]
        raise UsageError(f"{stored.path} is a {kind} model: it has no float32 matrices to make smaller")


def held_out(stored: Artifact, own: Any = None) -> dict[str, Report]:
    """Return the reports on the held-out splits of a model's own data; `own` is a predictor to score instead of the
    stored one. Raises SeqcliError if the data cannot be read."""
    own = predictor.load(stored) if own is None else own
    recipe = scoring.recipe_of(stored.header, stored.path)
    known = [s for s in JUDGED if s in stored.header["data"]["splits"]]
    try:
        return {s: scoring.score(own, *scoring.own_split(own, s)) for s in known}
    except SeqcliError as error:
        where = f"cannot read the data of the recipe ({recipe.data.train}) to score {stored.path} before and after"
        raise SeqcliError(f"{where}: {error.message}", hint=f"{error.hint}\n{UNSCORED}".lstrip("\n")) from None


def smaller(stored: Artifact, kind: str) -> Artifact:
    """Return the model with its matrices rounded as a file of lower precision stores them, in float32 again."""
    return Artifact(stored.path, stored.header, precision.unpack(precision.pack(stored.arrays, kind)))


def write(stored: Artifact, kind: str, path: Path, *, scored: bool = True) -> Scores:
    """Write the model with its matrices in float16 or int8; return its scores before and after, which the file keeps.

    Raises UsageError if there is nothing to make smaller, SeqcliError if its data cannot be scored.
    """
    check(stored)
    scores = Scores({}, {})
    if scored:
        scores = Scores(held_out(stored), held_out(smaller(stored, kind)))
    about: dict[str, Any] = {"kind": kind, "before": {s: r.to_dict() for s, r in scores.before.items()}}
    header = {**stored.header, "precision": about, "scores": {s: r.to_dict() for s, r in scores.after.items()}}
    artifact.write(path, header, stored.arrays)
    return scores
