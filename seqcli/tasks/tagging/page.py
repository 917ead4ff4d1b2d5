"""Show a tagger in a report: its scores, and its most confident mistakes."""

from __future__ import annotations

from collections.abc import Sequence

from seqcli.insight.shown import Coloured, Shown
from seqcli.records import Sentence, spaced
from seqcli.report import Report
from seqcli.tasks.tagging.predict import Tagger
from seqcli.tasks.tagging.score import evaluate, judged

ERRORS = 30


def shown(own: Tagger, records: Sequence[Sentence]) -> tuple[Report, Shown]:
    """Return the report on sentences with tags, and how confident each tag was, or each span if tags are spans; for
    several targets, of the first."""
    sentences = [s for s in records if s.words]
    report, own = evaluate(own, sentences, what="scoring"), own.first
    found = Shown(wrong="Wrong answers are coloured.")
    errors: list[tuple[float, Coloured]] = []
    for s, answers in judged(own, sentences):
        text, places = spaced(s.words)
        for start, end, given, gold, p, right in answers:
            found.judged.append((round(p, 4), right))
            if not right:
                weights = [(places[start][0], places[end - 1][1], 1.0)]
                errors.append((p, Coloured(text, weights, f"{gold} taken for {given}, {p:.4f}")))
    errors.sort(key=lambda pair: -pair[0])
    found.errors = [error for _, error in errors[:ERRORS]]
    return report, found
