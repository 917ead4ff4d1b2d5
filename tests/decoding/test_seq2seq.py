"""Targets drawn token by token: the right frequencies, and numbers of one's own generator alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples
from support.tables import Table, all_same, allowed, each, rescored, sources

from seqcli.decoding.beam import Search, search
from seqcli.decoding.sampling import Sampling
from seqcli.decoding.seq2seq import sample
from seqcli.errors import SeqcliError


def generators(count: int, first: int = 0) -> list[np.random.Generator]:
    return [np.random.default_rng([1, first + i]) for i in range(count)]


HOWS = st.builds(
    Sampling,
    st.sampled_from([0.0, 0.5, 1.0, 2.0]),
    st.none() | st.integers(1, 4),
    st.none() | st.just(0.7),
    st.sampled_from([1.0, 1.0, 1.5]),
)


@settings(max_examples=examples(60))
@given(
    how=HOWS,
    count=st.integers(1, 5),
    samples=st.integers(1, 3),
    seed=st.integers(0, 99),
    limit=st.integers(0, 7),
    no_repeat=st.sampled_from([0, 1, 2]),
    min_length=st.sampled_from([0, 3]),
    prefix=st.lists(st.integers(0, 3), max_size=2),
)
def test_what_holds_of_every_sample_alone_and_among_others(
    how: Sampling,
    count: int,
    samples: int,
    seed: int,
    limit: int,
    no_repeat: int,
    min_length: int,
    prefix: list[int],
) -> None:
    model, given = Table(6, seed), sources(count, seed)
    rules: dict[str, Any] = {"no_repeat": no_repeat, "min_length": min_length, "banned": [3]}
    common: dict[str, Any] = {"bos": 6, "eos": 5, "attention": True, "samples": samples, **rules}
    found = sample(
        model, given, how, generators(count * samples), limits=[limit] * count, prefixes=[prefix] * count, **common
    )
    assert [len(hypotheses) for hypotheses in found] == [samples] * count
    for b in range(count):
        alone = sample(
            model, [given[b]], how, generators(samples, b * samples), limits=[limit], prefixes=[prefix], **common
        )
        assert all_same(alone, [found[b]])
    constraints = Search(no_repeat=no_repeat, min_length=min_length)
    for b, h in each(found):
        ids = h.ids.tolist()
        assert all(allowed(ids[:t], id, constraints, prefix, [3], 6, 5) for t, id in enumerate(ids))
        assert len(h.logprobs) == len(ids) + h.finished <= max(limit, len(prefix))
        assert not h.finished or len(ids) >= min_length
        logprobs, attention = rescored(model, given[b], ids, h.finished, 6, 5)
        assert h.logprobs.tolist() == logprobs.tolist()
        assert h.logprob == h.score == pytest.approx(logprobs.sum())
        assert attention is None or np.array_equal(h.attention, attention)  # type: ignore[arg-type]


def test_at_temperature_zero_it_is_a_beam_of_one() -> None:
    given = sources(9)
    drawn = sample(Table(7), given, Sampling(0.0), generators(9), bos=7, eos=6, limits=[9] * 9, no_repeat=2)
    found = search(Table(7), given, Search(length_penalty=0, no_repeat=2), bos=7, eos=6, limits=[9] * 9)
    assert all_same(drawn, found)


@pytest.mark.parametrize("how", [Sampling(0.6), Sampling(top_k=2, top_p=0.85)], ids=str)
def test_whole_targets_come_as_often_as_their_probabilities_say(how: Sampling) -> None:
    """Pearson's chi-square of 4,000 targets of at most three tokens: at most its mean and five deviations."""
    model, n = Table(3, 5), 4000
    (source,) = sources(1)
    expected: dict[tuple[int, ...], float] = {}
    memory, start = model.start([source])

    def extend(ids: tuple[int, ...], p: float, fed: int, state: Any) -> None:
        if len(ids) == 3 or (ids and ids[-1] == 2):
            expected[ids] = p
            return
        log_probs, state, _ = model.step(np.array([fed]), memory, state)
        for id, share in enumerate(how.distribution(log_probs[0]).tolist()):
            if share:
                extend((*ids, id), p * share, id, state)

    extend((), 1.0, 3, start)
    (found,) = sample(model, [source], how, generators(n), bos=3, eos=2, limits=[3], samples=n)
    counts = dict.fromkeys(expected, 0)
    for h in found:
        counts[(*h.ids.tolist(), *([2] if h.finished else []))] += 1
    chi = sum((counts[ids] - n * p) ** 2 / (n * p) for ids, p in expected.items())
    freedom = len(expected) - 1
    assert freedom
    assert chi < freedom + 5 * (2 * freedom) ** 0.5


def test_a_token_takes_one_number_and_one_of_a_prefix_none() -> None:
    (rng,), (other,) = generators(1), generators(1)
    ((h,),) = sample(Table(6), sources(1), Sampling(), [rng], bos=6, eos=5, limits=[6], prefixes=[[0, 1]])
    other.random(len(h.logprobs) - 2)
    assert rng.bit_generator.state == other.bit_generator.state


def test_a_repetition_penalty_counts_what_is_there() -> None:
    strong = Sampling(0.0, repetition_penalty=1e6)  # no symbol twice while another is left
    found = sample(Table(6, eos=-30), sources(5), strong, generators(5), bos=6, eos=5, limits=[5] * 5)
    assert all(sorted(h.ids.tolist()) == [0, 1, 2, 3, 4] for _, h in each(found))


def test_sources_whose_samples_have_all_ended_leave_the_batch() -> None:
    model = Table(5)
    sample(model, sources(30), Sampling(), generators(90), bos=5, eos=4, limits=[*range(30)], samples=3)
    assert model.batches[0] == 29  # the one of limit 0 is not read
    assert all(size % 3 == 0 for size in model.batches[1:])
    assert model.batches[1:] == sorted(model.batches[1:], reverse=True)
    assert model.batches[-1] <= 9


def test_where_nothing_may_follow_a_sample_is_unfinished() -> None:
    found = sample(
        Table(4),
        sources(3),
        Sampling(),
        generators(6),
        bos=4,
        eos=3,
        limits=[9] * 3,
        samples=2,
        no_repeat=1,
        min_length=5,
    )
    for _, h in each(found):
        assert sorted(h.ids.tolist()) == [0, 1, 2]
        assert not h.finished
        assert len(h.logprobs) == 3


def test_what_makes_no_sense() -> None:
    class Broken(Table):
        def step(self, ids: np.ndarray, memory: Any, state: Any) -> Any:
            log_probs, state, attention = super().step(ids, memory, state)
            log_probs[:, 1] = np.nan
            return log_probs, state, attention

    with pytest.raises(SeqcliError, match="not numbers"):
        sample(Broken(5), sources(1), Sampling(), generators(1), bos=5, eos=4, limits=[5])
    with pytest.raises(ValueError, match="as many generators"):
        sample(Table(5), sources(2), Sampling(), generators(3), bos=5, eos=4, limits=[5, 5], samples=2)
