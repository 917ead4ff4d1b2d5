"""Span scores: an independent reading of conlleval's rules, and seqeval."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from seqcli.metrics.accuracy import LabelScore
from seqcli.metrics.spans import Metric
from seqcli.schemes import SCHEMES, violations

OFFERS = Metric.OFFERS

TAGS = {
    "iob1": ["O", "O", "B-X", "I-X", "B-Y", "I-Y"],
    "iob2": ["O", "O", "B-X", "I-X", "B-Y", "I-Y"],
    "iobes": ["O", "O", "B-X", "I-X", "E-X", "S-X", "B-Y", "I-Y", "E-Y", "S-Y"],
}
Sentences = list[tuple[list[str], list[str]]]


def corpus(seed: int, scheme: str, sentences: int = 6) -> Sentences:
    """Any tags, most of them invalid; the predicted ones are the gold ones with a third of them drawn again."""
    rng, found = np.random.default_rng(seed), []
    for length in rng.integers(0, 9, sentences):
        gold = rng.choice(TAGS[scheme], length)
        again = rng.choice(TAGS[scheme], length)
        found.append((np.where(rng.random(length) < 1 / 3, again, gold).tolist(), gold.tolist()))
    return found


def measured(data: Sentences, scheme: str | None = None) -> Metric:
    metric = Metric(scheme)
    for predicted, gold in data:
        metric.update(predicted, gold)
    return metric


def conlleval(data: Sentences) -> tuple[int, int, int]:
    """(right, predicted, gold) by the state machine that conlleval describes: it walks both columns at once, keeps
    whether it is inside a span that both have begun in the same place, and counts it when both end it together."""

    def split(tag: str) -> tuple[str, str]:
        return (tag[0], tag[2:]) if "-" in tag else (tag, "")

    def ends(before: tuple[str, str], now: tuple[str, str]) -> bool:
        (p, x), (q, y) = before, now
        return p != "O" and (p in "ES" or q in "BSO" or x != y)

    def begins(before: tuple[str, str], now: tuple[str, str]) -> bool:
        (p, x), (q, y) = before, now
        return q != "O" and (q in "BS" or p in "OES" or x != y)

    right = in_predicted = in_gold = 0
    last_predicted = last_gold = ("O", "")
    together = False
    rows = [(p, g) for predicted, gold in data for p, g in [*zip(predicted, gold, strict=True), ("O", "O")]]
    for p, g in rows:  # a sentence ends with a row that is outside
        predicted, gold = split(p), split(g)
        if together:
            ended = ends(last_predicted, predicted), ends(last_gold, gold)
            if all(ended):
                right += 1
            if any(ended) or predicted[1] != gold[1]:
                together = False
        begun = begins(last_predicted, predicted), begins(last_gold, gold)
        in_predicted, in_gold = in_predicted + begun[0], in_gold + begun[1]
        together = together or (all(begun) and predicted[1] == gold[1])
        last_predicted, last_gold = predicted, gold
    return right, in_predicted, in_gold


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_rules_of_conlleval(scheme: str) -> None:
    for seed in range(500):
        data = corpus(seed, scheme)
        right, predicted, gold = conlleval(data)
        metric = measured(data)
        assert metric.counted() == {"right": right, "predicted": predicted, "gold": gold}
        precision, recall = (right / n if n else 0.0 for n in (predicted, gold))
        f1 = 2 * precision * recall / (precision + recall) if right else 0.0
        found = metric.result()
        assert found["span-precision"] == precision
        assert found["span-recall"] == recall
        assert found["span-f1"] == pytest.approx(f1, abs=1e-15)


def test_every_score_by_hand() -> None:
    """One phrase is cut in two, one has another label, three are right."""
    gold = ["B-NP", "I-NP", "B-VP", "O", "B-NP", "I-NP", "I-NP", "B-PP", "B-NP"]
    predicted = ["B-NP", "I-NP", "B-VP", "O", "B-NP", "I-NP", "B-NP", "B-SBAR", "B-NP"]
    metric = measured([(predicted, gold)], "iob2")
    assert metric.counted() == {"right": 3, "predicted": 6, "gold": 5}
    assert metric.per_label() == {
        "NP": LabelScore(2 / 4, 2 / 3, 4 / 7, 3),
        "PP": LabelScore(0.0, 0.0, 0.0, 1),
        "SBAR": LabelScore(0.0, 0.0, 0.0, 0),
        "VP": LabelScore(1.0, 1.0, 1.0, 1),
    }
    assert metric.result() == pytest.approx(
        {
            "span-f1": 6 / 11,
            "span-precision": 3 / 6,
            "span-recall": 3 / 5,
            "span-f1-strict": 6 / 11,
            "span-f1-macro": (4 / 7 + 0 + 0 + 1) / 4,
        }
    )
    assert metric.result().keys() == OFFERS.keys()


def test_lenient_and_strict_differ_where_a_span_is_written_wrong() -> None:
    found = measured([(["I-X", "O", "B-X"], ["B-X", "O", "B-X"])], "iob2").result()
    assert found["span-f1"] == 1.0
    assert found["span-f1-strict"] == pytest.approx(2 / 3)


def test_nothing_to_find() -> None:
    assert Metric().result() == {}
    nothing = measured([(["O", "O"], ["O", "O"]), ([], [])])
    assert nothing.result() == dict.fromkeys(OFFERS.keys() - {"span-f1-strict"}, 0.0)
    assert nothing.per_label() == {}
    one = (["B-X"], ["B-X"])
    assert (
        measured([one, (["O"], ["O"])]).result()
        == measured([one]).result()
        == pytest.approx(dict.fromkeys(OFFERS.keys() - {"span-f1-strict"}, 1.0))
    )
    assert measured([(["O"], ["B-X"])]).result()["span-precision"] == 0.0
    assert measured([(["B-X"], ["O"])]).result()["span-recall"] == 0.0


def test_odd_labels_survive() -> None:
    labels = ["-", "a-b", "é\n", "𝄞", '"', " ", "B-X", "O", "\0"]
    metric = Metric("iob2")
    for label in labels:
        metric.update([f"B-{label}", f"I-{label}", "O"], [f"B-{label}", f"I-{label}", "B-X"])
    found = metric.per_label()
    assert found.keys() == {*labels, "X"}
    assert all(found[label] == LabelScore(1.0, 1.0, 1.0, 1) for label in labels)


def test_tags_without_a_label_and_an_unknown_scheme() -> None:
    metric = measured([(["B", "I", "O"], ["B", "I", "O"])], "iob2")
    assert metric.per_label() == {"": LabelScore(1.0, 1.0, 1.0, 1)}
    with pytest.raises(ValueError, match="2 predicted tags for 1 gold ones"):
        metric.update(["O", "O"], ["O"])


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.filterwarnings("ignore")
def test_seqeval_gives_the_same_scores(scheme: str) -> None:
    """Any tags in its default mode. Strictly: any iob2 and iobes, and iob1 where no B is out of place (seqeval's iob1
    begins a span at the I after such a B). The micro average with no span at all, which seqeval leaves undefined and
    numpy divides 0 by 0 for, is left out, and the mean over no label."""
    labeling = pytest.importorskip("seqeval.metrics", reason="seqeval is not installed")
    schemes = pytest.importorskip("seqeval.scheme", reason="seqeval is not installed")
    compared = 0
    for seed in range(100):
        data = corpus(seed, scheme)
        if scheme == "iob1":
            data += corpus(seed, scheme, 60)
            data = [pair for pair in data if not violations(pair, scheme)]
        metric = measured(data, scheme)
        if not metric.counted()["gold"] or not metric.counted()["predicted"]:
            continue
        gold, predicted = [g for _, g in data], [p for p, _ in data]
        result = metric.result()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for ours, average in (("span-f1", "micro"), ("span-f1-macro", "macro")):
                theirs = labeling.f1_score(gold, predicted, average=average, zero_division=0)
                assert result[ours] == pytest.approx(theirs), (seed, ours)
            assert result["span-precision"] == pytest.approx(labeling.precision_score(gold, predicted))
            assert result["span-recall"] == pytest.approx(labeling.recall_score(gold, predicted))
            report = labeling.classification_report(gold, predicted, output_dict=True, zero_division=0)
            for label, score in metric.per_label().items():
                assert list(score) == pytest.approx(list(report[label].values()))
            strict = schemes.auto_detect if scheme is None else getattr(schemes, scheme.upper())
            theirs = labeling.f1_score(gold, predicted, mode="strict", scheme=strict, zero_division=0)
        assert result["span-f1-strict"] == pytest.approx(theirs), seed
        compared += 1
    assert compared > 80
