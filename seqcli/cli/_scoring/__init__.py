"""The work of `seqcli eval`, one file a task: `run(asked, predictor, given)` scores FILES or a split, and prints."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from seqcli import runs, scoring
from seqcli.artifact import Artifact
from seqcli.bootstrap import Interval
from seqcli.cli._options import Given
from seqcli.cli._printing import show
from seqcli.cli.eval import Asked
from seqcli.datasets.reading import Reading
from seqcli.errors import UsageError
from seqcli.predictor import BasePredictor
from seqcli.streams import Output


def reading(asked: Asked, given: Given) -> Reading:
    """Return how FILES are read."""
    said, columns = asked.reading, asked.columns
    return Reading(
        **vars(said),
        columns=columns.names,
        separator=columns.separator,
        comments=columns.comments,
        skip=asked.unknown == "skip",
        check=given.check_format,
    )


def other_of(asked: Asked, predictor: BasePredictor) -> Artifact:
    """Return the second model of --compare. Raises UsageError for a model of another task."""
    assert asked.labels.compare
    other = runs.open_model(asked.labels.compare[1], "eval")
    if other.header["task"] != predictor.task:
        hint = f"--compare takes two models for {predictor.task}"
        raise UsageError(f"{other.path} is a model for {other.header['task']}", hint=hint)
    return other


def side_by_side(
    asked: Asked,
    what: str,
    names: Sequence[str],
    found: Mapping[str, tuple[float, float, Interval]],
    signature: str,
) -> None:
    """Print the scores of two models by metric, and their differences with their intervals."""
    out = Output()
    if asked.scoring.json:
        rows = {metric: {"first": a, "second": b, **interval._asdict()} for metric, (a, b, interval) in found.items()}
        record = {"text": what, "first": names[0], "second": names[1], "metrics": rows}
        out.line(json.dumps(record | {"level": 0.95, "signature": signature}, ensure_ascii=False, indent=2))
    else:
        out.line(what)
        width = max(map(len, names))
        for metric, (*values, interval) in found.items():
            for name, value in zip(names, values, strict=True):
                out.line(f"  {name:<{width}}  {metric} {value:.4f}")
            out.line(
                f"  difference {interval.difference:+.4f}, 95 % interval {interval.low:+.4f} to {interval.high:+.4f},"
                f" p {interval.p_value:.4f} (paired bootstrap, {interval.resamples:,} resamples)"
            )
        out.line(signature)
    out.flush()


def report(asked: Asked, predictor: BasePredictor, given: Given, **how: Any) -> None:
    """Score FILES or a split, and print; `how` holds arguments of the task's `evaluate`."""
    what, records = scoring.records(predictor, asked.files, reading(asked, given), asked.scoring.split)
    printed(asked, predictor, what, records, **how)


def printed(asked: Asked, predictor: BasePredictor, what: str, records: Any, **how: Any) -> None:
    """Score records called `what`, and print."""
    found, wanted = scoring.score(predictor, what, records, **how), asked.scoring.metric or ()
    model, confusion = predictor.path.as_posix(), asked.labels.confusion
    show(found, what, model, wanted, as_json=asked.scoring.json, confusion=confusion)
