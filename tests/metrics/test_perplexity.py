"""Perplexity and its other forms: closed forms, and that pieces add up."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.metrics.perplexity import Metric

OFFERS = Metric.OFFERS


def measured(nll: float, tokens: int, text: str, unknown: int = 0, unknown_characters: int = 0) -> dict[str, float]:
    metric = Metric()
    metric.update(nll, tokens, unknown)
    metric.update(0.0, text=text, unknown_characters=unknown_characters)
    return metric.result()


@pytest.mark.parametrize("size", [1, 2, 27, 50_000])
@pytest.mark.parametrize("tokens", [1, 7, 1000])
def test_a_uniform_model_over_v_tokens_has_perplexity_v(size: int, tokens: int) -> None:
    found = measured(tokens * math.log(size), tokens, "a" * tokens)
    assert found["perplexity"] == pytest.approx(size)
    assert found["cross-entropy"] == pytest.approx(math.log(size))
    assert found["bits-per-character"] == pytest.approx(math.log2(size))


def test_a_perfect_model() -> None:
    found = measured(0.0, 5, "ab cd")
    assert found["perplexity"] == found["word-perplexity"] == found["coverage"] == 1.0
    assert found["cross-entropy"] == found["bits-per-character"] == found["bits-per-byte"] == found["oov-rate"] == 0.0


def test_every_form_by_hand() -> None:
    """16 bits over 4 tokens, 8 characters, 10 bytes of UTF-8, 3 words (two, and a line end)."""
    found = measured(16 * math.log(2), 4, "né çabb\n", unknown=1, unknown_characters=2)
    assert found == pytest.approx(
        {
            "perplexity": 2**4,
            "cross-entropy": 4 * math.log(2),
            "bits-per-character": 16 / 8,
            "bits-per-byte": 16 / 10,
            "word-perplexity": 2 ** (16 / 3),
            "oov-rate": 1 / 4,
            "coverage": 6 / 8,
        }
    )
    assert found.keys() == OFFERS.keys()


@pytest.mark.parametrize(
    ("text", "words"),
    [("", 0), ("one", 1), ("one two\n", 3), ("\n\n", 2), ("  one\t two ", 2), ("a\u2028b c\x0bd", 4), (" \n ", 1)],
)
def test_words_are_what_white_space_divides_and_a_line_end_is_one(text: str, words: int) -> None:
    metric = Metric()
    metric.update(0.0, text=text)
    assert metric.words == words


def test_all_of_what_was_not_counted_is_left_out() -> None:
    assert Metric().result() == {}
    assert measured(1.0, 2, "").keys() == {"perplexity", "cross-entropy", "oov-rate"}


def test_figures_per_character_need_a_tokenization_that_keeps_them() -> None:
    metric = Metric()
    metric.update(3.0, 3, 0)
    metric.update(0.0, text="a  b\n", represented=True)
    metric.update(0.0, text="c  d\n", represented=False)
    assert metric.result().keys() == OFFERS.keys() - {"bits-per-character", "bits-per-byte"}


def test_a_perplexity_beyond_what_a_float_holds_is_infinite() -> None:
    found = measured(1e6, 10, "abc")
    assert found["perplexity"] == math.inf
    assert found["word-perplexity"] == math.inf
    assert found["cross-entropy"] == 1e5
    assert measured(699.0, 1, "a")["perplexity"] == pytest.approx(math.exp(699))


@given(
    pieces=st.lists(
        st.tuples(st.floats(0, 1e3), st.integers(0, 50), st.text(st.sampled_from("aé€ \n"), max_size=20)), max_size=6
    )
)
def test_pieces_that_cut_no_word_add_up(pieces: list[tuple[float, int, str]]) -> None:
    parts = Metric()
    for nll, tokens, text in pieces:
        parts.update(nll, tokens, 0, f"{text}\n")
    whole = measured(sum(p[0] for p in pieces), sum(p[1] for p in pieces), "".join(f"{p[2]}\n" for p in pieces))
    assert parts.result() == pytest.approx(whole)


def test_lone_surrogates_are_counted_not_refused() -> None:
    metric = Metric()
    metric.update(0.0, text="\udc80")
    assert (metric.characters, metric.bytes) == (1, 3)
