"""The work of `seqcli eval` on a model for classification, and on two side by side."""

from __future__ import annotations

import json
from typing import Any

from seqcli import runs, scoring, threads
from seqcli.cli._options import Given
from seqcli.cli._scoring import reading, report
from seqcli.cli.eval import Asked
from seqcli.errors import SeqcliError, UsageError
from seqcli.records import Example
from seqcli.streams import Output
from seqcli.tasks.classification.predict import Classifier
from seqcli.tasks.classification.score import compare, headline, known_or_not, signature


def run(asked: Asked, predictor: Classifier, given: Given) -> None:
    """Score FILES or a split, and print."""
    limit = threads.limit(1)  # noqa: F841  holds as long as it is kept
    if not asked.labels.compare:
        report(asked, predictor, given, unknown=asked.labels.unknown)
        return
    if asked.labels.confusion:
        raise UsageError("--confusion is of one model: leave --compare away")
    what, examples = scoring.records(predictor, asked.files, reading(asked, given), asked.scoring.split)
    other = runs.open_model(asked.labels.compare[1], "eval")
    if other.header["task"] != predictor.task:
        raise UsageError(f"{other.path} is a model for {other.header['task']}: --compare takes two classifiers")
    _compare(asked, (predictor, Classifier.open(other)), what, examples)


def _compare(asked: Asked, pair: tuple[Classifier, Classifier], what: str, examples: list[Example]) -> None:
    """Both scores, and their difference with its interval."""
    if asked.labels.unknown != "count-wrong":
        for own in pair:
            examples = known_or_not(own, examples, asked.labels.unknown)
    if not examples:
        raise SeqcliError(f"{what}: nothing to score")
    found: dict[str, Any] = {}
    for metric in asked.scoring.metric or [headline(pair[0].multi_label)]:
        a, b, interval = compare(*pair, examples, metric)
        found[metric] = {"first": a, "second": b, **interval._asdict()}
    out = Output()
    names = [own.path.as_posix() for own in pair]
    if asked.scoring.json:
        record = {"text": what, "first": names[0], "second": names[1], "metrics": found}
        record |= {"level": 0.95, "signature": signature(examples)}
        out.line(json.dumps(record, ensure_ascii=False, indent=2))
    else:
        out.line(what)
        for metric, row in found.items():
            width = max(map(len, names))
            for name, key in zip(names, ("first", "second"), strict=True):
                out.line(f"  {name:<{width}}  {metric} {row[key]:.4f}")
            out.line(
                f"  difference {row['difference']:+.4f}, 95 % interval {row['low']:+.4f} to {row['high']:+.4f},"
                f" p {row['p_value']:.4f} (paired bootstrap, {row['resamples']:,} resamples)"
            )
        out.line(signature(examples))
    out.flush()
