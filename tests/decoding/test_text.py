"""Generated tokens as text: ended at a stop text wherever the pieces are cut, and never half a character."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.decoding.sampling import Token
from seqcli.decoding.text import stream_text, until_stop
from seqcli.tokenizers import BaseTokenizer, byte, char, word

LETTERS = st.text("ab\n", max_size=30)
STOPS = st.lists(st.text("ab\n", min_size=1, max_size=4), max_size=4)


def by_definition(text: str, stops: Sequence[str]) -> str:
    """Character by character: as soon as what has come ends with a stop text, the text ends before it."""
    for end in range(1, len(text) + 1):
        found = [s for s in stops if text[:end].endswith(s)]
        if found:
            return text[: end - max(map(len, found))]
    return text


def test_the_text_ends_before_the_first_stop_text_that_is_complete() -> None:
    """Every text of up to six letters, every two stop texts of up to three, in pieces of one, two and six."""
    every = ["".join(letters) for n in range(7) for letters in itertools.product("ab", repeat=n)]
    for stops in itertools.combinations(every[1:15], 2):
        for text in every:
            for size in (1, 2, 6):
                pieces = [text[at : at + size] for at in range(0, len(text), size)]
                assert "".join(until_stop(pieces, stops)) == by_definition(text, stops), (pieces, stops)


def test_a_longer_stop_text_that_began_earlier_is_not_waited_for() -> None:
    for pieces in (["abbc"], ["abb", "c"], ["a", "b", "b", "c"]):
        assert "".join(until_stop(pieces, ["bb", "abbc"])) == "a"


def test_of_stop_texts_that_end_together_the_longest_counts() -> None:
    assert "".join(until_stop(["xab"], ["b", "ab"])) == "x"


@given(text=LETTERS, stops=STOPS)
def test_no_more_is_held_back_than_could_begin_a_stop_text(text: str, stops: list[str]) -> None:
    longest = max((len(s) for s in stops), default=1)
    shown, end = "", by_definition(text, stops)
    given = 0

    def pieces() -> Iterator[str]:
        nonlocal given
        for character in text:
            given += 1
            yield character

    for piece in until_stop(pieces(), stops):
        shown += piece
        assert end.startswith(shown)  # nothing is taken back
        if given < len(text):
            assert len(shown) >= min(given - longest + 1, len(end))


def test_after_a_stop_text_no_token_is_asked_for() -> None:
    asked = []

    def pieces() -> Iterator[str]:
        for piece in ["a", "b\nc", "d"]:
            asked.append(piece)
            yield piece

    assert "".join(until_stop(pieces(), ["\n"])) == "ab"
    assert asked == ["a", "b\nc"]


def test_without_stop_texts_every_piece_comes_at_once() -> None:
    assert [p for p in until_stop(iter(["a", "", "bc"]), []) if p] == ["a", "bc"]


# characters

TEXTS = ["é€🙂 a\n", "naïve café 漢字\n", "\u2028\x00\r\n", "👩‍👩‍👧 e\u0301"]


def tokens(ids: list[int]) -> list[Token]:
    return [Token(i, 0.0) for i in ids]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("kind", ["byte", "char"])
def test_pieces_are_whole_characters(kind: str, text: str) -> None:
    tokenizer: BaseTokenizer = byte.Tokenizer() if kind == "byte" else char.Tokenizer.learn([text], char.Config())
    ids = tokenizer.encode(text).tolist()
    pieces = list(stream_text(tokens(ids), tokenizer, np.zeros(0, np.int64)))
    assert pieces == list(text)  # one character a piece, as soon as its last byte is there


@given(prompt=st.lists(st.integers(0, 255), max_size=8), ids=st.lists(st.integers(0, 255), max_size=40))
def test_random_bytes_add_up_to_what_decode_says(prompt: list[int], ids: list[int]) -> None:
    tokenizer = byte.Tokenizer()
    pieces = list(stream_text(tokens(ids), tokenizer, np.array(prompt, np.int64)))
    assert all(pieces)
    assert tokenizer.decode(prompt + ids).endswith("".join(pieces))
    if not prompt:
        assert "".join(pieces) == tokenizer.decode(ids)


def test_an_incomplete_character_at_the_end_is_a_replacement() -> None:
    tokenizer = byte.Tokenizer()
    assert "".join(stream_text(tokens([97, 0xE2, 0x82]), tokenizer, np.array([98]))) == "a\N{REPLACEMENT CHARACTER}"


def test_a_word_is_joined_to_its_prompt() -> None:
    tokenizer = word.Tokenizer(["one", "two"])
    one, two = tokenizer.encode("one two").tolist()
    end = tokenizer.newline_id
    assert end is not None
    assert list(stream_text(tokens([two, end, one]), tokenizer, np.array([one]))) == [" two", "\n", "one"]
    assert list(stream_text(tokens([two]), tokenizer, np.array([end]))) == ["two"]


def test_composed_characters_do_not_repeat_their_prompt() -> None:
    tokenizer = char.Tokenizer.learn(["가각 é"], char.Config(normalize="nfd"))
    prompt, more = tokenizer.encode("가"), tokenizer.encode("각가")
    assert "".join(stream_text(iter(tokens(more.tolist())), tokenizer, prompt)) == "각가"
    letter, mark = tokenizer.encode("é")
    text = "".join(stream_text(iter(tokens([mark])), tokenizer, np.array([letter])))
    assert text == "\u0301"  # what is written already cannot be taken back: the mark follows its letter


def test_every_token_is_collected_even_where_it_shows_nothing() -> None:
    collected: list[Token] = []
    given = tokens([0xC3, 0xA9, 10])
    assert "".join(stream_text(given, byte.Tokenizer(), np.zeros(0, np.int64), collected)) == "é\n"
    assert collected == given
