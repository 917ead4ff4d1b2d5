"""Two models on the same texts, against scikit-learn and a bootstrap drawn text by text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sklearn

from seqcli.bootstrap import paired
from seqcli.errors import UsageError
from seqcli.tasks.classification.score import compare


def pair(lab: Any, count: int = 300) -> Any:
    rng = np.random.default_rng(5)
    gold = rng.integers(0, 3, count)
    rows = [rng.normal(0, 1, (count, 3)) + by * np.eye(3)[gold] for by in (1.5, 1.0)]
    names = [lab.labels[i] for i in gold]
    return (
        *(lab.lookup(r) for r in rows),
        lab.texts(names),
        names,
        [[lab.labels[i] for i in r.argmax(1)] for r in rows],
    )


def test_two_models_are_compared_text_by_text(lab: Any) -> None:
    first, second, examples, gold, given = pair(lab)
    right = [np.array(names) == gold for names in given]
    one, two, interval = compare(first, second, examples, "accuracy", resamples=500)
    assert (one, two) == tuple(r.mean() for r in right)
    assert interval == paired(*right, resamples=500)
    rng = np.random.default_rng(1)  # Efron and Tibshirani's percentiles, drawn text by text
    drawn = [(right[0][i].mean() - right[1][i].mean()) for i in rng.integers(0, len(gold), (4000, len(gold)))]
    assert interval.difference == pytest.approx(one - two)
    assert [interval.low, interval.high] == pytest.approx(np.quantile(drawn, [0.025, 0.975]).tolist(), abs=0.015)


def f1(gold: np.ndarray, given: np.ndarray, metric: str) -> float:
    """By its definition, from a confusion matrix."""
    counts = np.bincount(3 * gold + given, minlength=9).reshape(3, 3)
    each = 2 * counts.diagonal() / (counts.sum(0) + counts.sum(1))
    means = {"macro-f1": each.mean(), "weighted-f1": each @ counts.sum(1) / len(gold)}
    return float(means.get(metric, counts.trace() / len(gold)))


@pytest.mark.parametrize("metric", ["macro-f1", "weighted-f1", "micro-f1"])
def test_means_of_f1_are_compared(lab: Any, metric: str) -> None:
    first, second, examples, gold, given = pair(lab)
    one, two, interval = compare(first, second, examples, metric, resamples=300)
    wanted = [sklearn.f1_score(gold, names, average=metric[:-3]) for names in given]  # type: ignore[arg-type]
    assert [one, two] == pytest.approx(wanted)
    assert interval.difference == pytest.approx(one - two)
    rng, draws = np.random.default_rng(1), []
    names, *others = ([lab.labels.index(n) for n in g] for g in (gold, *given))
    for i in rng.integers(0, len(gold), (1000, len(gold))):
        a, b = (f1(np.array(names)[i], np.array(g)[i], metric) for g in others)
        draws.append(a - b)
    assert [interval.low, interval.high] == pytest.approx(np.quantile(draws, [0.025, 0.975]).tolist(), abs=0.025)


def test_a_model_against_itself(lab: Any) -> None:
    first, _, examples, *_ = pair(lab)
    for metric in ("accuracy", "macro-f1"):
        one, two, interval = compare(first, first, examples, metric, resamples=50)
        assert one == two
        assert (interval.difference, interval.low, interval.high, interval.p_value) == (0, 0, 0, 1)


def test_labels_that_only_one_knows(lab: Any) -> None:
    """Their columns are other ones; what neither knows is in nobody's macro mean."""
    first = lab.lookup(9 * np.eye(2)[[0, 1, 0, 1]], ["bad", "good"])
    second = lab.lookup(9 * np.eye(3)[[1, 2, 0, 1]], ["awful", "bad", "good"])
    gold, given = ["bad", "good", "awful", "new"], (["bad", "good", "bad", "good"], ["bad", "good", "awful", "bad"])
    one, two, _ = compare(first, second, lab.texts(gold), "accuracy", resamples=10)
    assert (one, two) == (0.5, 0.75)
    one, two, _ = compare(first, second, lab.texts(gold), "macro-f1", resamples=10)
    wanted = [sklearn.f1_score(gold, g, labels=["awful", "bad", "good"], average="macro") for g in given]
    assert [one, two] == pytest.approx(wanted)


def test_several_labels_are_compared(lab: Any) -> None:
    first, examples, gold = lab.several(150, 1)
    second, _, _ = lab.several(150, 2)
    chosen = [own.probabilities(examples) >= 0.5 for own in (first, second)]
    for metric, score in (
        ("subset-accuracy", sklearn.accuracy_score),
        ("micro-f1", lambda g, c: sklearn.f1_score(g, c, average="micro")),
    ):
        one, two, interval = compare(first, second, examples, metric, resamples=50)
        assert [one, two] == pytest.approx([score(gold, c) for c in chosen])
        assert interval.difference == pytest.approx(one - two)


def test_what_cannot_be_compared(lab: Any) -> None:
    first, second, examples, *_ = pair(lab, 10)
    with pytest.raises(UsageError, match="roc-auc cannot be compared") as error:
        compare(first, second, examples, "roc-auc", resamples=10)
    assert "macro-f1" in error.value.hint
    with pytest.raises(UsageError, match="one label, the other may give several"):
        compare(first, lab.several(10)[0], examples, "accuracy")
