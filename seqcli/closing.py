"""The end of a run, the same for every task: margin over the baseline, what the model file keeps, next commands."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seqcli import artifact, console
from seqcli.artifact import Artifact
from seqcli.runs import Run

JUDGED = ("valid", "test")  # the splits that are scored; the baseline is compared on the first one that exists


@dataclass
class Ending:
    """The model that a run kept, opened as a predictor, and what is written to its file beside the scores."""

    stored: Artifact
    predictor: Any
    header: dict[str, Any]
    arrays: dict[str, np.ndarray]
    alone: Any = None  # what is compared with the baseline, where the predictor itself contains that baseline

    @classmethod
    def of(cls, stored: Artifact, predictor: Any) -> Ending:
        """Return the ending of a stored model, with its header and arrays unchanged."""
        return cls(stored, predictor, dict(stored.header), dict(stored.arrays))

    def keep(self, scores: Mapping[str, Any]) -> None:
        """Write the header, the arrays and the merged scores to the model file."""
        kept = {**self.header["scores"], **scores}
        artifact.write(self.stored.path, {**self.header, "scores": kept}, self.arrays)


@dataclass(frozen=True)
class Baseline:
    """The score of a cheap model trained on the same data."""

    kind: str
    name: str  # as it stands in a sentence
    value: float
    advice: str  # what to do if it is not beaten
    detail: str = ""  # printed after its score
    about: Mapping[str, Any] = field(default_factory=dict)  # further facts for the model file


@dataclass(frozen=True)
class Headline:
    """The metric by which a model and its baseline are compared."""

    metric: str
    more_is_better: bool = True
    digits: str = ".4f"
    unit: str = ""
    shown: str | None = None  # the name to print; None: the metric's own; "": none


def margin(ours: float, baseline: Baseline | str, headline: Headline, split: str) -> dict[str, Any]:
    """Print by how much the model beats its baseline, and return what the model file keeps of that. For a model that
    is its own baseline, pass the model's kind as `baseline`."""
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
    """Print what to type next; `use` is the command that uses the model, with MODEL in place of its path."""
    model = shlex.quote(run.path.as_posix())
    commands = (use.replace("MODEL", model), f"seqcli eval -m {model} --metric {metric}", f"seqcli inspect {model}")
    console.say("\n  ".join(("next:", *commands)))
