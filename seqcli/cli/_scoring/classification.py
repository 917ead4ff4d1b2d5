"""The work of `seqcli eval` on a classifier, or on two for comparison."""

from __future__ import annotations

from seqcli import scoring, threads
from seqcli.cli._options import Given
from seqcli.cli._scoring import other_of, reading, report, side_by_side
from seqcli.cli.eval import Asked
from seqcli.errors import SeqcliError, UsageError
from seqcli.records import Example
from seqcli.tasks.classification.predict import Classifier
from seqcli.tasks.classification.score import compare, headline, known_or_not, signature


def run(asked: Asked, predictor: Classifier, given: Given) -> None:
    """Score FILES or a split, and print."""
    limit = threads.limit(1)  # noqa: F841  in force while it is referenced
    if not asked.labels.compare:
        report(asked, predictor.scored_by(asked.reading.label, asked.files), given, unknown=asked.unknown)
        return
    if asked.labels.confusion:
        raise UsageError("--confusion is for a single model: leave out --compare")
    what, examples = scoring.records(predictor, asked.files, reading(asked, given), asked.scoring.split)
    other = other_of(asked, predictor)
    first, second = predictor.scored_by(asked.reading.label, asked.files).first, Classifier.open(other)
    second = second.of(first.target) if second.targets and first.target else second.first
    _compare(asked, (first, second), what, [e.aimed(first.target) for e in examples])


def _compare(asked: Asked, pair: tuple[Classifier, Classifier], what: str, examples: list[Example]) -> None:
    """Print both scores, and their difference with its interval."""
    if asked.unknown != "count-wrong":
        for own in pair:
            examples = known_or_not(own, examples, asked.unknown)
    if not examples:
        raise SeqcliError(f"{what}: nothing to score")
    wanted = asked.scoring.metric or [headline(pair[0].multi_label)]
    found = {metric: compare(*pair, examples, metric) for metric in wanted}
    side_by_side(asked, what, [own.path.as_posix() for own in pair], found, signature(examples))
