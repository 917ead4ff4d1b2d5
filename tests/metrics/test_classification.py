"""Averages over labels, ROC-AUC, multi-label scores and thresholds: by hand, by brute force, and against scikit-learn."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples

from seqcli import metrics
from seqcli.metrics import multi_label
from seqcli.metrics.accuracy import LabelScore
from seqcli.metrics.classification import (
    Metric,
    averages,
    contributions,
    one_hot,
    roc_auc,
    statistic,
)
from seqcli.metrics.multi_label import best_thresholds, samples_f1

pytestmark = pytest.mark.filterwarnings("error")

SHARED = {"accuracy", "cross-entropy"}
OFFERS = {n: o for n, o in (Metric.OFFERS | multi_label.Metric.OFFERS).items() if n not in SHARED}
MULTI_LABEL = OFFERS.keys() - Metric.OFFERS.keys()
LABELS = ["", "B-X", "a b", "é\n", "𝄞", "z\0"]
STRANGE = ["new", "-1"]
seeds = st.integers(0, 2**32 - 1)


def distributions(rng: np.random.Generator, n: int, k: int) -> np.ndarray:
    return rng.dirichlet(np.full(k, 0.5), n)


def drawn(rng: np.random.Generator, n: int, k: int, strange: bool = True) -> tuple[np.ndarray, list[str], list[str]]:
    """Probabilities, gold and predicted names; some labels are never gold, some never predicted."""
    golden = [LABELS[i] for i in rng.permutation(k)[: rng.integers(1, k + 1)]] + STRANGE * strange
    guessed = [LABELS[i] for i in rng.permutation(k)[: rng.integers(1, k + 1)]]
    # by number: rng.choice holds names in an array of NumPy, which cuts "z\0"
    gold, predicted = ([names[i] for i in rng.integers(0, len(names), n)] for names in (golden, guessed))
    return distributions(rng, n, k), gold, predicted


# one label a text


def test_by_hand() -> None:
    metric = Metric(["N", "V"])
    metric.update([[0.8, 0.2], [0.4, 0.6], [0.7, 0.3]], ["N", "V", "V"])
    metric.update([[0.9, 0.1]], ["X"])  # no label of the model's: wrong
    assert metric.count == 4
    assert metric.per_label() == {
        "N": LabelScore(1 / 3, 1.0, 0.5, 1),
        "V": LabelScore(1.0, 0.5, 2 / 3, 2),
        "X": LabelScore(0.0, 0.0, 0.0, 1),
    }
    labels, counts = metric.confusion()
    assert labels == ["N", "V", "X"]
    assert counts.tolist() == [[1, 0, 0], [1, 1, 0], [1, 0, 0]]
    assert metric.result() == pytest.approx(
        {
            "accuracy": 1 / 2,
            "cross-entropy": -math.log(0.8 * 0.6 * 0.3) / 3,  # X is left out: it has no probability
            "macro-f1": (1 / 2 + 2 / 3) / 2,
            "macro-precision": (1 / 3 + 1) / 2,
            "macro-recall": 3 / 4,
            "weighted-f1": (1 / 2 + 2 * 2 / 3) / 4,
            "weighted-precision": (1 / 3 + 2) / 4,
            "weighted-recall": 1 / 2,
            "micro-f1": 1 / 2,
            "roc-auc": 1.0,  # of V above N: 0.6 and 0.3 above 0.2
        }
    )


def test_every_name_is_offered_once_and_known() -> None:
    metric, several = Metric(["N", "V"]), multi_label.Metric(["N"])
    assert metric.result() == several.result() == Metric().result() == multi_label.Metric().result() == {}
    metric.update([[0.5, 0.5], [0.5, 0.5]], ["N", "V"])
    several.update([[0.5]], [[True]])
    assert metric.result().keys() == (OFFERS.keys() - MULTI_LABEL) | SHARED
    assert several.result().keys() == (OFFERS.keys() - {"roc-auc"}) | {"cross-entropy"}
    known = metrics.offers()
    assert OFFERS.keys() | SHARED <= known.keys()
    assert all(known[name] == offer for name, offer in OFFERS.items())
    assert [name for name, offer in OFFERS.items() if not offer.more_is_better] == ["hamming-loss"]


@given(seeds, st.integers(1, 30), st.integers(1, len(LABELS)), st.booleans())
@settings(max_examples=examples(60), deadline=None)
def test_scikit_learn_averages_the_same(seed: int, n: int, k: int, strange: bool) -> None:
    sklearn = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    p, gold, predicted = drawn(np.random.default_rng(seed), n, k, strange)
    metric, cut = Metric(LABELS[:k]), n // 3
    metric.update(p[:cut], gold[:cut], predicted[:cut])
    metric.update(p[cut:], gold[cut:], predicted[cut:])
    found, occur = metric.result(), sorted({*gold, *predicted})
    assert metric.count == n
    assert found["accuracy"] == pytest.approx(sklearn.accuracy_score(gold, predicted))
    assert (metric.confusion().labels, metric.per_label().keys()) == (occur, dict.fromkeys(occur).keys())
    # as numbers: scikit-learn holds names in an array of NumPy, which cuts "z\0"
    g, c = [occur.index(label) for label in gold], [occur.index(label) for label in predicted]
    known = [i for i, label in enumerate(occur) if label in LABELS]
    for average, labels in (("macro", known), ("weighted", None), ("micro", None)):
        table = sklearn.precision_recall_fscore_support(g, c, labels=labels, average=average, zero_division=0)
        for name, value in zip(("precision", "recall", "f1"), table[:3], strict=True):
            if f"{average}-{name}" not in MULTI_LABEL:
                assert found[f"{average}-{name}"] == pytest.approx(value)
    assert found["macro-f1"] == pytest.approx(sklearn.f1_score(g, c, average="macro", labels=known, zero_division=0))
    assert found["micro-f1"] == pytest.approx(found["accuracy"])
    assert found["weighted-recall"] == pytest.approx(found["accuracy"])
    table = sklearn.precision_recall_fscore_support(g, c, labels=range(len(occur)), zero_division=0)
    for label, score in zip(occur, zip(*table, strict=True), strict=True):
        assert metric.per_label()[label] == pytest.approx(score)


@given(seeds, st.integers(1, 30), st.integers(2, 5))
@settings(max_examples=examples(60), deadline=None)
def test_cross_entropy_is_scikit_learns_log_loss(seed: int, n: int, k: int) -> None:
    sklearn = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    rng = np.random.default_rng(seed)
    p, gold = rng.dirichlet(np.full(k, 2.0), n), rng.integers(0, k, n)
    metric = Metric(LABELS[:k])
    metric.update(p, [LABELS[i] for i in gold])
    assert metric.result()["cross-entropy"] == pytest.approx(sklearn.log_loss(gold, p, labels=range(k)))
    metric.update(p, ["new"] * n)  # what the model does not know has no probability
    assert metric.result()["cross-entropy"] == pytest.approx(sklearn.log_loss(gold, p, labels=range(k)))


def test_the_prediction_is_the_first_of_the_most_probable() -> None:
    metric = Metric(["a", "b", "c"])
    metric.update([[0.2, 0.4, 0.4], [0.3, 0.3, 0.3]], ["b", "a"])
    assert metric.result()["accuracy"] == 1.0


def test_what_is_never_known_is_never_right() -> None:
    metric = Metric(["a", "b"])
    metric.update([[0.9, 0.1], [0.9, 0.1]], ["new", "newer"])
    assert metric.confusion().labels == ["a", "new", "newer"]
    assert metric.result() == {
        **dict.fromkeys(OFFERS.keys() - MULTI_LABEL - {"roc-auc"}, 0.0),
        "accuracy": 0.0,
    }


def test_sure_and_wrong_is_finite() -> None:
    metric = Metric(["a", "b"])
    metric.update([[1.0, 0.0]], ["b"])
    assert metric.result()["cross-entropy"] == pytest.approx(708.396, abs=1e-3)


def test_nothing_at_once() -> None:
    metric, several = Metric(["a", "b"]), multi_label.Metric(["a", "b"])
    metric.update(np.zeros((0, 2)), [])
    several.update(np.zeros((0, 2)), np.zeros((0, 2)))
    assert (metric.result(), several.result()) == ({}, {})
    assert (metric.per_label(), several.per_label()) == ({}, {})


@pytest.mark.parametrize(
    ("p", "gold", "predicted"),
    [
        ([0.5, 0.5], ["a"], None),
        ([[0.5, 0.5]], ["a", "b"], None),
        ([[0.2, 0.3, 0.5]], ["a"], None),
        ([[0.5, math.nan]], ["a"], None),
        ([[0.5, -0.5]], ["a"], None),
        ([[0.5, 0.5]], ["a"], ["new"]),
        ([[0.5, 0.5]], ["a"], ["a", "b"]),
    ],
)
def test_shapes_and_labels_that_do_not_fit(p: Any, gold: Any, predicted: Any) -> None:
    metric = Metric(["a", "b"])
    with pytest.raises(ValueError):
        metric.update(p, gold, predicted)
    assert metric.result() == {}  # nothing was counted


# ROC-AUC


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.5, 0.7, 1.0]), st.booleans()), max_size=25))
def test_roc_auc_is_the_share_of_pairs(data: list[tuple[float, bool]]) -> None:
    good, bad = ([s for s, was in data if was is side] for side in (True, False))
    won = [1.0 if a > b else 0.5 if a == b else 0.0 for a, b in itertools.product(good, bad)]
    found = roc_auc([s for s, _ in data], [was for _, was in data])
    assert found == (pytest.approx(sum(won) / len(won)) if won else None)
    if won:
        sklearn = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
        assert found == pytest.approx(sklearn.roc_auc_score([was for _, was in data], [s for s, _ in data]))


@given(seeds, st.integers(2, 60))
def test_roc_auc_of_two_classes_is_scikit_learns(seed: int, n: int) -> None:
    sklearn = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    rng = np.random.default_rng(seed)
    second = rng.integers(0, 9, n) / 8  # exact: 1 - p is too
    p, gold = np.column_stack([1 - second, second]), np.append([0, 1], rng.integers(-1, 2, n - 2))
    metric, turned = Metric(["a", "b"]), Metric(["b", "a"])
    names = [["a", "b", "new"][i] for i in gold]
    metric.update(p, names)
    turned.update(p[:, ::-1], names)
    found = metric.result()["roc-auc"]
    assert found == pytest.approx(sklearn.roc_auc_score(gold[gold >= 0], second[gold >= 0]))
    assert turned.result()["roc-auc"] == pytest.approx(found)  # whichever of the classes is asked for


def test_roc_auc_where_one_class_has_nearly_all() -> None:
    """Beyond 1 - 1e-16 the second column is 1; what is left to the first still tells the texts apart."""
    left = np.array([1e-20, 1e-30, 1e-40, 1e-50])
    metric = Metric(["a", "b"])
    metric.update(np.column_stack([left, 1 - left]), ["a", "a", "b", "b"])
    assert metric.result()["roc-auc"] == 1.0


@pytest.mark.parametrize("labels", [["a"], ["a", "b"], ["a", "b", "c"]])
def test_there_is_no_roc_auc_without_two_classes(labels: list[str]) -> None:
    metric = Metric(labels)
    metric.update(np.full((3, len(labels)), 1 / len(labels)), ["a", "new", "a"])
    assert "roc-auc" not in metric.result()
    with pytest.raises(ValueError):
        roc_auc([0.5], [True, False])


# any number of labels a text


def matrices(rng: np.random.Generator, n: int, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities, gold and chosen, with labels that are never gold or never chosen and texts without any."""
    p = rng.integers(0, 9, (n, k)) / 8
    gold = (rng.random((n, k)) < 0.5) & (rng.random(k) < 0.7) & (rng.random((n, 1)) < 0.7)
    chosen = (rng.random((n, k)) < 0.5) & (rng.random(k) < 0.7) & (rng.random((n, 1)) < 0.7)
    return p, gold, chosen


def test_several_labels_by_hand() -> None:
    metric = multi_label.Metric(["a", "b"])
    metric.update([[0.5, 0.2], [0.9, 0.7]], [[True, False], [False, True]])  # a; a and b are chosen
    assert metric.result() == pytest.approx(
        {
            "subset-accuracy": 1 / 2,
            "hamming-loss": 1 / 4,
            "samples-f1": (1 + 2 / 3) / 2,
            "macro-f1": (2 / 3 + 1) / 2,
            "macro-precision": 3 / 4,
            "macro-recall": 1.0,
            "weighted-f1": (2 / 3 + 1) / 2,
            "weighted-precision": 3 / 4,
            "weighted-recall": 1.0,
            "micro-f1": 4 / 5,
            "micro-precision": 2 / 3,
            "micro-recall": 1.0,
            "cross-entropy": -math.log(0.5 * 0.8 * 0.1 * 0.7) / 2,
        }
    )
    metric.update(
        [[0.1, 0.1]], [[False, False]], unknown_labels=[["new"]]
    )  # nothing chosen, one unknown label missed
    assert metric.result()["subset-accuracy"] == 1 / 3
    assert metric.result()["hamming-loss"] == 2 / 9
    assert metric.per_label() == {
        "a": LabelScore(1 / 2, 1.0, 2 / 3, 1),
        "b": LabelScore(1.0, 1.0, 1.0, 1),
        "new": LabelScore(0.0, 0.0, 0.0, 1),
    }


@given(seeds, st.integers(1, 20), st.integers(1, 5), st.integers(0, 2))
@settings(max_examples=examples(60), deadline=None)
def test_scikit_learn_scores_several_labels_the_same(seed: int, n: int, k: int, more: int) -> None:
    """`more` labels are not the model's: to scikit-learn they are columns that are never chosen."""
    sklearn = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    rng = np.random.default_rng(seed)
    p, gold, chosen = matrices(rng, n, k)
    extra = rng.random((n, more)) < 0.5
    extra[:1] = True
    unknown = [[STRANGE[i] for i in np.flatnonzero(row)] for row in extra]
    metric, cut = multi_label.Metric(LABELS[:k]), n // 3
    metric.update(p[:cut], gold[:cut], chosen[:cut], unknown[:cut])
    metric.update(p[cut:], gold[cut:], chosen[cut:], unknown[cut:])
    found, g = metric.result(), np.hstack([gold, extra]).astype(int)
    c = np.hstack([chosen, np.zeros((n, more), bool)]).astype(int)
    assert found["subset-accuracy"] == pytest.approx((g == c).all(axis=1).mean())
    assert found["hamming-loss"] == pytest.approx((g != c).mean())
    occur = np.flatnonzero(g.any(axis=0) | c.any(axis=0))
    scores = {label: tuple(score) for label, score in metric.per_label().items()}
    assert scores.keys() == {(LABELS[:k] + STRANGE)[i] for i in occur}
    if k + more > 1:  # of one column scikit-learn makes one label a text
        assert found["subset-accuracy"] == pytest.approx(sklearn.accuracy_score(g, c))
        assert found["hamming-loss"] == pytest.approx(sklearn.hamming_loss(g, c))
        assert found["samples-f1"] == pytest.approx(sklearn.f1_score(g, c, average="samples", zero_division=1))
        known = [i for i in occur if i < k]
        for average, labels in (("macro", known), ("weighted", None), ("micro", None)):
            table = (0.0, 0.0, 0.0)
            if labels != []:
                table = sklearn.precision_recall_fscore_support(
                    g, c, labels=labels, average=average, zero_division=0
                )[:3]
            for name, value in zip(("precision", "recall", "f1"), table, strict=True):
                assert found[f"{average}-{name}"] == pytest.approx(value)
        table = sklearn.precision_recall_fscore_support(g, c, zero_division=0)
        for i in occur:
            assert scores[(LABELS[:k] + STRANGE)[i]] == pytest.approx([column[i] for column in table])


def test_texts_without_labels() -> None:
    metric = multi_label.Metric(["a"])
    metric.update([[0.1]], [[False]])
    assert metric.result() == {
        **dict.fromkeys(OFFERS.keys() - {"roc-auc"}, 0.0),  # of no label there is nothing to divide by
        "subset-accuracy": 1.0,
        "samples-f1": 1.0,
        "cross-entropy": pytest.approx(-math.log(0.9)),
    }
    assert metric.per_label() == {}


@pytest.mark.parametrize(
    ("p", "gold", "chosen", "unknown"),
    [
        ([0.5, 0.5], [True, False], None, None),
        ([[0.5]], [[True]], None, None),
        ([[0.5, 0.5]], [[True, False]] * 2, None, None),
        ([[0.5, 0.5]], [[True, False]], [[True]], None),
        ([[0.5, 0.5]], [[True, False]], None, [[], []]),
        ([[0.5, math.nan]], [[True, False]], None, None),
        ([[0.5, 1.5]], [[True, False]], None, None),
    ],
)
def test_several_labels_that_do_not_fit(p: Any, gold: Any, chosen: Any, unknown: Any) -> None:
    with pytest.raises(ValueError):
        multi_label.Metric(["a", "b"]).update(p, gold, chosen, unknown)


# what the bootstrap draws


@given(seeds, st.integers(1, 20), st.integers(1, len(LABELS)))
def test_contributions_add_up_to_the_metric(seed: int, n: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    p, gold, predicted = drawn(rng, n, k)
    metric = Metric(LABELS[:k])
    metric.update(p, gold, predicted)
    labels = LABELS[:k] + STRANGE
    sums = contributions(one_hot(predicted, labels), one_hot(gold, labels)).sum(axis=0)[None]
    known = [label in LABELS for label in labels]
    for name in OFFERS.keys() - MULTI_LABEL - {"roc-auc"}:
        assert statistic(name, known)(sums) == pytest.approx([metric.result()[name]])
    assert not one_hot(["no such label"], labels).any()


def test_averages_of_many_tables_at_once() -> None:
    rng = np.random.default_rng(2)
    counts = np.sort(rng.integers(0, 3, (4, 5, 3, 6)), axis=2)  # right is the least
    known = np.arange(6) < 4
    found = averages(counts, known)
    for i, j in itertools.product(range(4), range(5)):
        one = averages(counts[i, j], known)
        assert [values[i, j] for values in found.values()] == pytest.approx([float(v) for v in one.values()])
        each = [LabelScore.of(*row) for row in counts[i, j].T.tolist()]
        taken = [s.f1 for s, row in zip(each[:4], counts[i, j].T.tolist(), strict=False) if row[1] + row[2]]
        assert one["macro-f1"] == pytest.approx(sum(taken) / len(taken) if taken else 0.0)
        assert averages(counts[i, j])["macro-f1"] == pytest.approx(averages(counts[i, j], [True] * 6)["macro-f1"])


@given(seeds, st.integers(1, 10), st.integers(1, 4))
def test_f1_of_each_text_in_a_loop(seed: int, n: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    _, gold, chosen = matrices(rng, n, k)
    extra = rng.integers(0, 2, n)
    wanted = []
    for g, c, e in zip(gold, chosen, extra, strict=True):
        a, b = {*np.flatnonzero(g), *("?" * int(e))}, {*np.flatnonzero(c)}
        wanted.append(2 * len(a & b) / (len(a) + len(b)) if a or b else 1.0)
    assert samples_f1(chosen, gold, extra) == pytest.approx(wanted)


# thresholds


def f1_at(p: np.ndarray, gold: np.ndarray, threshold: float) -> float:
    chosen = p >= threshold
    return LabelScore.of(int((chosen & gold).sum()), int(chosen.sum()), int(gold.sum())).f1


probabilities = st.sampled_from([0.0, 0.25, 0.5, np.nextafter(0.5, 1), 0.9, 1.0, 5e-324]) | st.floats(0, 1)


@given(st.lists(st.tuples(probabilities, st.booleans()), max_size=12))
@settings(max_examples=examples(300))
def test_no_threshold_is_better_and_no_higher_cut_as_good(data: list[tuple[float, bool]]) -> None:
    p, gold = np.array([x for x, _ in data]), np.array([was for _, was in data], bool)
    (found,) = best_thresholds(p[:, None], gold[:, None])
    if not gold.any():
        assert found == 0.5
        return
    best = max(f1_at(p, gold, t) for t in p)  # every way to cut: at each of the probabilities
    assert f1_at(p, gold, found) == best > 0
    cut = min(p[p >= found])  # the least that is chosen
    assert cut == max(t for t in p if f1_at(p, gold, t) == best)
    below = max((t for t in p if t < cut), default=0.0)
    assert found == ((below + cut) / 2 if (below + cut) / 2 > below else cut)


def test_each_label_has_a_threshold_of_its_own() -> None:
    p = np.array([[0.9, 0.2, 0.3, 0.7], [0.5, 0.1, 0.3, 0.6], [0.1, 0.6, 0.1, 0.5]], np.float32)
    gold = np.array([[1, 1, 1, 0], [0, 0, 1, 0], [0, 1, 1, 0]])
    found = best_thresholds(p, gold)
    assert found == pytest.approx([0.7, 0.15, 0.05, 0.5])
    assert ((p >= found) == gold)[:, :3].all()


def test_a_tie_takes_the_highest_threshold() -> None:
    # one of one right, or two of four: F1 is 2/3 both times
    (found,) = best_thresholds([[0.8], [0.6], [0.4], [0.2]], [[True], [False], [False], [True]])
    assert found == pytest.approx(0.7)


def test_thresholds_of_nothing_and_of_what_does_not_fit() -> None:
    assert best_thresholds(np.zeros((0, 3)), np.zeros((0, 3))).tolist() == [0.5] * 3
    assert best_thresholds([[0.4]], [[True]]).tolist() == [0.2]
    for p, gold in (([0.5], [True]), ([[0.5]], [[True, True]]), ([[math.nan]], [[True]])):
        with pytest.raises(ValueError):
            best_thresholds(p, gold)
