"""Prefix beam search: a wide beam finds what trying everything finds; a narrow one what a textbook's finds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from support.ctc import TableModel, frames, log_sum, textbook, texts

from seqcli.decoding import ctc
from seqcli.errors import SeqcliError

SIZES = [(1, 2, 0), (1, 3, 2), (4, 3, 0), (5, 3, 2), (5, 3, 1), (4, 4, 3), (7, 2, 1)]  # T, V, blank
WAYS: list[dict[str, float]] = [
    {"weight": 0.0, "bonus": 0.0},
    {"weight": 0.0, "bonus": 1.5},
    {"weight": 0.0, "bonus": -2.0},
    {"weight": 0.7, "bonus": 0.0},
    {"weight": 2.0, "bonus": 1.0},
]


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("banned", [False, True])
@pytest.mark.parametrize(("T", "V", "blank"), SIZES)
def test_a_wide_beam_finds_every_text(T: int, V: int, blank: int, banned: bool, way: dict[str, float]) -> None:
    given, model = frames(T, V), TableModel(V, blank)
    never = [(blank + 1) % V] if banned else []
    expected = {text: p for text, p in texts(given, blank).items() if not set(text) & set(never)}
    scores = {text: p + way["bonus"] * len(text) for text, p in expected.items()}
    if way["weight"]:
        scores = {text: score + way["weight"] * model.log_probability(text) for text, score in scores.items()}
    wide = len(expected) + 1
    found = ctc.search(given, blank, beam=wide, n_best=wide, banned=never, model=model, **way)
    best = sorted(scores, key=lambda text: -scores[text])
    assert [tuple(h.ids.tolist()) for h in found] == best
    np.testing.assert_allclose([h.logprob for h in found], [expected[text] for text in best], atol=1e-12)
    np.testing.assert_allclose([h.score for h in found], [scores[text] for text in best], atol=1e-12)
    if not never:
        assert log_sum(h.logprob for h in found) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("sure", [0.0, 5.0, 12.0])
@pytest.mark.parametrize("beam", [1, 3, 8])
def test_a_narrow_beam_finds_what_a_textbook_finds(beam: int, sure: float, way: dict[str, float]) -> None:
    """Over frames that are doubtful or almost surely blank: shortcuts change nothing, nor do lazy questions."""
    for seed in range(3):
        given = frames(40, 7, seed, spread=2.5, blank=6, sure=sure)
        model = TableModel(7, 6, never=[2])
        expected = textbook(given, 6, beam, banned=[4], model=TableModel(7, 6, never=[2]), **way)
        found = ctc.search(given, 6, beam=beam, n_best=beam, banned=[4], model=model, **way)
        assert [tuple(h.ids.tolist()) for h in found] == [text for text, _, _ in expected]
        np.testing.assert_allclose([h.logprob for h in found], [p for _, p, _ in expected], atol=1e-9)
        np.testing.assert_allclose([h.score for h in found], [score for _, _, score in expected], atol=1e-9)
        assert len(model.asked) <= 41
        assert max(model.asked, default=0) <= beam
        assert bool(model.asked) == bool(way["weight"])


def test_a_prefix_that_left_the_beam_and_came_again_is_the_same_prefix() -> None:
    """Many frames, few symbols, a narrow beam: the same text is never found twice."""
    for seed in range(20):
        given = frames(60, 3, seed, spread=1.0)
        found = ctc.search(given, 0, beam=6, n_best=6)
        assert len({tuple(h.ids.tolist()) for h in found}) == len(found)
        for h in found:  # some of its alignments may have been lost, none counted twice
            assert h.logprob <= ctc.log_probability(given, h.ids, 0) + 1e-12


def test_surely_blank_frames_need_no_questions() -> None:
    given = np.log(np.tile([1 - 2e-9, 1e-9, 1e-9], (50, 1)))
    given[[10, 30], :] = np.log([[0.2, 0.7, 0.1], [0.3, 0.2, 0.5]])
    model = TableModel(3, 0)
    (best,) = ctc.search(given, 0, beam=4, model=model, weight=1.0)
    assert tuple(best.ids.tolist()) == textbook(given, 0, 4, model=TableModel(3, 0), weight=1.0)[0][0]
    assert len(model.asked) <= 6


def test_float32_frames() -> None:
    given = frames(80, 20, spread=3.0)
    (a,), (b,) = (ctc.search(x, 0, beam=8) for x in (given, given.astype(np.float32)))
    assert a.ids.tolist() == b.ids.tolist()
    assert a.logprob == pytest.approx(b.logprob, rel=1e-5)


def test_no_frames_and_impossible_ones() -> None:
    model = TableModel(3, 0)
    (found,) = ctc.search(np.zeros((0, 3)), 0, beam=4, n_best=4, model=model, weight=2.0)
    assert (found.ids.tolist(), found.logprob) == ([], 0)
    assert found.score == pytest.approx(2 * model.log_probability(()))
    with np.errstate(divide="ignore"):
        only = np.log([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    (found,) = ctc.search(only, 0, beam=4, n_best=4)
    assert (found.ids.tolist(), found.logprob) == ([1, 2], 0)


@pytest.mark.parametrize(
    "wrong", [{"beam": 0}, {"beam": 2, "n_best": 3}, {"beam": 2, "n_best": 0}, {"beam": 2, "weight": -1.0}], ids=str
)
def test_senseless_settings(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="beam"):
        ctc.search(frames(3, 3), 0, **wrong)


def test_nan_is_an_error() -> None:
    given = frames(3, 3)
    given[1, 1] = math.nan
    with pytest.raises(SeqcliError, match="nan"):
        ctc.search(given, 0, beam=2)
