"""Scores against sums by hand; unknown gold tags; a temperature that is known; thresholds by brute force."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples

from seqcli import schemes
from seqcli.errors import SeqcliError, UsageError
from seqcli.layers.crf import CRF
from seqcli.metrics import calibration, selective
from seqcli.records import Sentence
from seqcli.tasks.tagging.predict import Tagger
from seqcli.tasks.tagging.score import (
    evaluate,
    headline,
    signature,
    summary,
)

POS = ["ADJ", "NOUN", "VERB"]
PARTS = {"iobes": ["B-X", "E-X", "I-X", "O", "S-X"], "iob2": ["B-X", "I-X", "O"]}


def test_scores_are_sums_over_tokens(lab: Any) -> None:
    own, sentences = lab.some_pos()
    report = evaluate(own, sentences)
    nats = right = known = known_right = brier = whole = 0.0
    tokens = 0
    for s in sentences:
        good = []
        for word, tag in zip(s.words, s.tags or [], strict=True):
            e = own.model.emissions([[word]])[0][0].astype(np.float64)
            p, gold = np.exp(e) / np.exp(e).sum(), POS.index(tag)
            nats -= math.log(p[gold])
            brier += ((p - np.eye(3)[gold]) ** 2).sum()
            good.append(p.argmax() == gold)
            tokens, right = tokens + 1, right + good[-1]
            if int(word) % 2 == 0:
                known, known_right = known + 1, known_right + good[-1]
        whole += bool(good) and all(good)
    m, filled = report.metrics, [s for s in sentences if s.words]
    assert m["accuracy"] == pytest.approx(right / tokens)
    assert m["accuracy-known"] == pytest.approx(known_right / known)
    assert m["accuracy-unknown"] == pytest.approx((right - known_right) / (tokens - known))
    assert m["sentence-accuracy"] == pytest.approx(whole / len(filled))
    assert m["cross-entropy"] == pytest.approx(nats / tokens)
    assert m["brier"] == pytest.approx(brier / tokens)
    assert sum(b.count for b in report.reliability) == tokens
    error = sum(b.count * abs(b.accuracy - b.confidence) for b in report.reliability) / tokens
    assert m["calibration-error"] == pytest.approx(error)
    counts = {
        "sentences": len(filled),
        "tokens": tokens,
        "unknown words": tokens - known,
        "tokens of unknown tags": 0,
    }
    assert report.counts == counts
    assert report.confusion is not None
    assert report.confusion.counts.sum() == tokens
    assert report.confusion.counts.diagonal().sum() == right
    assert set(report.labels) == set(POS)
    assert headline(own) == "accuracy"
    assert report.to_dict() == {**m, "counts": counts, "protocol": "sentences", "signature": report.signature}
    assert summary(m) == f"accuracy {m['accuracy']:.4f}, unknown words {m['accuracy-unknown']:.4f}"


def test_without_probabilities_the_rest_is_the_same(lab: Any, advanced: list[float]) -> None:
    own, sentences = lab.some_pos()
    whole = evaluate(own, sentences).metrics
    fast = evaluate(own, sentences, probabilities=False)
    of_probabilities = {*calibration.Metric.OFFERS, *selective.Metric.OFFERS}
    assert fast.metrics == {k: v for k, v in whole.items() if k not in of_probabilities}
    assert fast.reliability == []
    assert sum(advanced) == 2 * sum(len(s.words) for s in sentences)


def test_a_signature_is_of_the_data(lab: Any) -> None:
    own, sentences = lab.some_pos()
    one = signature(own, sentences)
    assert "|scheme:tags|data:" in one
    assert one.endswith(f"|tokens:{sum(len(s.words) for s in sentences)}")
    assert one != signature(own, sentences[1:])
    other = replace(sentences[0], tags=[*(sentences[0].tags or [])[:-1], "X"])
    assert one != signature(own, [other, *sentences[1:]])
    filled = [s for s in sentences if s.words]
    assert evaluate(own, sentences).signature == signature(own, filled)
    assert one != signature(lab.lookup(np.zeros((3, 3)), PARTS["iob2"], "iob2", "iob2"), sentences)


def test_nothing_to_score_and_no_tags(lab: Any) -> None:
    own, sentences = lab.some_pos()
    assert evaluate(own, []).metrics == {}
    with pytest.raises(UsageError, match="no tags to score") as error:
        evaluate(own, [replace(sentences[0], tags=None)])
    assert "--tag" in error.value.hint


# spans, in every scheme


@st.composite
def spanned(draw: st.DrawFn) -> list[str]:
    """A valid IOBES sequence of one kind of span."""
    found: list[str] = []
    for size in draw(st.lists(st.integers(0, 4), min_size=1, max_size=8)):
        found += ["O"] if not size else schemes.convert(["B-X"] + ["I-X"] * (size - 1), "iob2", "iobes")
    return found


BILOU = {"B": "B", "I": "I", "E": "L", "S": "U"}
WRITTEN = ["iob1", "iob2", *schemes.LETTERS, "BILOU"]  # the last: data in other letters than the model's


@pytest.mark.parametrize("inside", PARTS)
@pytest.mark.parametrize("written", WRITTEN)
@given(sequences=st.lists(spanned(), min_size=1, max_size=5))
@settings(max_examples=examples(15))
def test_a_model_that_is_sure_and_right_scores_one(
    lab: Any, inside: str, written: str, sequences: list[list[str]]
) -> None:
    """In whatever scheme, or letters, the data are: accuracy, spans, calibration."""
    outside = "iobes" if written == "BILOU" else written
    flat = [tag for tags in sequences for tag in schemes.convert(tags, "iobes", inside)]
    own = lab.lookup(
        lab.sure_of(flat, PARTS[inside]), PARTS[inside], inside, outside, CRF.create(len(PARTS[inside]), RNG())
    )
    gold = [tag for tags in sequences for tag in schemes.convert(tags, "iobes", outside)]
    if written == "BILOU":
        gold = [f"{BILOU[tag[0]]}{tag[1:]}" if tag != "O" else tag for tag in gold]
    sentences = lab.split(gold, [len(tags) for tags in sequences])
    report = evaluate(own, sentences, unknown="error")
    m = report.metrics
    assert m["accuracy"] == m["sentence-accuracy"] == 1
    assert m["span-f1"] == m["span-f1-strict"] == (1 if any(t != "O" for t in gold) else 0)
    assert m["calibration-error"] < 1e-6
    assert m["brier"] < 1e-6
    assert m["cross-entropy"] < 1e-6
    assert report.counts["tokens of unknown tags"] == 0
    assert headline(own) == "span-f1"
    assert set(own.tags) >= {t for t in schemes.convert(gold, outside, outside) if written != "BILOU"}


def RNG() -> np.random.Generator:
    return np.random.default_rng(0)


def test_span_scores_by_hand(lab: Any) -> None:
    """Gold: X at 0-1, X at 3; predicted: X at 0-1, X at 2-3."""
    own = lab.lookup(lab.sure_of(["B-X", "I-X", "B-X", "I-X"], PARTS["iob2"]), PARTS["iob2"], "iob2", "iob2")
    report = evaluate(own, lab.split(["B-X", "I-X", "O", "B-X"], [4]))
    assert report.metrics["span-f1"] == report.metrics["span-precision"] == report.metrics["span-recall"] == 0.5
    assert {k: report.counts[k] for k in ("right", "predicted", "gold")} == {"right": 1, "predicted": 2, "gold": 2}
    assert report.labels["X"]["f1"] == 0.5
    assert summary(report.metrics).endswith("span F1 0.5000")


# gold tags that the model does not know


def with_strangers(lab: Any) -> tuple[Tagger, list[Sentence]]:
    gold = ["NOUN", "VERB", "ADV", "ADJ", "NOUN", "NOUN"]
    own = lab.lookup(lab.sure_of(["NOUN", "VERB", "VERB", "ADJ", "NOUN", "ADJ"], POS), POS, None, None)
    sentences = lab.split(gold, [2, 2, 2])
    sentences[1].places = [(5, 1), (6, 1)]
    sentences[1].tag_places = [(5, 4), (6, 4)]
    return own, sentences


def test_unknown_tags_count_as_wrong(lab: Any) -> None:
    own, sentences = with_strangers(lab)
    report = evaluate(own, sentences)  # the rule where nothing is said
    assert report.metrics["accuracy"] == pytest.approx(4 / 6)
    assert report.metrics["cross-entropy"] == pytest.approx((30 + 3 * math.log1p(2 * math.exp(-30))) / 4)
    assert report.metrics["brier"] == pytest.approx((2 + 2) / 6)  # ADV: sure and wrong, as is the last
    assert report.counts["tokens of unknown tags"] == 1
    assert report.counts["sentences"] == 3
    assert "ADV" in report.labels


def test_unknown_tags_may_leave_their_sentence_out(lab: Any) -> None:
    own, sentences = with_strangers(lab)
    report = evaluate(own, sentences, unknown="skip")
    assert report.metrics["accuracy"] == pytest.approx(3 / 4)
    assert (report.counts["sentences"], report.counts["sentences left out"]) == (2, 1)
    assert report.counts["tokens of unknown tags"] == 0
    assert report.signature == signature(own, [sentences[0], sentences[2]])


def test_unknown_tags_may_be_an_error_with_a_place(lab: Any) -> None:
    own, sentences = with_strangers(lab)
    with pytest.raises(SeqcliError, match=r"^f:5:4: the model does not know the tag 'ADV'") as error:
        evaluate(own, sentences, unknown="error")
    assert "did you mean 'ADJ'?" in error.value.hint
    assert "--unknown-label" in error.value.hint
    assert evaluate(own, sentences[::2], unknown="error").metrics["accuracy"] == pytest.approx(3 / 4)


@pytest.mark.parametrize("outside", ["iob1", "iob2", "iobes"])
def test_an_unknown_span_label_is_found_in_every_scheme(lab: Any, outside: str) -> None:
    gold = schemes.convert(["B-X", "I-X", "O", "B-Y", "O"], "iob2", outside)
    own = lab.lookup(lab.sure_of(["B-X", "E-X", "O", "O", "O"], PARTS["iobes"]), PARTS["iobes"], "iobes", outside)
    with pytest.raises(SeqcliError, match=f"^f:1:1: the model does not know the tag '{gold[3]}'"):
        evaluate(own, lab.split(gold, [5]), unknown="error")
    report = evaluate(own, lab.split(gold, [5]))
    assert report.metrics["span-recall"] == 0.5
    assert report.metrics["accuracy"] == 0.8
    assert report.counts["tokens of unknown tags"] == 1
    assert "cross-entropy" not in report.metrics


def test_calibration_takes_the_labels_of_one_tag_together(lab: Any) -> None:
    """Half E, half I: in IOB2 both are I-X, so that the model is sure of it."""
    rows = np.array([[0, 0, 0, 0, 0.0], [-99, 0, 0, -99, -99]])
    rows[0, 0] = 99
    own = lab.lookup(rows, PARTS["iobes"], "iobes", "iob2")
    report = evaluate(own, lab.split(["B-X", "I-X"], [2]))
    assert report.metrics["brier"] == pytest.approx(0, abs=1e-12)
    assert report.metrics["calibration-error"] == pytest.approx(0, abs=1e-12)
