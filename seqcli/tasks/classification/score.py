"""Score labels of texts: accuracy, F1 over labels, calibration; compare two models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from seqcli import __version__, console
from seqcli.bootstrap import Interval, paired
from seqcli.errors import UsageError
from seqcli.metrics import Found, Measures, classification
from seqcli.records import Example
from seqcli.report import Report, of_targets
from seqcli.tasks.classification import METRICS, MULTI_LABEL
from seqcli.tasks.classification.data import fingerprint
from seqcli.tasks.classification.labels import unknown_label
from seqcli.tasks.classification.predict import Classifier

Unknown = Literal["error", "skip", "count-wrong"]
BATCH = 512  # texts scored at once


def headline(multi_label: bool) -> str:
    """Return the metric that decides."""
    return "micro-f1" if multi_label else "accuracy"


def evaluate(
    classifier: Classifier, examples: Sequence[Example], *, unknown: Unknown = "count-wrong", what: str = ""
) -> Report:
    """Score a classifier on texts with labels; `what` is the heading of the progress bar.

    A label that the model does not know raises SeqcliError with its place (`error`), or its record is left out
    (`skip`), or it counts as wrong whatever is predicted.
    """
    targets = classifier.targets or {classifier.target: classifier}
    kept = [e for e in examples if all(known_or_not(own, [e.aimed(name)], unknown) for name, own in targets.items())]
    return report_of_each(classifier, kept, scored_each(classifier, kept, what), len(examples) - len(kept))


def report_of_each(
    classifier: Classifier, kept: Sequence[Example], found: Mapping[str, np.ndarray], left_out: int = 0
) -> Report:
    """Return the report on texts with labels, from a classifier's probabilities (N, K) for each target."""
    targets = classifier.targets
    if not targets:
        return report(classifier, [e.aimed(classifier.target) for e in kept], found[""], left_out)
    aimed = {name: [e.aimed(name) for e in kept] for name in targets}
    reports = {name: report(own, aimed[name], found[name], left_out) for name, own in targets.items()}
    right = [own.given(found[name]) == gold_of(own, aimed[name]) for name, own in targets.items()]
    decide = dict.fromkeys(targets, headline(multi_label=False))
    return of_targets(reports, decide, np.logical_and.reduce([r.all(axis=1) for r in right]), signature(kept))


def report(classifier: Classifier, kept: Sequence[Example], probabilities: np.ndarray, left_out: int = 0) -> Report:
    """Return the report on texts with labels, from a classifier's probabilities (N, K); `left_out` counts others."""
    labels, gold = classifier.labels, gold_of(classifier, kept)
    strange = [[label for label in e.labels or () if label not in classifier.vocabulary.label_ids] for e in kept]
    measured = Measures(MULTI_LABEL if classifier.multi_label else METRICS, labels=labels)
    if classifier.multi_label:
        found = Found(truth=gold, chosen=classifier.given(probabilities), unknown_labels=strange)
    else:
        truth = np.where(gold.any(axis=1), gold.argmax(axis=1), -1)
        best = [labels[k] for k in probabilities.argmax(axis=1).tolist()]
        found = Found(best, [(e.labels or [""])[0] for e in kept], truth=truth)
    measured.update(found._replace(probabilities=probabilities))
    counts = {"texts": len(kept), "labels": len(labels), "unknown labels": sum(map(len, strange))}
    if left_out:
        counts["texts left out"] = left_out
    return Report.of(measured, counts, signature(kept), "texts", unit="text", wide=8)


def known_or_not(classifier: Classifier, examples: Sequence[Example], unknown: Unknown) -> list[Example]:
    """Return the examples to score. Raises UsageError for one without labels, SeqcliError for an unknown label if
    `unknown` is "error"."""
    known, kept = classifier.vocabulary.label_ids, []
    for example in examples:
        if example.labels is None:
            raise UsageError("the text has no labels to score against", hint="name their column with --label")
        odd = next((label for label in example.labels if label not in known), None)
        if odd is None or unknown == "count-wrong":
            kept.append(example)
        elif unknown == "error":
            error = unknown_label(example, odd, classifier.labels)
            raise type(error)(
                error.message, hint=f"{error.hint}\n--unknown-label skip or count-wrong continues in spite of it"
            )
    return kept


def scored(classifier: Classifier, examples: Sequence[Example], what: str = "") -> np.ndarray:
    """Return probabilities (N, K) of examples, computed batch by batch; for several targets, of the first."""
    return next(iter(scored_each(classifier, examples, what).values()))


def scored_each(classifier: Classifier, examples: Sequence[Example], what: str = "") -> dict[str, np.ndarray]:
    """Return probabilities (N, K) of examples for each target, computed batch by batch."""
    targets = classifier.targets or {"": classifier}
    found = {name: [np.zeros((0, len(own.labels)))] for name, own in targets.items()}
    with console.progress(what, len(examples), " texts") as advance:
        for first in range(0, len(examples), BATCH):
            part = [classifier.made_ready(e) for e in examples[first : first + BATCH]]
            for name, p in classifier.each(classifier.model.logits(part), part).items():
                found[name].append(p)
            advance(len(part))
    return {name: np.concatenate(own) for name, own in found.items()}


def gold_of(classifier: Classifier, examples: Sequence[Example]) -> np.ndarray:
    """Return a mask (N, K) of the examples' labels, among those that the model knows."""
    known, gold = classifier.vocabulary.label_ids, np.zeros((len(examples), len(classifier.labels)), bool)
    for i, example in enumerate(examples):
        gold[i, [known[label] for label in example.labels or () if label in known]] = True
    return gold


def signature(examples: Sequence[Example]) -> str:
    """Return the signature that two scores must share to be comparable."""
    return f"seqcli:{__version__}|data:{fingerprint(examples)[:12]}|texts:{len(examples)}"


# two models


def compare(
    first: Classifier, second: Classifier, examples: Sequence[Example], metric: str, *, resamples: int = 10_000
) -> tuple[float, float, Interval]:
    """Return two models' scores on the same texts by a metric, and their difference with a paired bootstrap interval.

    Macro means are over the labels that either model knows; a model cannot give a label that only the other knows.
    Raises UsageError for a metric that is not a function of sums over texts.
    """
    if first.multi_label != second.multi_label:
        raise UsageError("one model gives a text one label, the other may give several: they cannot be compared")
    if not set(first.labels) & set(second.labels):
        own = " and ".join(", ".join(c.labels[:5]) for c in (first, second))
        raise UsageError(f"the models have no label in common ({own})", hint="data.labels in a recipe renames them")
    if metric == ("accuracy" if first.multi_label else "subset-accuracy"):
        other = "subset-accuracy" if first.multi_label else "accuracy"
        raise UsageError(f"{metric} cannot be measured on these models", hint=f"use {other}")
    labels = sorted({*first.labels, *second.labels, *(label for e in examples for label in e.labels or ())})
    gold = classification.one_hot([(e.labels or [""])[0] for e in examples], labels)
    if first.multi_label:
        gold = np.array([[label in (e.labels or ()) for label in labels] for e in examples])
    given = []
    for own in (first, second):
        chosen = own.given(scored(own, examples))
        wide = np.zeros(gold.shape, bool)
        wide[:, [labels.index(label) for label in own.labels]] = chosen
        given.append(wide)
    right = [(chosen == gold).all(axis=1) for chosen in given]
    if metric in ("accuracy", "subset-accuracy"):
        return float(right[0].mean()), float(right[1].mean()), paired(*right, resamples=resamples)
    known = [label in {*first.labels, *second.labels} for label in labels]
    try:
        statistic = classification.statistic(metric, known)
        parts = [classification.contributions(chosen, gold) for chosen in given]
        values = [float(statistic(p.sum(axis=0, keepdims=True).astype(float))[0]) for p in parts]
    except KeyError:
        raise UsageError(
            f"{metric} cannot be compared", hint="use accuracy, macro-f1, micro-f1, weighted-f1 or their parts"
        ) from None
    return values[0], values[1], paired(*parts, statistic=statistic, resamples=resamples)


def answers_judged(classifier: Classifier, examples: Sequence[Example]) -> list[tuple[float, bool]]:
    """Return (probability, whether right) of every label that is given."""
    probabilities = scored(classifier, examples)
    given, gold = classifier.given(probabilities), gold_of(classifier, examples)
    return list(zip(probabilities[given].tolist(), gold[given].tolist(), strict=True))


def summary(metrics: Mapping[str, float]) -> str:
    """Return the main figures on one line."""
    shown = [("accuracy", "accuracy"), ("subset-accuracy", "all labels right"), ("micro-f1", "micro F1")]
    shown += [("macro-f1", "macro F1"), ("targets-mean", "mean of the targets"), ("targets-all", "all right")]
    skipped = {"micro-f1"} if "accuracy" in metrics else set()
    return ", ".join(
        f"{label} {metrics[name]:.4f}" for name, label in shown if name in metrics and name not in skipped
    )
