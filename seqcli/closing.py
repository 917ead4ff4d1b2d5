"""The end of a run, the same for every task: the margin over a baseline, what the file keeps, the next commands."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seqcli import artifact, console
from seqcli.artifact import Artifact
from seqcli.runs import Run

JUDGED = (
    "valid",
    "test",
)  # the splits that are scored; the first that exists is the one on which the baseline is compared


@dataclass
class Ending:
    """The kept model in use, and what its file gets besides the scores."""

    stored: Artifact
    predictor: Any
    header: dict[str, Any]
    arrays: dict[str, np.ndarray]
    alone: Any = None  # the predictor to compare with the baseline, if `predictor` itself contains the baseline

    @classmethod
    def of(cls, stored: Artifact, predictor: Any) -> Ending:
        """Make an ending from a model as it was kept."""
        return cls(stored, predictor, dict(stored.header), dict(stored.arrays))

    def keep(self, scores: Mapping[str, Any]) -> None:
        """Write the scores, and everything else, to the model's file."""
        kept = {**self.header["scores"], **scores}
        artifact.write(self.stored.path, {**self.header, "scores": kept}, self.arrays)


@dataclass(frozen=True)
class Baseline:
    """The score of a cheap model of the same data."""

    kind: str
    name: str  # as it is called in a sentence
    value: float
    advice: str  # what to do if it is not beaten
    detail: str = ""  # text after its score
    about: Mapping[str, Any] = field(default_factory=dict)  # further facts that the model's file keeps


@dataclass(frozen=True)
class Headline:
    """The figure that decides between models."""

    metric: str
    more_is_better: bool = True
    digits: str = ".4f"
    unit: str = ""
    shown: str | None = None  # the name to print; None: that of the metric; "": no name


def margin(ours: float, baseline: Baseline | str, headline: Headline, split: str) -> dict[str, Any]:
    """Print by how much a baseline is beaten, and return what a model's file keeps of that; a model that is its own
    baseline is given by its kind."""
    metric = headline.metric
    if isinstance(baseline, str):
        return {"kind": baseline, "split": split, "metric": metric, metric: ours, "margin": 0.0}
    theirs = baseline.value
    gained = ours - theirs if headline.more_is_better else theirs - ours
    called = metric if headline.shown is None else headline.shown
    score = f"{called} {theirs:{headline.digits}}".strip()
    share = f", {abs(gained) / theirs:.1%}" if headline.unit and theirs else ""
    line = f"{baseline.name} ({score} on {split}{baseline.detail})"
    by = f"by {abs(gained):{headline.digits}}{headline.unit}{share}"
    if gained > 0:
        console.say(f"beats {line} {by}")
    elif gained == 0:
        console.say(f"ties with {line}: {baseline.advice}")
    else:
        console.warn(f"loses to {line} {by}: {baseline.advice}")
    about = {"kind": baseline.kind, **baseline.about, "split": split, "metric": metric}
    return {**about, metric: theirs, "margin": gained}


def next_commands(run: Run, use: str, metric: str) -> None:
    """Print the next commands; `use` is the one that uses the model, with MODEL in place of its path."""
    model = shlex.quote(run.path.as_posix())
    commands = (use.replace("MODEL", model), f"seqcli eval -m {model} --metric {metric}", f"seqcli inspect {model}")
    console.say("\n  ".join(("next:", *commands)))
