"""A temperature that is known is found; judged answers by brute force."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from seqcli import schemes
from seqcli.decoding.chain import Chain
from seqcli.layers.crf import CRF
from seqcli.metrics.calibration import threshold_for
from seqcli.records import Sentence
from seqcli.tasks.tagging.predict import Settings, Tagger
from seqcli.tasks.tagging.score import answers_judged, evaluate, fit_temperature

POS = ["ADJ", "NOUN", "VERB"]
PARTS = {"iobes": ["B-X", "E-X", "I-X", "O", "S-X"], "iob2": ["B-X", "I-X", "O"]}


# temperature


def sampled(
    lab: Any, factor: float, crf: CRF | None, sentences: int, K: int = 3, T: int = 3
) -> tuple[Tagger, list[Sentence]]:
    """Tags drawn from the softmax of scores that the model has `factor` times as large."""
    rng = np.random.default_rng(4)
    rows = rng.normal(0, 1, (sentences * T, K))
    paths = np.array(list(itertools.product(range(K), repeat=T)))
    gold: list[str] = []
    for s in range(sentences):
        e = rows[s * T : s * T + T]
        scores = sum(e[t, paths[:, t]] for t in range(T))
        if crf is not None:
            scores = scores + crf.start[paths[:, 0]] + crf.end[paths[:, -1]]
            scores = scores + sum(crf.transitions[paths[:, t], paths[:, t + 1]] for t in range(T - 1))
        p = np.exp(scores - scores.max())
        gold += [POS[k] for k in paths[rng.choice(len(paths), p=p / p.sum())]]
    scaled = CRF(*(w * factor for w in (crf.transitions, crf.start, crf.end))) if crf else None
    return lab.lookup(rows * factor, POS, None, None, scaled), lab.split(gold, [T] * sentences)


@pytest.mark.parametrize(("factor", "chained"), [(0.5, False), (3.0, False), (1.0, True), (2.0, True)])
def test_the_temperature_that_tags_were_drawn_with_is_found(lab: Any, factor: float, chained: bool) -> None:
    crf = CRF(*(np.random.default_rng(2).normal(0, 1, shape) for shape in ((3, 3), 3, 3))) if chained else None
    own, sentences = sampled(lab, factor, crf, 1500)
    assert fit_temperature(own, sentences) == pytest.approx(factor, rel=0.08)


def test_the_temperature_is_the_best_of_a_fine_grid_and_ignores_the_taggers_own(lab: Any) -> None:
    own, sentences = sampled(lab, 2.0, None, 150)
    found = fit_temperature(own, sentences)
    rows = np.concatenate(own.model.emissions([s.words for s in sentences])).astype(np.float64)
    gold = np.array([POS.index(t) for s in sentences for t in s.tags or []])

    def cost(temperature: float) -> float:
        e = rows / temperature
        return float((np.log(np.exp(e).sum(axis=1)) - e[np.arange(len(gold)), gold]).sum())

    grid = np.exp(np.linspace(math.log(0.25), math.log(4), 2000))
    assert found == pytest.approx(float(grid[np.argmin([cost(t) for t in grid])]), rel=0.01)
    assert fit_temperature(replace(own, temperature=3.0), sentences) == found


def test_what_the_temperature_is_fitted_on(lab: Any) -> None:
    own, sentences = sampled(lab, 2.0, None, 100)
    assert fit_temperature(own, sentences, most=60) == fit_temperature(own, sentences[:20])
    odd = [Sentence(words=["0", "1"], tags=["NOUN", "strange"]), Sentence()]
    assert fit_temperature(own, [*odd, *sentences]) == fit_temperature(own, sentences)
    assert fit_temperature(own, odd) == 1.0
    assert fit_temperature(own, []) == 1.0


@pytest.mark.parametrize("right", [True, False])
def test_the_temperature_stays_within_its_bounds(lab: Any, right: bool) -> None:
    gold = ["NOUN", "VERB", "ADJ"] * 4
    own = lab.lookup(lab.sure_of(gold if right else gold[1:] + gold[:1], POS, by=2.0), POS, None, None)
    found = fit_temperature(own, lab.split(gold, [3] * 4))
    assert found == pytest.approx(0.25 if right else 4.0, rel=0.01)


# thresholds


def test_judged_answers_of_tags(lab: Any) -> None:
    own, sentences = lab.some_pos()
    filled = [s for s in sentences if s.words]
    answers = own.answer(filled, Settings(confidence=True))
    wanted = [
        (p, tag == gold)
        for s, a in zip(filled, answers, strict=True)
        for p, tag, gold in zip(a.probabilities or [], a.tags, s.tags or [], strict=True)
    ]
    assert answers_judged(own, sentences) == wanted


@pytest.mark.parametrize("outside", ["iob1", "iob2", "iobes"])
def test_judged_answers_of_spans(lab: Any, outside: str) -> None:
    rng = np.random.default_rng(7)
    own = lab.lookup(rng.normal(0, 2, (60, 5)), PARTS["iobes"], "iobes", outside, CRF.create(5, rng))
    gold = schemes.convert(rng.choice(["B-X", "I-X", "O"], 60).tolist(), "iob2", outside)
    sentences = lab.split(gold, [6] * 10)
    wanted: list[Any] = []
    for s, answer in zip(sentences, own.answer(sentences, Settings(confidence=True)), strict=True):
        real = [tuple(x) for x in schemes.spans(s.tags or [])]
        wanted += [(a.probability, a[:3] in real) for a in answer.spans or []]
    assert answers_judged(own, sentences) == wanted
    assert {good for _, good in wanted} == {True, False}


def test_a_kept_threshold_keeps_what_was_promised(lab: Any) -> None:
    """The answers that survive --min-confidence at a threshold have the precision that was found for it."""
    own, sentences = lab.some_pos()
    found = threshold_for(answers_judged(own, sentences), 0.5)
    assert found is not None
    least, precision, share = found
    kept = right = total = 0
    for s, answer in zip(sentences, own.answer(sentences, Settings(least=least)), strict=True):
        for tag, gold in zip(answer.tags, s.tags or [], strict=True):
            total, kept, right = total + 1, kept + bool(tag), right + (tag == gold)
    assert right / kept == pytest.approx(precision)
    assert kept / total == pytest.approx(share)


def test_nats_are_measured_at_the_taggers_temperature(lab: Any) -> None:
    own, sentences = sampled(lab, 2.0, None, 30)
    warm = replace(own, temperature=2.0)
    e = np.stack(own.model.emissions([s.words for s in sentences]))
    gold = np.array([[POS.index(t) for t in s.tags or []] for s in sentences])
    chain = Chain(e, np.full(30, 3), None, temperature=2.0)
    wanted = -chain.log_probability(gold).sum() / 90
    assert evaluate(warm, sentences).metrics["cross-entropy"] == pytest.approx(wanted)
    assert evaluate(own, sentences).metrics["cross-entropy"] > wanted
