"""Search under rules: the best of all that keep them, as trying everything finds it; small beams keep them too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples
from support.tables import Table, all_same, rescored, score, sources

from seqcli.decoding.automata import Automaton, matching, occurrences
from seqcli.decoding.beam import Search, search
from seqcli.decoding.ensemble import Ensemble
from seqcli.decoding.guide import NEVER, Lexicon, Rule
from seqcli.decoding.sampling import Sampling
from seqcli.decoding.seq2seq import sample
from seqcli.errors import UsageError

TEXTS = [b"a", b"b", b" ", b"ab", b"\xc3", b"\xbc"]  # the last two: halves of ü
V = len(TEXTS) + 1
EOS, BOS = V - 1, V


def lexicon(texts: Sequence[bytes] = TEXTS) -> Lexicon:
    return Lexicon([*texts, b""], np.array([True] * len(texts) + [False]))


def text(ids: Sequence[int], texts: Sequence[bytes] = TEXTS) -> bytes:
    return b"".join(texts[id] for id in ids)


def keeps(automata: Sequence[Automaton], data: bytes) -> bool:
    return all(bool(a.accepting[a.after(a.start, data)]) for a in automata)


def everything(limit: int, V: int, ids: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    """All targets that EOS may end within the limit."""
    if len(ids) < limit:
        yield ids
        for id in range(V - 1):
            yield from everything(limit, V, (*ids, id))


@st.composite
def rules(draw: st.DrawFn, most: int = 2) -> list[tuple[Automaton, bool]]:
    """What must be there, must not, must be as often as that, and what the whole must be."""
    phrase = st.text("ab ü", min_size=1, max_size=2)
    found = []
    for _ in range(draw(st.integers(1, most))):
        kind = draw(st.sampled_from(["must", "must", "not", "twice", "grammar"]))
        if kind == "grammar":
            found.append((matching(draw(st.sampled_from(["[ab ]*", "(ab)+", "ü?a*", "a|b|ab", "[^a]*"]))), False))
        else:
            least, upto = {"must": (1, None), "not": (0, 0), "twice": (2, 2)}[kind]
            sides = {side: draw(st.booleans()) for side in ("left", "right")}
            found.append((occurrences(draw(phrase), least, upto, **sides), kind != "not"))
    return found


def made(automata: list[tuple[Automaton, bool]], of: Lexicon | None = None) -> list[Rule]:
    return [(of or lexicon()).rule(automaton, aimed=aimed) for automaton, aimed in automata]


@settings(max_examples=examples(60))
@given(rules(1), st.integers(0, 99), st.sampled_from([0.0, 1.0]), st.booleans())
def test_a_wide_beam_finds_the_best_that_keeps_a_rule(own: Any, seed: int, penalty: float, ensemble: bool) -> None:
    limit, (source,) = 4, sources(1, seed)
    model = Ensemble([Table(V, seed), Table(V, seed + 1)]) if ensemble else Table(V, seed)
    wide = Search(beam=300, n_best=300, length_penalty=penalty)
    found = search(model, [source], wide, bos=BOS, eos=EOS, limits=[limit], rules=[made(own)])[0]
    expected = []
    for ids in everything(limit, V):
        if keeps([a for a, _ in own], text(ids)):
            logprobs, attention = rescored(model, source, ids, True, BOS, EOS)
            expected.append((-score(wide, logprobs, attention), ids))
    expected.sort()
    finished = [h for h in found if h.finished]
    assert [tuple(h.ids.tolist()) for h in finished] == [ids for _, ids in expected]
    np.testing.assert_allclose([h.score for h in finished], [-s for s, _ in expected], rtol=1e-6)


@settings(max_examples=examples(150))
@given(st.lists(rules(3), min_size=1, max_size=4), st.integers(2, 6), st.integers(0, 99), st.integers(6, 14))
def test_small_beams_keep_the_rules_where_they_can_be_kept(own: Any, beam: int, seed: int, limit: int) -> None:
    """Where phrases alone are asked for and there is room, an answer is always found; any that is finished keeps
    the rules; and it is the same alone as in a batch."""
    model, given_ = Table(V, seed), sources(len(own), seed)
    of = lexicon()
    ruled = [made(automata, of) for automata in own]
    how = Search(beam=beam, n_best=beam, length_penalty=0.6)
    together = search(model, given_, how, bos=BOS, eos=EOS, limits=[limit] * len(own), rules=ruled)
    for i, (automata, rule, found) in enumerate(zip(own, ruled, together, strict=True)):
        alone = search(model, [given_[i]], how, bos=BOS, eos=EOS, limits=[limit], rules=[rule])[0]
        assert all_same([found], [alone])
        assert all(keeps([a for a, _ in automata], text(h.ids)) for h in found if h.finished)
        if all(r.aimed for r in rule) and len(rule) == 1 and rule[0].needed < limit:
            assert found[0].finished


def test_several_phrases_with_room_are_always_met() -> None:
    texts = [*(bytes([c]) for c in b"abcdefgh "), b"ab", b"cd"]
    of, size = lexicon(texts), len(texts) + 1
    automata = [(occurrences(phrase, 1, None), True) for phrase in ("abc", "d", "hg fe", "cd")]
    ruled = [made(automata, of)]
    for beam in (2, 3, 5, 10):
        for seed in range(8):
            how = Search(beam=beam)
            limit = sum(rule.needed for rule in ruled[0]) + len(automata) + 1
            (found,) = search(
                Table(size, seed), sources(1, seed), how, bos=size, eos=size - 1, limits=[limit], rules=ruled
            )
            assert found[0].finished
            assert keeps([a for a, _ in automata], text(found[0].ids, texts))


def test_a_source_without_rules_is_searched_as_ever() -> None:
    """To the last bit, whatever rules those beside it have."""
    given_, how = sources(6, 3), Search(beam=4, n_best=4)
    plain = search(Table(V, 1), given_, how, bos=BOS, eos=EOS, limits=[9] * 6)
    ruled = made([(occurrences("ab", 1, None), True), (occurrences(" ", 0, 0), False)])
    mixed = search(Table(V, 1), given_, how, bos=BOS, eos=EOS, limits=[9] * 6, rules=[ruled, []] * 3)
    assert all_same(plain[1::2], mixed[1::2])
    assert not all_same(plain[::2], mixed[::2])


def test_greedy_and_drawn_answers_keep_rules_that_aim_at_nothing() -> None:
    given_, ruled = sources(5, 2), [made([(matching("(ab? ?){2,3}"), False)])] * 5
    greedy = search(Table(V, 1), given_, Search(), bos=BOS, eos=EOS, limits=[9] * 5, rules=ruled)
    rngs = [np.random.default_rng(i) for i in range(20)]
    drawn = sample(Table(V, 1), given_, Sampling(2.0), rngs, bos=BOS, eos=EOS, limits=[9] * 5, samples=4, rules=ruled)
    for hypothesis in (h for of in [*greedy, *drawn] for h in of):
        assert hypothesis.finished
        assert matching("(ab? ?){2,3}").accepts(text(hypothesis.ids).decode())
    assert len({tuple(h.ids.tolist()) for of in drawn for h in of}) > 5


def test_what_cannot_be_written_is_never_finished() -> None:
    rule = made([(occurrences("x", 1, None), True)])
    assert rule[0].needed == NEVER
    (found,) = search(Table(V, 1), sources(1), Search(beam=3), bos=BOS, eos=EOS, limits=[5], rules=[rule])
    assert not found[0].finished
    assert lexicon().extended(rule[0], occurrences("x", 1, None), [b"x"]).needed == 1


def test_phrases_need_a_beam() -> None:
    rule = made([(occurrences("a", 1, None), True)])
    with pytest.raises(UsageError, match="a beam of 2 or more"):
        search(Table(V, 1), sources(1), Search(), bos=BOS, eos=EOS, limits=[5], rules=[rule])


def test_a_prefix_counts() -> None:
    rule = made([(occurrences("ab", 1, None), True)])
    (found,) = search(
        Table(V, 1), sources(1), Search(beam=3), bos=BOS, eos=EOS, limits=[4], prefixes=[[3, 2]], rules=[rule]
    )
    plain = search(Table(V, 1), sources(1), Search(beam=3), bos=BOS, eos=EOS, limits=[4], prefixes=[[3, 2]])[0]
    assert found[0].ids.tolist()[:2] == [3, 2]
    assert found[0].finished
    if plain[0].finished:
        assert found[0].ids.tolist() == plain[0].ids.tolist()
