"""Accuracy, confusion and the table of labels: by hand, and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.metrics import accuracy, offers
from seqcli.metrics.accuracy import LabelScore, Metric

OFFERS = Metric.OFFERS

ODD = ["A", "-", "", "a b", "é\n", '"', "𝄞", "O", "B-X"]
sentences = st.lists(
    st.lists(st.tuples(st.sampled_from(ODD), st.sampled_from(ODD), st.booleans()), max_size=8), max_size=8
)
Sentences = list[list[tuple[str, str, bool]]]


def measured(data: Sentences) -> Metric:
    metric = Metric()
    for sentence in data:
        metric.update(*([token[i] for token in sentence] for i in range(3)))
    return metric


def test_by_hand() -> None:
    metric = Metric()
    metric.update(["N", "V", "N"], ["N", "V", "V"], [True, False, True])
    metric.update(["N"], ["N"], [False])
    metric.update(["N", "N"], ["X", "N"], [False, True])  # X is no label of the model's: wrong
    assert metric.result() == {
        "accuracy": 4 / 6,
        "accuracy-known": 2 / 3,
        "accuracy-unknown": 2 / 3,
        "sentence-accuracy": 1 / 3,
    }
    assert metric.result().keys() == OFFERS.keys()
    assert (metric.counts(), metric.counts(True), metric.counts(False)) == ((4, 6), (2, 3), (2, 3))
    labels, counts = metric.confusion()
    assert labels == ["N", "V", "X"]
    assert counts.tolist() == [[3, 0, 0], [1, 1, 0], [1, 0, 0]]
    assert metric.per_label() == {
        "N": LabelScore(3 / 5, 1.0, 6 / 8, 3),
        "V": LabelScore(1.0, 0.5, 2 / 3, 2),
        "X": LabelScore(0.0, 0.0, 0.0, 1),
    }


def test_what_was_not_counted_is_left_out() -> None:
    metric = Metric()
    assert metric.result() == {}
    metric.update([], [])  # nothing to be right or wrong about
    assert metric.result() == {}
    assert metric.confusion().counts.shape == (0, 0)
    assert metric.per_label() == {}
    metric.update(["N"], ["N"])
    assert metric.result() == {"accuracy": 1.0, "sentence-accuracy": 1.0}
    metric.update(["N"], ["V"], [True])
    assert metric.result() == {"accuracy": 0.5, "accuracy-known": 0.0, "sentence-accuracy": 0.5}


def test_flags_may_be_an_array_and_tags_tuples() -> None:
    metric = Metric()
    metric.update(("N", "V"), ["N", "V"], np.array([True, False]))  # type: ignore[arg-type]
    assert metric.result() == dict.fromkeys(OFFERS, 1.0)


@pytest.mark.parametrize(("predicted", "gold", "known"), [(["N"], [], None), (["N"], ["N"], []), ([], ["N"], [True])])
def test_lengths_that_differ(predicted: list[str], gold: list[str], known: list[bool] | None) -> None:
    with pytest.raises(ValueError, match="predicted tags"):
        Metric().update(predicted, gold, known)


@given(sentences)
def test_the_parts_add_up(data: Sentences) -> None:
    metric = measured(data)
    tokens = [token for sentence in data for token in sentence]
    labels, counts = metric.confusion()
    assert counts.sum() == len(tokens)
    for i, gold in enumerate(labels):
        for j, predicted in enumerate(labels):
            assert counts[i, j] == sum((p, g) == (predicted, gold) for p, g, _ in tokens)
    known, unknown = metric.counts(True), metric.counts(False)
    assert (known[0] + unknown[0], known[1] + unknown[1]) == metric.counts() == (counts.trace(), len(tokens))
    assert metric.sentences == sum(map(bool, data))
    assert metric.right_sentences == sum(bool(s) and all(p == g for p, g, _ in s) for s in data)


@pytest.mark.filterwarnings("ignore:A single label")
@given(sentences)
def test_scikit_learn_counts_the_same(data: Sentences) -> None:
    sklearn = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    tokens = [token for sentence in data for token in sentence]
    if not tokens:
        return
    metric, predicted, gold = measured(data), [t[0] for t in tokens], [t[1] for t in tokens]
    labels, counts = metric.confusion()
    assert metric.result()["accuracy"] == pytest.approx(sklearn.accuracy_score(gold, predicted))
    assert (counts == sklearn.confusion_matrix(gold, predicted, labels=labels)).all()
    table = sklearn.precision_recall_fscore_support(gold, predicted, labels=labels, zero_division=0)
    for label, score in zip(labels, zip(*table, strict=True), strict=True):
        assert metric.per_label()[label] == pytest.approx(score)


def test_no_name_is_offered_twice() -> None:
    from seqcli.metrics import calibration, perplexity, spans

    parts = [family.Metric.OFFERS for family in (accuracy, spans, calibration, perplexity)]
    assert sum(map(len, parts)) == len(set().union(*parts))
    assert set().union(*parts) <= offers().keys()
