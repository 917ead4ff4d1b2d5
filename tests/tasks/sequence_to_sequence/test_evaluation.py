"""Scoring answers against references: in any order, by whatever search; nats of given targets."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from support.translators import SOURCES, TARGETS, codec, model, translator

from seqcli.decoding.beam import Search
from seqcli.decoding.sampling import Sampling
from seqcli.errors import UsageError
from seqcli.metrics import calibration, selective, sequences, translation
from seqcli.records import Pair
from seqcli.tasks.sequence_to_sequence.data import fingerprint
from seqcli.tasks.sequence_to_sequence.predict import Settings, Translator
from seqcli.tasks.sequence_to_sequence.score import BATCH, answered, evaluate, protocol, scored

pytest.importorskip("sacrebleu")

PAIRS = [Pair(s, t) for s, t in zip(SOURCES, TARGETS, strict=True)]


class Echo:
    """Answers a source with itself in capitals, and keeps what it was asked at once."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def answer(self, pairs: list[Pair], settings: Settings) -> list[list[Any]]:
        assert settings.search.n_best == 1
        self.asked.append([p.text for p in pairs])
        return [[type("Answer", (), {"text": p.text.upper()})] for p in pairs]

    def made_ready(self, pair):
        return pair


def test_answers_stand_where_their_sources_do(advanced: list[float]) -> None:
    rng, echo = np.random.default_rng(0), Echo()
    pairs = [Pair("x" * n + str(i), "") for i, n in enumerate(rng.integers(0, 30, 2 * BATCH + 3))]
    found = answered(echo, pairs, Settings(Search(beam=4, n_best=3)))  # type: ignore[arg-type]
    assert [answer.text for answer in found] == [p.text.upper() for p in pairs]
    assert [len(a) for a in echo.asked] == advanced == [BATCH, BATCH, 3]
    lengths = [len(text) for asked in echo.asked for text in asked]
    assert lengths == sorted(lengths)  # little is padding


@pytest.mark.parametrize("settings", [Settings(), Settings(Search(beam=3, length_penalty=0.5))])
def test_a_report_is_of_the_answers(settings: Settings) -> None:
    own = translator(codec("char"))
    answers = [a[0] for a in own.answer(PAIRS, settings)]
    report = evaluate(own, PAIRS, settings)
    expected = scored(
        [a.text for a in answers], PAIRS, [a.confidence for a in answers], protocol=protocol(own, settings)
    )
    assert report == expected
    assert report.counts == {"pairs": 6}
    assert set(report.metrics) == {
        *(name for m in (sequences, calibration, selective) for name in m.Metric.OFFERS),
        *("bleu", "chrf"),
    }
    assert fingerprint(PAIRS)[:16] in report.signature
    assert "\nbleu: " in report.signature
    assert report.protocol in report.signature


def test_perfect_and_empty_answers() -> None:
    best, worst = scored(TARGETS, PAIRS).metrics, scored([""] * 6, PAIRS).metrics
    assert (best["exact-match"], best["chrf"]) == (1, pytest.approx(100))
    assert worst["exact-match"] == worst["bleu"] == worst["chrf"] == 0
    assert best["word-error-rate"] == best["edit-distance"] == 0 < worst["edit-distance"]


def test_slow_metrics_are_computed_where_they_are_wanted() -> None:
    assert "ter" not in scored(TARGETS, PAIRS).metrics
    assert scored(TARGETS, PAIRS, wanted=["ter", "exact-match"]).metrics["ter"] == 0
    assert "ter" in evaluate(translator(codec("char")), PAIRS[:2], Settings(), wanted=["ter"]).metrics
    assert "ter" in translation.Metric.OFFERS


def test_how_answers_were_found() -> None:
    own = translator(codec("char"))
    assert protocol(own, Settings()) == "greedy"
    assert protocol(own, Settings(Search(beam=5, length_penalty=0.6))) == "beam 5, length penalty 0.6"
    assert protocol(own, Settings(sampling=Sampling(), seed=3)) == "sampled, seed 3"


def test_case_and_tokenization_reach_bleu() -> None:
    pairs = [Pair("a", "Le Chat est là, dit-il."), Pair("b", "Un chien court dans la rue.")]
    lower = [(p.target or "").lower() for p in pairs]
    assert scored(lower, pairs).metrics["bleu"] < scored(lower, pairs, lowercase=True).metrics["bleu"]
    assert (
        scored(lower, pairs, tokenize="none").metrics["bleu"] != scored(lower, pairs, tokenize="char").metrics["bleu"]
    )
    with pytest.raises(UsageError):
        scored(lower, pairs, tokenize="13b")


# nats of given targets


@pytest.mark.parametrize("kind", ["char", "word"])
@pytest.mark.parametrize("copy", [False, True])
def test_nats_are_those_of_each_pair_alone(kind: str, copy: bool) -> None:
    own = translator(codec(kind, kind), copy_source=copy)
    pairs = [*PAIRS, Pair("", ""), Pair("the Zebra", "le Zebra Zoo"), Pair("the", None)] * 8
    found = own.costs(pairs)
    assert len(found) == len(pairs) > BATCH
    for i in range(9):
        assert own.costs([pairs[i]]) == [found[i]] == [found[i + 9]]
        total, tokens = found[i]
        assert math.isfinite(total)
        assert total > 0
        assert tokens == len(own.codec.target_ids(pairs[i].target or ""))
    assert own.costs([]) == []


@pytest.mark.parametrize("copy", [False, True])
@pytest.mark.parametrize("kind", ["char", "word"])
def test_nats_of_an_answer_are_what_it_was_found_with(kind: str, copy: bool) -> None:
    of = codec(kind, kind)
    own = Translator(model(of, seed=1, bias={of.eos: 2.0}, copy_source=copy), of, 1.0)
    finished = 0
    for source in (*SOURCES, "Zebra the Zoo", "x Y z"):
        (answer,) = own.answer([Pair(source)], Settings(sampling=Sampling()))[0]
        if answer.finished and answer.text:
            finished += 1
            ((total, tokens),) = own.costs([Pair(source, answer.text)])
            assert tokens == len(answer.logprobs)
            assert total == pytest.approx(-answer.logprob, abs=1e-4)
    assert finished > 2


def test_a_copied_symbol_is_fed_as_in_training() -> None:
    """The characters' <unk> is their last symbol, not 0: what follows a copy depends on it."""
    of = codec("char", "char")
    own = translator(of, copy_source=True)
    copies, extra = of.copies("Zoo")
    target = of.copied_targets("Zone", extra)
    assert target[0] >= of.sizes.target
    ((total, _),) = own.costs([Pair("Zoo", "Zone")])
    source = [of.source_ids("Zoo")]
    right, wrong = (own.model.score(source, [target], [copies], unknown)[0] for unknown in (of.target.unk_id, 0))
    assert total == -float(right.sum())
    assert right[0] == wrong[0]
    assert right[1] != wrong[1]
