"""What a report shows of a tagger: its scores, and the mistakes that it was surest of."""

from __future__ import annotations

from collections.abc import Sequence

from seqcli import schemes
from seqcli.insight.shown import Coloured, Shown
from seqcli.records import Sentence
from seqcli.report import Report
from seqcli.tasks.tagging.look import joined
from seqcli.tasks.tagging.predict import Answer, Settings, Tagger
from seqcli.tasks.tagging.score import evaluate

ERRORS = 30


def shown(own: Tagger, records: Sequence[Sentence]) -> tuple[Report, Shown]:
    """The report of sentences with tags; how sure each tag was, or each span where tags are spans, of several targets
    those of the first."""
    sentences = [s for s in records if s.words]
    report, own = evaluate(own, sentences, what="scoring"), own.first
    found = Shown(wrong="where a wrong answer stands")
    errors: list[tuple[float, Coloured]] = []
    for s, answer in zip(sentences, own.answer(sentences, Settings(confidence=True)), strict=True):
        text, places = joined(s.words)
        for start, end, given, gold, p in _judged(s, answer):
            found.judged.append((round(p, 4), given == gold))
            if given != gold:
                weights = [(places[start][0], places[end - 1][1], 1.0)]
                errors.append((p, Coloured(text, weights, f"{gold} taken for {given}, {p:.4f}")))
    errors.sort(key=lambda pair: -pair[0])
    found.errors = [error for _, error in errors[:ERRORS]]
    return report, found


def _judged(s: Sentence, answer: Answer) -> list[tuple[int, int, str, str, float]]:
    """(first word, end, what was given, what is right, probability) of each tag, or of each span that is given."""
    if answer.spans is None:
        assert answer.probabilities is not None
        pairs = zip(answer.tags, s.tags or [], answer.probabilities, strict=True)
        return [(i, i + 1, given, gold, p) for i, (given, gold, p) in enumerate(pairs)]
    gold = {(a, b): label for a, b, label in schemes.spans(s.tags or [])}
    return [(a.start, a.end, a.label, gold.get((a.start, a.end), "none"), a.probability or 0.0) for a in answer.spans]
