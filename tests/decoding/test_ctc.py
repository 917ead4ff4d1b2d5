"""CTC against all paths of a few frames, and the search against a textbook's over many."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.ctc import Text, frames, log_sum, paths, texts, written
from support.examples import examples

from seqcli.decoding.ctc import Greedy, align, greedy, log_probability, needed
from seqcli.errors import SeqcliError

SIZES = [(1, 2, 0), (1, 3, 2), (2, 2, 0), (4, 3, 0), (5, 3, 2), (5, 3, 1), (4, 4, 3), (7, 2, 1)]  # T, V, blank
sizes = pytest.mark.parametrize(("T", "V", "blank"), SIZES)


def every_text(T: int, V: int, blank: int) -> list[Text]:
    """All of up to T + 1 symbols."""
    symbols = [s for s in range(V) if s != blank]
    return [text for n in range(T + 2) for text in itertools.product(symbols, repeat=n)]


@sizes
def test_the_probability_of_every_text(T: int, V: int, blank: int) -> None:
    given = frames(T, V)
    expected = texts(given, blank)
    found = {text: log_probability(given, text, blank) for text in every_text(T, V, blank)}
    for text, logprob in found.items():
        assert logprob == pytest.approx(expected.get(text, -math.inf), abs=1e-12)
        assert (logprob > -math.inf) == (needed(text) <= T)
    assert log_sum(found.values()) == pytest.approx(0, abs=1e-12)


@sizes
def test_greedy_is_the_best_path(T: int, V: int, blank: int) -> None:
    for seed in range(5):
        given = frames(T, V, seed)
        best, logprob = max(
            ((path, p) for of in paths(given, blank).values() for path, p in of.items()), key=lambda f: f[1]
        )
        ids, found = greedy(given, blank)
        assert tuple(ids) == written(best, blank)
        assert found == pytest.approx(logprob, abs=1e-12)


@sizes
def test_alignment_is_the_best_path_of_its_text_and_posteriors_are_counted(T: int, V: int, blank: int) -> None:
    given = frames(T, V)
    for text, of in paths(given, blank).items():
        best = max(of, key=lambda path: of[path])
        found = align(given, text, blank)
        assert found.logprob == pytest.approx(of[best], abs=1e-12)
        assert list(zip(found.first, found.end, strict=True)) == [(a, b) for a, b, _ in spans(best, blank)]
        mass = np.zeros((T, len(text)))
        for path, logprob in of.items():
            for u, (a, b, _) in enumerate(spans(path, blank)):
                mass[a:b, u] += math.exp(logprob - log_sum(of.values()))
        for u, (a, b, symbol) in enumerate(spans(best, blank)):
            assert found.placed[u] == pytest.approx(mass[a:b, u].max(), abs=1e-12)
            assert found.confidence[u] == pytest.approx(np.exp(given[a:b, symbol].max()), abs=1e-12)


def spans(path: Text, blank: int) -> list[tuple[int, int, int]]:
    """(first frame, end, symbol) of each symbol of a path's text."""
    runs = [list(run) for _, run in itertools.groupby(enumerate(path), key=lambda p: p[1])]
    return [(run[0][0], run[-1][0] + 1, run[0][1]) for run in runs if run[0][1] != blank]


def test_impossible_symbols_and_texts() -> None:
    with np.errstate(divide="ignore"):
        given = np.log([[0.6, 0.4, 0], [0, 1, 0], [0.25, 0.75, 0]])
    assert log_probability(given, [2], 0) == -math.inf
    assert math.exp(log_probability(given, [1], 0)) == pytest.approx(1)
    found = align(given, [1], 0)
    assert (found.first.tolist(), found.end.tolist()) == ([1], [3])
    assert found.placed[0] == pytest.approx(1)
    for text in ([2], [1, 1, 1]):
        with pytest.raises(ValueError, match="cannot give this text"):
            align(given, text, 0)


def test_no_frames() -> None:
    none = np.zeros((0, 3), np.float32)
    assert log_probability(none, [], 0) == 0
    assert log_probability(none, [1], 0) == -math.inf
    assert [part.tolist() if isinstance(part, np.ndarray) else part for part in greedy(none, 0)] == [[], 0.0]
    assert align(none, [], 0).first.tolist() == []


@pytest.mark.parametrize(
    "use", [greedy, lambda x, blank: log_probability(x, [1], blank), lambda x, b: align(x, [1], b)]
)
def test_nan_is_an_error(use: Any) -> None:
    with pytest.raises(SeqcliError, match="nan"):
        use(np.full((3, 2), np.nan), 0)


def test_long_and_unlikely_texts_keep_their_digits() -> None:
    """Where probabilities lie far below the least number: one frame a symbol, each of log-probability about -40."""
    T = 500
    logits = np.zeros((T, 3))
    logits[:, 0] = 40
    given = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    text = [1, 2] * (T // 2)
    assert log_probability(given, text, 0) == pytest.approx(T * given[0, 1], rel=1e-14)
    found = align(given, text, 0)
    assert found.first.tolist() == list(range(T))
    np.testing.assert_allclose(found.placed, 1, rtol=1e-9)


@settings(max_examples=examples(100), deadline=None)
@given(st.data(), st.integers(0, 40), st.integers(2, 5))
def test_a_stream_in_chunks_is_the_whole(data: st.DataObject, T: int, V: int) -> None:
    blank = data.draw(st.integers(0, V - 1))
    given = frames(T, V, blank=blank, sure=2.0)
    cuts = sorted(data.draw(st.lists(st.integers(0, T), max_size=6)))
    stream, symbols, places = Greedy(blank), [], []
    for a, b in itertools.pairwise([0, *cuts, T]):
        ids, at = stream.push(given[a:b])
        assert all(a <= place < b for place in at)  # at once
        symbols += ids.tolist()
        places += at.tolist()
    assert symbols == greedy(given, blank)[0].tolist()
    assert places == [a for a, _, _ in spans(tuple(given.argmax(axis=1).tolist()), blank)]
    assert stream.frames == T
