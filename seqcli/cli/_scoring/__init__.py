"""The work of `seqcli eval`, a file a task: `run(asked, predictor, given)` scores FILES or a split, and prints."""

from __future__ import annotations

from typing import Any

from seqcli import scoring
from seqcli.cli._options import Given
from seqcli.cli._printing import show
from seqcli.cli.eval import Asked
from seqcli.datasets.reading import Reading
from seqcli.predictor import BasePredictor


def reading(asked: Asked, given: Given) -> Reading:
    """How FILES are read."""
    said, columns = asked.reading, asked.columns
    return Reading(
        **vars(said),
        columns=columns.names,
        separator=columns.separator,
        comments=columns.comments,
        skip=asked.labels.unknown == "skip",
        check=given.check_format,
    )


def report(asked: Asked, predictor: BasePredictor, given: Given, **how: Any) -> None:
    """Score FILES or a split, and print; `how` is what the task's `evaluate` takes."""
    what, records = scoring.records(predictor, asked.files, reading(asked, given), asked.scoring.split)
    printed(asked, predictor, what, records, **how)


def printed(asked: Asked, predictor: BasePredictor, what: str, records: Any, **how: Any) -> None:
    """Score records called `what`, and print."""
    found, wanted = scoring.score(predictor, what, records, **how), asked.scoring.metric or ()
    model, confusion = predictor.path.as_posix(), asked.labels.confusion
    show(found, what, model, wanted, as_json=asked.scoring.json, confusion=confusion)
