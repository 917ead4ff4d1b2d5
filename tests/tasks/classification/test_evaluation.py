"""Scores against scikit-learn; unknown labels; what is fitted against grids and the best of all."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sklearn

from seqcli.errors import SeqcliError, UsageError
from seqcli.tasks.classification.fitting import SHARES, fit_share, fit_temperature, fit_thresholds
from seqcli.tasks.classification.score import BATCH, answers_judged, evaluate, headline, scored, signature, summary

# one label a text


@pytest.mark.parametrize("labels", [["no", "yes"], ["bad", "good", "so-so"], list("abcdefgh")])
def test_scores_are_scikit_learns(lab: Any, labels: list[str], advanced: list[float]) -> None:
    own, examples = lab.drawn(700, labels, temperature=1.7)
    report = evaluate(own, examples)
    m, p = report.metrics, own.probabilities(examples)
    gold = [e.labels[0] for e in examples]
    predicted = [labels[i] for i in p.argmax(axis=1)]
    assert m["accuracy"] == pytest.approx(sklearn.accuracy_score(gold, predicted))
    assert m["cross-entropy"] == pytest.approx(sklearn.log_loss(gold, p, labels=labels))
    for mean in ("macro", "weighted", "micro"):
        wanted = sklearn.precision_recall_fscore_support(gold, predicted, average=mean, zero_division=0)  # type: ignore[arg-type]
        for name, value in zip(("precision", "recall", "f1"), wanted, strict=False):
            if f"{mean}-{name}" in m:
                assert m[f"{mean}-{name}"] == pytest.approx(value)
    assert {"macro-f1", "weighted-f1", "micro-f1"} <= m.keys()
    if len(labels) == 2:
        assert m["roc-auc"] == pytest.approx(sklearn.roc_auc_score([g == labels[1] for g in gold], p[:, 1]))
    one_hot = np.array([[g == label for label in labels] for g in gold])
    assert m["brier"] == pytest.approx(((p - one_hot) ** 2).sum(axis=1).mean())
    assert report.confusion is not None
    np.testing.assert_array_equal(report.confusion.counts, sklearn.confusion_matrix(gold, predicted, labels=labels))
    each: Any = sklearn.precision_recall_fscore_support(gold, predicted, labels=labels)
    for label, *values in zip(labels, *each, strict=True):
        assert list(report.labels[label].values()) == pytest.approx(values)
    assert report.counts == {"texts": 700, "labels": len(labels), "unknown labels": 0}
    assert sum(b.count for b in report.reliability) == 700
    assert evaluate(own, examples).metrics == m
    assert advanced == [BATCH, 700 - BATCH] * 2
    assert report.to_dict() == {**m, "counts": report.counts, "protocol": "texts", "signature": report.signature}


def test_what_a_line_has_room_for(lab: Any) -> None:
    own, examples = lab.drawn(50)
    m = evaluate(own, examples).metrics
    assert summary(m) == f"accuracy {m['accuracy']:.4f}, macro F1 {m['macro-f1']:.4f}"
    several, others, _ = lab.several(50)
    m = evaluate(several, others).metrics
    shown = f"all labels right {m['subset-accuracy']:.4f}, micro F1 {m['micro-f1']:.4f}, macro F1 {m['macro-f1']:.4f}"
    assert summary(m) == shown
    assert (headline(False), headline(True)) == ("accuracy", "micro-f1")


def test_a_signature_is_of_the_data(lab: Any) -> None:
    _, examples = lab.drawn(20)
    one = signature(examples)
    assert one.endswith("|texts:20")
    assert one == signature([replace(e, source="elsewhere", words=["x"]) for e in examples])
    assert len({one, signature(examples[1:]), signature([*examples[1:], replace(examples[0], labels=["x"])])}) == 3


def test_nothing_to_score_and_no_labels(lab: Any) -> None:
    own, examples = lab.drawn(3)
    assert evaluate(own, []).metrics == {}
    assert evaluate(own, []).counts["texts"] == 0
    assert evaluate(lab.several(3)[0], []).metrics == {}
    with pytest.raises(UsageError, match="no labels to score") as error:
        evaluate(own, [replace(examples[0], labels=None)])
    assert "--label" in error.value.hint


# several


@pytest.mark.parametrize("thresholds", [None, [0.3, 0.6, 0.45]])
def test_scores_of_several_labels_are_scikit_learns(lab: Any, thresholds: list[float] | None) -> None:
    own, examples, gold = lab.several(400, thresholds=None if thresholds is None else np.array(thresholds))
    report, p = evaluate(own, examples), own.probabilities(examples)
    m, chosen = report.metrics, p >= (thresholds or 0.5)
    assert m["subset-accuracy"] == pytest.approx(sklearn.accuracy_score(gold, chosen))
    assert m["hamming-loss"] == pytest.approx(sklearn.hamming_loss(gold, chosen))
    for mean in ("macro", "weighted", "micro"):
        wanted = sklearn.precision_recall_fscore_support(gold, chosen, average=mean, zero_division=0)  # type: ignore[arg-type]
        for name, value in zip(("precision", "recall", "f1"), wanted, strict=False):
            assert m[f"{mean}-{name}"] == pytest.approx(value)
    wanted = sum(sklearn.log_loss(gold[:, k], p[:, k]) for k in range(3))
    assert m["cross-entropy"] == pytest.approx(wanted)
    assert m["brier"] == pytest.approx(((p - gold) ** 2).mean())
    assert report.confusion is None
    assert {label: s["support"] for label, s in report.labels.items()} == dict(
        zip(lab.labels, gold.sum(axis=0), strict=True)
    )


# gold labels that the model does not know


def strangers(lab: Any) -> Any:
    rows = 30.0 * np.eye(3)[[1, 0, 0, 2]]
    return lab.lookup(rows), lab.texts(["good", "bad", "god", "bad"])


def test_unknown_labels_count_as_wrong(lab: Any) -> None:
    own, examples = strangers(lab)
    report = evaluate(own, examples)  # the rule where nothing is said
    assert report.metrics["accuracy"] == 0.5
    assert report.metrics["cross-entropy"] == pytest.approx((30 + 3 * math.log1p(2 * math.exp(-30))) / 3)
    assert report.metrics["brier"] == pytest.approx((2 + 2) / 4)  # sure and wrong twice
    assert report.metrics["calibration-error"] == pytest.approx(0.5)
    assert report.counts == {"texts": 4, "labels": 3, "unknown labels": 1}
    assert report.labels["god"]["support"] == 1
    known = sklearn.f1_score(
        ["good", "bad", "god", "bad"], ["good", "bad", "bad", "so-so"], labels=lab.labels, average="macro"
    )
    assert report.metrics["macro-f1"] == pytest.approx(known)


def test_unknown_labels_may_leave_their_text_out(lab: Any) -> None:
    own, examples = strangers(lab)
    report = evaluate(own, examples, unknown="skip")
    assert report.metrics["accuracy"] == pytest.approx(2 / 3)
    assert report.counts == {"texts": 3, "labels": 3, "unknown labels": 0, "texts left out": 1}
    assert report.signature == signature([e for e in examples if e.labels != ["god"]])
    nothing = evaluate(own, examples[2:3], unknown="skip")
    assert (nothing.metrics, nothing.reliability) == ({}, [])


def test_unknown_labels_may_be_an_error_with_a_place(lab: Any) -> None:
    own, examples = strangers(lab)
    with pytest.raises(SeqcliError, match=r"^f:3:1: the model does not know the label 'god'") as error:
        evaluate(own, examples, unknown="error")
    assert "did you mean 'good'?" in error.value.hint
    assert "--unknown-label" in error.value.hint
    assert evaluate(own, examples[:2], unknown="error").metrics["accuracy"] == 1


def test_unknown_labels_among_several(lab: Any) -> None:
    own = lab.lookup(30.0 * np.array([[1, 1, -1], [-1, 1, -1.0]]), multi_label=True)
    examples = lab.texts([["bad", "good"], ["good", "new"]])
    m = evaluate(own, examples).metrics
    assert (m["subset-accuracy"], m["micro-precision"], m["micro-recall"]) == (0.5, 1.0, 0.75)
    assert evaluate(own, examples, unknown="skip").metrics["subset-accuracy"] == 1
    with pytest.raises(SeqcliError, match="'new'"):
        evaluate(own, examples, unknown="error")


# what is fitted


def cost(own: Any, examples: Any, temperature: float) -> float:
    return evaluate(replace(own, temperature=temperature), examples).metrics["cross-entropy"]


def sampled(lab: Any, factor: float, several: bool, count: int = 2000) -> Any:
    """Labels drawn from the probabilities of logits that the model has `factor` times as large."""
    rng = np.random.default_rng(4)
    rows = rng.normal(0, 1.5, (count, 3))
    own = lab.lookup(rows, multi_label=several)
    p = own.of_logits(rows, 1.0)
    if several:
        names: list[Any] = [
            [label for label, has in zip(lab.labels, row, strict=True) if has] for row in rng.random(p.shape) < p
        ]
    else:
        names = [lab.labels[i] for i in (rng.random((count, 1)) > p.cumsum(axis=1)).sum(axis=1)]
    return lab.lookup(rows * factor, multi_label=several), lab.texts(names)


@pytest.mark.parametrize(("factor", "several"), [(0.5, False), (3.0, False), (1.0, True), (2.0, True)])
def test_the_temperature_that_labels_were_drawn_with_is_found(lab: Any, factor: float, several: bool) -> None:
    own, examples = sampled(lab, factor, several)
    found = fit_temperature(own, examples)
    assert found == pytest.approx(factor, rel=0.1)
    assert cost(own, examples, found) <= cost(own, examples, 1.0) + 1e-6
    assert all(cost(own, examples, found) <= cost(own, examples, t) + 1e-4 for t in np.linspace(0.3, 4, 8))
    assert fit_temperature(replace(own, temperature=9.0), examples) == found  # not of the classifier's own


def test_texts_of_unknown_labels_are_not_fitted_on(lab: Any) -> None:
    own, examples = sampled(lab, 2.0, False, 300)
    strange = [replace(e, labels=["new"]) for e in examples[:200]]
    assert fit_temperature(own, [*strange, *examples]) == fit_temperature(own, examples)
    assert fit_temperature(own, strange) == fit_temperature(own, []) == 1.0


def test_the_share_of_a_linear_model_is_the_best_of_all(lab: Any) -> None:
    own, examples = sampled(lab, 1.0, False, 1200)
    rows, noise = own.model.rows, np.random.default_rng(3).normal(0, 1.5, (2, 1200, 3))
    for beside in (rows + noise[1], noise[1]):  # one knows something, the other nothing
        both = replace(own, model=lab.Table(rows + noise[0]), beside=lab.Table(beside))
        costs = []
        for share in SHARES:
            tried = replace(both, share=share)
            costs.append(cost(tried, examples, fit_temperature(tried, examples)))
        assert fit_share(both, examples) == SHARES[int(np.argmin(costs))]
    assert 0.5 < fit_share(replace(both, beside=lab.Table(rows + noise[1])), examples) < 2
    assert fit_share(both, examples) < 0.25
    assert fit_share(own, examples) == fit_share(both, []) == 0.0


def test_thresholds_are_the_best_for_each_label(lab: Any) -> None:
    own, examples, gold = lab.several(70, 3)
    found = fit_thresholds(own, examples)
    assert list(found) == lab.labels
    p = own.probabilities(examples)
    for k, label in enumerate(lab.labels):
        best = max(sklearn.f1_score(gold[:, k], p[:, k] >= t) for t in [*np.unique(p[:, k]), 0.5])
        assert sklearn.f1_score(gold[:, k], p[:, k] >= found[label]) == pytest.approx(best)
    fitted = replace(own, thresholds=np.array([*found.values()]))
    assert evaluate(fitted, examples).metrics["macro-f1"] >= evaluate(own, examples).metrics["macro-f1"]


def test_answers_are_judged_one_by_one(lab: Any) -> None:
    own, examples = lab.drawn(60)
    p = own.probabilities(examples)
    wanted = [(float(row.max()), lab.labels[row.argmax()] == e.labels[0]) for row, e in zip(p, examples, strict=True)]
    assert answers_judged(own, examples) == wanted
    several, others, gold = lab.several(60)
    q = several.probabilities(others)
    assert sorted(answers_judged(several, others)) == sorted(
        (float(q[i, k]), bool(gold[i, k])) for i, k in zip(*np.nonzero(q >= 0.5), strict=True)
    )


def test_batches_change_nothing(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    own, examples = lab.drawn(20)
    whole = scored(own, examples)
    monkeypatch.setattr("seqcli.tasks.classification.score.BATCH", 7)
    np.testing.assert_array_equal(scored(own, examples), whole)
    assert scored(own, []).shape == (0, 3)
