"""Fit a classifier's temperature, thresholds and the weight of a linear model on its validation split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from seqcli import console
from seqcli.metrics import multi_label
from seqcli.records import Example
from seqcli.tasks.classification.predict import Classifier, Fitted
from seqcli.tasks.classification.score import BATCH, gold_of, scored
from seqcli.temperature import fit_temperature as least_cost

BASELINE = "ngram-linear"
FITTED = 30_000  # texts that the temperature is fitted on, at most
LOWEST, HIGHEST = 0.1, 20.0  # temperatures: the scores of two models together may be far too confident
SHARES = [round(0.1 * n, 1) for n in range(31)]  # weights of the linear model's logits that are tried


def with_linear(classifier: Classifier, linear: Mapping[str, Any], valid: Sequence[Example]) -> Classifier:
    """Return a classifier with the scores of a linear model added for each target, with a weight fitted on the
    validation split."""
    found = {}
    for name, own in (classifier.targets or {"": classifier}).items():
        own, examples = replace(own, beside=linear[name]), [e.aimed(name) for e in valid]
        found[name] = replace(own, share=fit_share(own, examples))
        called = f" to those of {name}" * bool(name)
        console.say(f"the scores of {BASELINE} are added{called} with weight {found[name].share:g}, fitted on valid")
    return as_one(classifier, found)


def as_one(classifier: Classifier, each: Mapping[str, Classifier]) -> Classifier:
    """Return the classifier with what was fitted to each of its targets."""
    first, *others = [Fitted(own.temperature, own.beside, own.share) for own in each.values()]
    named = dict(zip(list(each)[1:], others, strict=True))
    return replace(classifier, others=named, **first._asdict())


def fitted(classifier: Classifier, valid: Sequence[Example]) -> tuple[Classifier, dict[str, Any]]:
    """Return the classifier with what is fitted on the validation split, and the fitted values for a header."""
    if classifier.targets:
        found = {name: fitted(own, [e.aimed(name) for e in valid]) for name, own in classifier.targets.items()}
        first, *others = [(name, own) for name, (_, own) in found.items()]
        about = dict(first[1], temperatures={name: own["temperature"] for name, own in others})
        if classifier.beside is not None:
            about["linear_shares"] = {name: own["linear_share"] for name, own in others}
        return as_one(classifier, {name: own for name, (own, _) in found.items()}), about
    temperature = fit_temperature(classifier, valid)
    classifier = replace(classifier, temperature=temperature)
    console.say(f"temperature of the probabilities, fitted on valid: {temperature:.3f}", level=1)
    if not LOWEST * 1.02 < temperature < HIGHEST / 1.02:
        console.warn(
            f"the temperature stopped at {temperature:.2f}, the end of its range: {len(valid):,} texts of valid may"
            " be too few to calibrate the probabilities"
        )
    about: dict[str, Any] = {"temperature": temperature}
    if classifier.beside is not None:
        about["linear_share"] = classifier.share
    if classifier.multi_label:
        about["label_thresholds"] = fit_thresholds(classifier, valid)
        values = np.array([about["label_thresholds"][label] for label in classifier.labels])
        classifier = replace(classifier, thresholds=values)
    return classifier, about


def fit_temperature(classifier: Classifier, examples: Sequence[Example]) -> float:
    """Return the temperature with the lowest cross-entropy of the examples' own labels (Guo et al. 2017)."""
    known, gold = _fitted_on(classifier, examples)
    return _least(classifier, _logits(classifier, known), gold)[0] if known else 1.0


def fit_share(classifier: Classifier, examples: Sequence[Example]) -> float:
    """Return the weight of the linear model's logits with the lowest cross-entropy, at the temperature that then fits
    best: a log-linear pool of two experts with weights fitted on data that neither has seen (Heskes 1998)."""
    known, gold = _fitted_on(classifier, examples)
    if not known or classifier.beside is None:
        return 0.0
    own = _logits(replace(classifier, beside=None), known)
    added = _logits(replace(classifier, model=classifier.beside, beside=None), known)
    costs = [_least(classifier, own + share * added, gold)[1] for share in SHARES]
    return SHARES[int(np.argmin(costs))]


def _fitted_on(classifier: Classifier, examples: Sequence[Example]) -> tuple[list[Example], np.ndarray]:
    """Return the examples whose labels the model knows, at most FITTED, and their labels (N, K)."""
    ids, several = classifier.vocabulary.label_ids.keys(), classifier.multi_label
    known = [e for e in examples if e.labels is not None and (several or ids >= set(e.labels))]
    return known[:FITTED], gold_of(classifier, known[:FITTED])


def _logits(classifier: Classifier, examples: Sequence[Example]) -> np.ndarray:
    prepared = [classifier.ready(e) for e in examples]
    return np.concatenate([classifier.logits(prepared[i : i + BATCH]) for i in range(0, len(prepared), BATCH)])


def _least(classifier: Classifier, logits: np.ndarray, gold: np.ndarray) -> tuple[float, float]:
    """Return the temperature of the lowest cross-entropy, and that cross-entropy (total nats)."""

    def cost(temperature: float) -> float:
        p = classifier.of_logits(logits, temperature)
        p = np.where(gold, p, 1 - p) if classifier.multi_label else p[gold]
        return -float(np.log(np.maximum(p, 1e-300)).sum())

    found = least_cost(cost, LOWEST, HIGHEST)
    return found, cost(found)


def fit_thresholds(classifier: Classifier, examples: Sequence[Example]) -> dict[str, float]:
    """Return for each label the least probability at which it is given, for the highest F1 (multi-label)."""
    found = multi_label.best_thresholds(scored(classifier, examples), gold_of(classifier, examples))
    return dict(zip(classifier.labels, found.tolist(), strict=True))
