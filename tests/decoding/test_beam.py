"""Beam search against one written plainly, for one source; what it is independent of; what holds of every answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples
from support.tables import Table, all_same, allowed, each, plainly, rescored, score, sources

from seqcli.decoding import beam as module
from seqcli.decoding.beam import Hypothesis, Search, search
from seqcli.errors import SeqcliError, UsageError
from seqcli.ops import take


@st.composite
def hows(draw: st.DrawFn, least: int = 1) -> Search:
    beam = draw(st.integers(least, 5))
    return Search(
        beam,
        draw(st.integers(1, beam)),
        draw(st.sampled_from([0.0, 0.7, 1.0, 2.0])),
        draw(st.sampled_from([0.0, 0.0, 0.2, 1.0])),
        draw(st.sampled_from([0, 0, 1, 2, 3])),
        draw(st.sampled_from([0, 0, 2, 4])),
    )


@st.composite
def tasks(draw: st.DrawFn) -> dict[str, Any]:
    """A model, sources, and all that `search` takes but for the settings."""
    V, count = draw(st.integers(2, 8)), draw(st.integers(1, 6))
    symbols = st.integers(0, V - 2)
    model = Table(
        V,
        draw(st.integers(0, 999)),
        spread=draw(st.sampled_from([0.0, 0.3, 1.5, 4.0])),
        eos=draw(st.sampled_from([-2.0, 0.0, 2.0])),
        impossible=draw(st.lists(symbols, max_size=2, unique=True)),
    )
    return {
        "model": model,
        "sources": sources(count, draw(st.integers(0, 99))),
        "bos": V,
        "eos": V - 1,
        "limits": draw(st.lists(st.integers(0, 8), min_size=count, max_size=count)),
        "prefixes": draw(st.none() | st.lists(st.lists(symbols, max_size=3), min_size=count, max_size=count)),
        "banned": draw(st.lists(symbols, max_size=2)),
        "attention": draw(st.booleans()),
    }


@settings(max_examples=examples(150))
@given(tasks(), hows(2))
def test_it_finds_what_a_plain_search_finds(task: dict[str, Any], how: Search) -> None:
    found = search(settings=how, **task)
    for b, hypotheses in enumerate(found):
        prefix = task["prefixes"][b] if task["prefixes"] else []
        expected = plainly(task["model"], task["sources"][b], how, task["limits"][b], prefix, task["banned"])
        assert [(h.ids.tolist(), h.finished) for h in hypotheses] == [(ids, over) for ids, _, over in expected]
        assert [h.score for h in hypotheses] == pytest.approx([s for _, s, _ in expected], rel=1e-9)


@settings(max_examples=examples(150))
@given(tasks(), hows())
def test_a_beam_of_one_is_the_general_search_to_the_last_bit(task: dict[str, Any], how: Search) -> None:
    how = replace(how, beam=1, n_best=1)
    fast = search(settings=how, **task)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_greedy", lambda *given: module._Beams(*given).run())
        general = search(settings=how, **task)
    assert all_same(fast, general)


@settings(max_examples=examples(100))
@given(tasks(), hows(), st.randoms(use_true_random=False))
def test_a_source_alone_gets_what_it_gets_among_others_in_any_order(
    task: dict[str, Any], how: Search, random: Any
) -> None:
    together = search(settings=how, **task)
    order = list(range(len(together)))
    random.shuffle(order)

    def some(which: list[int]) -> list[list[Hypothesis]]:
        picked = {k: [task[k][b] for b in which] for k in ("sources", "limits", "prefixes") if task[k] is not None}
        return search(settings=how, **{**task, **picked})

    assert all_same(some(order), [together[b] for b in order])
    for b in order:
        assert all_same(some([b]), [together[b]])


@settings(max_examples=examples(150))
@given(tasks(), hows())
def test_what_holds_of_every_answer(task: dict[str, Any], how: Search) -> None:
    model, eos = task["model"], task["eos"]
    found = search(settings=how, **task)
    assert len(found) == len(task["sources"])
    for hypotheses in found:
        assert 1 <= len(hypotheses) <= how.n_best
        ranks = [(not h.finished, -h.score) for h in hypotheses]
        assert ranks == sorted(ranks)
        assert len({(*h.ids.tolist(), h.finished) for h in hypotheses}) == len(hypotheses)
    for b, h in each(found):
        ids, source = h.ids.tolist(), task["sources"][b]
        prefix = list(task["prefixes"][b]) if task["prefixes"] else []
        assert len(h.logprobs) == len(ids) + h.finished <= max(task["limits"][b], len(prefix))
        assert all(allowed(ids[:t], id, how, prefix, task["banned"], model.V, eos) for t, id in enumerate(ids))
        assert not h.finished or len(ids) >= max(how.min_length, len(prefix))
        logprobs, attention = rescored(model, source, ids, h.finished, model.V, eos)
        logprobs[: len(prefix)] = np.maximum(logprobs[: len(prefix)], -1e4)
        assert h.logprobs.tolist() == logprobs.tolist()
        assert h.logprob == pytest.approx(logprobs.sum(), abs=1e-9, rel=1e-12)
        assert np.isfinite(h.score)
        assert h.score == pytest.approx(score(how, logprobs, attention), rel=1e-9, abs=1e-9)
        if task["attention"] and len(logprobs):
            np.testing.assert_array_equal(h.attention, attention)
        else:
            assert h.attention is None


# the batch


@pytest.mark.parametrize("width", [1, 4])
@pytest.mark.parametrize("rules", [{}, {"coverage_penalty": 0.3}, {"no_repeat": 2, "min_length": 2}], ids=str)
def test_many_sources_get_what_each_gets_alone(width: int, rules: dict[str, Any]) -> None:
    """So many that those which are done stay in the batch for a while."""
    model, given, how = Table(6), sources(60), Search(width, width, **rules)
    limits = [b % 13 for b in range(60)]
    together = search(model, given, how, bos=6, eos=5, limits=limits, attention=True)
    for source, limit, hypotheses in zip(given, limits, together, strict=True):
        alone = search(model, [source], how, bos=6, eos=5, limits=[limit], attention=True)
        assert all_same(alone, [hypotheses])


@pytest.mark.parametrize("width", [1, 4])
def test_finished_sources_leave_the_batch(width: int) -> None:
    model, given = Table(9, eos=1.0), sources(40)
    limits = [*range(1, 41)]
    found = search(model, given, Search(width, length_penalty=0), bos=9, eos=8, limits=limits)
    steps = model.batches
    assert steps[0] == 40
    assert steps[1] == 40 * width or width == 1
    assert sorted(steps[1:], reverse=True) == steps[1:]
    assert steps[-1] < 10 * width
    longest = max(len(h.logprobs) for _, h in each(found))
    assert longest <= len(steps) < 40


def test_a_source_that_needs_no_step_is_not_read() -> None:
    model, given = Table(5), sources(3)
    found = search(model, given, Search(2, 2), bos=5, eos=4, limits=[0, 0, 0], attention=True)
    assert model.batches == []
    for _, h in each(found):
        assert (h.ids.tolist(), h.logprob, h.score, h.finished, h.attention) == ([], 0.0, 0.0, False, None)
        assert h.logprobs.shape == (0,)
    search(model, given, Search(2, 2), bos=5, eos=4, limits=[0, 3, 0])
    assert model.batches[0] == 1


def test_no_sources_no_answers() -> None:
    assert search(Table(5), [], Search(), bos=5, eos=4, limits=[]) == []
    assert search(Table(5), [], Search(3), bos=5, eos=4, limits=[]) == []


def test_take_goes_into_nested_tuples() -> None:
    class Pair(NamedTuple):
        one: Any
        two: Any

    nested = (np.arange(4), (None, Pair(np.arange(8).reshape(4, 2), ())))
    taken = take(nested, np.array([3, 3, 0]))
    assert taken[0].tolist() == [3, 3, 0]
    assert taken[1][0] is None
    assert taken[1][1].one.tolist() == [[6, 7], [6, 7], [0, 1]]
    assert taken[1][1].two == ()


# constraints, one by one


def test_a_vocabulary_smaller_than_twice_the_beam() -> None:
    ((only, *rest),) = search(Table(1), sources(1), Search(5, 5), bos=1, eos=0, limits=[4])
    assert (only.ids.tolist(), only.finished, only.logprob) == ([], True, 0.0)
    assert rest == []
    (found,) = search(Table(2), sources(1), Search(6, 6), bos=2, eos=1, limits=[4])
    assert [(len(h.ids), h.finished) for h in found].count((4, False)) == 1
    assert sum(h.finished for h in found) == 4


@pytest.mark.parametrize("width", [1, 3])
def test_where_nothing_may_follow_there_is_an_answer_all_the_same(width: int) -> None:
    how = Search(width, no_repeat=1, min_length=5)  # three symbols, each once, and EOS not before five
    ((h,),) = search(Table(4), sources(1), how, bos=4, eos=3, limits=[9], attention=True)
    assert sorted(h.ids.tolist()) == [0, 1, 2]
    assert not h.finished
    assert h.attention is not None
    assert h.attention.shape[0] == len(h.logprobs) == 3


@pytest.mark.parametrize("width", [1, 3])
def test_a_prefix_comes_before_every_other_rule(width: int) -> None:
    model = Table(5, impossible=[2])
    how = Search(width, no_repeat=1)
    ((h,),) = search(model, sources(1), how, bos=5, eos=4, limits=[3], prefixes=[[1, 1, 2, 0]], banned=[1])
    assert h.ids.tolist() == [1, 1, 2, 0]
    assert not h.finished
    assert h.logprobs[2] == -1e4


@pytest.mark.parametrize("width", [1, 3])
def test_bos_is_never_generated(width: int) -> None:
    class WithBos(Table):  # BOS is the model's favourite symbol
        def step(self, ids: np.ndarray, memory: Any, state: Any) -> Any:
            log_probs, state, attention = super().step(ids, memory, state)
            log_probs[:, 1] = 0.0
            return log_probs, state, attention

    found = search(WithBos(5), sources(4), Search(width), bos=1, eos=4, limits=[5] * 4)
    assert not any(1 in h.ids for _, h in each(found))


def test_an_array_that_may_not_be_written_in_is_copied() -> None:
    class Constant(Table):
        def step(self, ids: np.ndarray, memory: Any, state: Any) -> Any:
            log_probs, state, attention = super().step(ids, memory, state)
            log_probs.flags.writeable = False
            return log_probs, state, attention

    one, two = (
        search(model, sources(3), Search(3), bos=6, eos=5, limits=[5] * 3, banned=[0])
        for model in (Constant(6), Table(6))
    )
    assert all_same(one, two)


def test_the_positions_of_a_source_may_be_fewer_than_its_ids() -> None:
    """Of a model that pools them, say."""
    given, how = [np.arange(4), np.arange(6)], Search(2, coverage_penalty=1.0)
    found = search(Table(5), given, how, bos=5, eos=4, limits=[5, 5], attention=True, lengths=[2, 3])
    for (b, h), S in zip(each(found), [2, 3], strict=True):
        logprobs, attention = rescored(Table(5), given[b], h.ids.tolist(), h.finished, 5, 4)
        assert attention is not None
        np.testing.assert_array_equal(h.attention, attention[:, :S])
        assert h.score == pytest.approx(score(how, logprobs, attention[:, :S]))


@pytest.mark.parametrize("width", [1, 3])
def test_attention_that_is_not_there(width: int) -> None:
    model = Table(5, attention=False)
    ((h,),) = search(model, sources(1), Search(width), bos=5, eos=4, limits=[5], attention=True)
    assert h.attention is None
    with pytest.raises(UsageError, match="needs a model with attention"):
        search(model, sources(1), Search(width, coverage_penalty=0.1), bos=5, eos=4, limits=[5])


@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("where", [0, 3, slice(None)])
def test_scores_that_are_not_numbers_are_an_error(width: int, where: Any) -> None:
    class Broken(Table):
        def step(self, ids: np.ndarray, memory: Any, state: Any) -> Any:
            log_probs, state, attention = super().step(ids, memory, state)
            log_probs[:, where] = np.nan
            return log_probs, state, attention

    with pytest.raises(SeqcliError, match="not numbers"):
        search(Broken(5), sources(2), Search(width), bos=5, eos=4, limits=[5, 5])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"beam": 0}, "--beam must be 1 or more"),
        ({"n_best": 0}, "--n-best must be 1 or more"),
        ({"beam": 3, "n_best": 4}, "--n-best 4 asks for more than a beam of 3 finds"),
        ({"length_penalty": -1.0}, "--length-penalty must be from 0 to 10"),
        ({"length_penalty": float("nan")}, "--length-penalty must be from 0 to 10"),
        ({"coverage_penalty": float("inf")}, "--coverage-penalty must be 0 or more"),
        ({"no_repeat": -1}, "--no-repeat must be 0 or more"),
        ({"min_length": -1}, "--min-length must be 0 or more"),
    ],
)
def test_settings_that_make_no_sense(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as error:
        Search(**wrong)
    assert error.value.message.startswith(message)


def test_prefixes_that_make_no_sense() -> None:
    with pytest.raises(ValueError, match="a prefix holds EOS"):
        search(Table(5), sources(1), Search(), bos=5, eos=4, limits=[5], prefixes=[[1, 4]])
    with pytest.raises(ValueError, match="2 sources and 1 prefixes"):
        search(Table(5), sources(2), Search(), bos=5, eos=4, limits=[5, 5], prefixes=[[1]])


def test_a_longer_answer_wins_by_a_length_penalty() -> None:
    """Two answers, log-probabilities -1.0 at once and -1.2 after four tokens."""

    class Two(Table):
        def step(self, ids: np.ndarray, memory: Any, state: Any) -> Any:
            hashes, (count, none) = state
            log_probs = np.full((len(ids), 2), -30.0, np.float32)
            begin = count[:, 0] == 0
            log_probs[begin] = [-0.4587, -1.0]
            log_probs[~begin] = [-0.2471, -20.0]
            log_probs[count[:, 0] == 3] = [-20.0, -0.2471]
            return log_probs, (hashes, (count + 1, none)), None

    for penalty, length in ((0.0, 0), (0.2, 0), (1.0, 3)):
        ((h,),) = search(Two(2), sources(1), Search(2, length_penalty=penalty), bos=2, eos=1, limits=[9])
        assert len(h.ids) == length
        assert h.finished
