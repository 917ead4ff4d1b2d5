"""Show a sequence-to-sequence model in a report: scores, confident mistakes, attention."""

from __future__ import annotations

from collections.abc import Sequence

from seqcli.insight.shown import Coloured, Shown
from seqcli.records import Pair
from seqcli.report import Report
from seqcli.tasks.sequence_to_sequence.look import attention
from seqcli.tasks.sequence_to_sequence.predict import Settings, Translator
from seqcli.tasks.sequence_to_sequence.score import answered, are_right, protocol, scored

ERRORS, DRAWN, LONGEST = 30, 6, 40  # pairs that are listed, and drawn; most tokens of a side of drawn ones
MOST = 2000  # pairs that are answered, at most


def shown(own: Translator, records: Sequence[Pair]) -> tuple[Report, Shown]:
    """Return the report on the first MOST pairs, how confident each answer was, and the attention of some."""
    pairs, settings = records[:MOST], Settings(own.search)
    answers = answered(own, pairs, settings, "answering")
    texts, sure = [a.text for a in answers], [a.confidence for a in answers]
    report = scored(texts, pairs, sure, protocol=protocol(own, settings))
    right = are_right(texts, pairs)
    found = Shown([(round(p, 4), good) for p, good in zip(sure, right, strict=True)])
    for i in sorted(range(len(pairs)), key=lambda i: -sure[i]):
        if not right[i] and len(found.errors) < ERRORS:
            note = f"answer: {texts[i]}\nreference: {pairs[i].target}"
            found.errors.append(Coloured(pairs[i].text, [], f"{sure[i]:.4f}", note))
    if not hasattr(own.model, "posteriors"):  # a CTC model has no attention
        found.alignments = attention(own, pairs, DRAWN, LONGEST).alignments
    return report, found
