"""The mean of several models' probabilities: closed forms, and what cannot be mixed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.tables import Table, all_same, each, rescored, sources

from seqcli.decoding.beam import Search, search
from seqcli.decoding.ensemble import Ensemble
from seqcli.errors import UsageError


def first(model: Table | Ensemble, given: list[np.ndarray], bos: int = 6) -> tuple[np.ndarray, np.ndarray | None]:
    memory, state = model.start(given)
    log_probs, _, attention = model.step(np.full(len(given), bos), memory, state)
    return log_probs, attention


@given(seeds=st.lists(st.integers(0, 99), min_size=1, max_size=5), spread=st.sampled_from([0.1, 2.0, 40.0]))
def test_it_is_the_log_of_the_mean(seeds: list[int], spread: float) -> None:
    members, given = [Table(6, seed, spread=spread) for seed in seeds], sources(3)
    log_probs, attention = first(Ensemble(members), given)
    parts = [first(member, given) for member in members]
    expected = np.log(np.mean([np.exp(p.astype(np.float64)) for p, _ in parts], axis=0))
    assert log_probs.dtype == np.float32
    np.testing.assert_allclose(log_probs, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(np.exp(log_probs.astype(np.float64)).sum(axis=1), 1.0, rtol=1e-5)
    assert attention is not None
    np.testing.assert_allclose(attention, np.mean([a for _, a in parts if a is not None], axis=0), rtol=1e-5)
    np.testing.assert_allclose(attention.sum(axis=1), 1.0, rtol=1e-5)


@pytest.mark.filterwarnings("error")
def test_what_is_impossible_for_all_stays_so_and_for_one_does_not() -> None:
    one, two = Table(5, 1, impossible=[0, 1]), Table(5, 2, impossible=[0])
    log_probs, _ = first(Ensemble([one, two]), sources(2))
    assert (log_probs[:, 0] == -np.inf).all()
    np.testing.assert_allclose(log_probs[:, 1], first(two, sources(2))[0][:, 1] - np.log(2), rtol=1e-5)


def test_tiny_probabilities_are_not_lost() -> None:
    """Below the least float32: exp and log alone would give -inf."""

    class Fixed(Table):
        def step(self, ids: np.ndarray, memory: Any, state: Any) -> Any:
            _, state, attention = super().step(ids, memory, state)
            return np.tile(np.array([0.0, -300.0], np.float32), (len(ids), 1)), state, attention

    log_probs, _ = first(Ensemble([Fixed(2), Fixed(2)]), sources(1))
    assert log_probs.tolist() == [[0.0, -300.0]]


def test_one_model_is_itself_to_the_last_bit() -> None:
    settings, given = Search(beam=3, n_best=3, coverage_penalty=0.1), sources(5)
    alone, one = (
        search(model, given, settings, bos=6, eos=5, limits=[7] * 5, attention=True)
        for model in (Table(6), Ensemble([Table(6)]))
    )
    assert all_same(alone, one)


def test_copies_of_a_model_find_what_it_finds() -> None:
    given = sources(6)
    alone = search(Table(6), given, Search(beam=4), bos=6, eos=5, limits=[7] * 6)
    three = search(Ensemble([Table(6)] * 3), given, Search(beam=4), bos=6, eos=5, limits=[7] * 6)
    for (_, a), (_, b) in zip(each(alone), each(three), strict=True):
        assert a.ids.tolist() == b.ids.tolist()
        assert a.score == pytest.approx(b.score, rel=1e-5)


def test_its_scores_are_those_of_stepping_it() -> None:
    model, given = Ensemble([Table(6, 1), Table(6, 2)]), sources(6)
    found = search(model, given, Search(beam=3, n_best=2), bos=6, eos=5, limits=[6] * 6, attention=True)
    for b, hypothesis in each(found):
        logprobs, attention = rescored(model, given[b], hypothesis.ids.tolist(), hypothesis.finished, 6, 5)
        assert hypothesis.logprobs.tolist() == logprobs.tolist()
        np.testing.assert_array_equal(hypothesis.attention, attention)


def test_attention_only_where_every_member_has_it() -> None:
    model = Ensemble([Table(6), Table(6, attention=False)])
    assert first(model, sources(2))[1] is None
    ((hypothesis,),) = search(model, sources(1), Search(beam=2), bos=6, eos=5, limits=[4], attention=True)
    assert hypothesis.attention is None


def test_members_must_have_the_same_symbols() -> None:
    with pytest.raises(UsageError, match="same target symbols, not 5 and 6") as error:
        first(Ensemble([Table(6), Table(5)]), sources(1))
    assert error.value.hint
    with pytest.raises(UsageError, match="needs a model"):
        Ensemble([])
