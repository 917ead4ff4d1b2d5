"""Show a classifier in a report: its scores, its most confident mistakes, and the words that decided."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seqcli.insight.shown import Coloured, Shown
from seqcli.records import Example
from seqcli.report import Report
from seqcli.tasks.classification.explain import explained
from seqcli.tasks.classification.predict import Classifier
from seqcli.tasks.classification.score import gold_of, report_of_each, scored_each

ERRORS, RIGHT, LONGEST = 20, 6, 300  # texts that are shown; most tokens of a text that is explained


def shown(own: Classifier, records: Sequence[Example]) -> tuple[Report, Shown]:
    """Return the report on texts with labels, how confident each label was (for several targets, of the first), and
    texts with the words for and against their label."""
    each = scored_each(own, records, "scoring")
    report, own, probabilities = report_of_each(own, records, each), own.first, next(iter(each.values()))
    given, gold = own.given(probabilities), gold_of(own, records)
    rows, labels = np.nonzero(given)
    sure, right = probabilities[rows, labels], gold[rows, labels]
    found = Shown(list(zip(sure.round(4).tolist(), right.tolist(), strict=True)))
    order = np.argsort(-sure, kind="stable")
    said = "Orange words support the predicted label, blue ones oppose it: how the answer changes without each."
    plain = own.reading.frames is None and all(records[i].tree is None for i in rows[:1])
    found.colours = found.wrong = said if plain else ""

    def texts(chosen: np.ndarray) -> list[Coloured]:
        made = []
        for i, k in zip(rows[chosen].tolist(), labels[chosen].tolist(), strict=True):
            p, wanted = float(probabilities[i, k]), ", ".join(records[i].labels or []) or "none"
            head = f"{own.labels[k]}, {p:.4f}" if gold[i, k] else f"{wanted} taken for {own.labels[k]}, {p:.4f}"
            made.append(Coloured(records[i].text, _weights(own, own.ready(records[i]), k, p), head))
        return made

    found.errors = texts(order[~right[order]][:ERRORS])
    sound = order[right[order]]
    found.texts = texts(sound[np.linspace(0, len(sound) - 1, RIGHT).astype(int)] if len(sound) else sound)
    return report, found


def _weights(own: Classifier, example: Example, label: int, p: float) -> list[tuple[int, int, float]]:
    """Return how much each token speaks for a label, scaled to at most 1; none for trees, frames, very long texts."""
    if (
        example.tree is not None
        or own.reading.frames is not None
        or len(example.words or example.text.split()) > LONGEST
    ):
        return []
    tokens = explained(own, [example], [(label, p)])[0]
    top = max((abs(t.weight) for t in tokens), default=0.0) or 1.0
    return [(t.start, t.end, round(t.weight / top, 3)) for t in tokens]
