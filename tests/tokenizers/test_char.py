"""Characters: against plain Python, and what is unknown."""

from __future__ import annotations

from unicodedata import normalize

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.tokenizers import UnknownCharacter, UnknownPiece
from seqcli.tokenizers.char import Config, Free, Tokenizer

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
MARKED = st.text(st.sampled_from("ae가각힣\u1100\u1161\u11a8é\u0301\u0323\u0338>\u1e69≯\n한ű"), max_size=12)


@given(st.lists(TEXT, max_size=5), TEXT)
def test_against_plain_python(texts: list[str], text: str):
    tokenizer = Tokenizer.learn(texts, Config(unk=True))
    characters = sorted(set("".join(texts)))
    assert [*tokenizer.characters] == characters
    index = {c: i for i, c in enumerate(characters)}
    ids = [index.get(c, len(characters)) for c in text]
    assert tokenizer.encode(text).tolist() == ids
    assert tokenizer.decode(ids) == "".join(c if c in index else "<unk>" for c in text)


def test_an_unknown_character_is_an_error_that_names_it():
    with pytest.raises(UnknownCharacter, match=r"'é' \(U\+00E9\)") as caught:
        Tokenizer("abc").encode("abé")
    assert caught.value.offset == 2
    assert "unk" in caught.value.hint


def test_characters_beyond_and_within_the_table_are_unknown():
    tokenizer = Tokenizer("ac", unk=True)
    assert tokenizer.encode("abc\U0010ffff").tolist() == [0, 2, 1, 2]
    assert tokenizer.pieces("ab") == ["a", "<unk>"]


def test_the_offset_counts_from_the_start_of_the_text_where_newline_is_no_symbol():
    tokenizer = Tokenizer("ab")
    assert tokenizer.newline_id is None
    assert tokenizer.lines("ab\n\na\n") == b"a b\n\na\n"
    assert tokenizer.lines("ab\n\na\n", ids=True) == b"0 1\n\n0\n"
    assert tokenizer.from_lines("0 1\n\n0\n", ids=True) == "ab\n\na\n"
    with pytest.raises(UnknownCharacter) as caught:
        tokenizer.lines("ab\nac")
    assert caught.value.offset == 4


def test_an_empty_vocabulary():
    tokenizer = Tokenizer.learn([], Config())
    assert tokenizer.size == 0
    assert tokenizer.encode("").tolist() == []
    assert tokenizer.encode("").dtype == np.int32


@given(TEXT)
def test_without_a_vocabulary_pieces_come_back(text: str):
    free = Free(Config())
    assert free.from_lines(free.lines(text).decode()) == text


def test_without_a_vocabulary_a_piece_is_one_character():
    with pytest.raises(UnknownPiece) as caught:
        Free(Config()).from_lines("a \\t ab c")
    assert caught.value.offset == 5


# letters and marks apart


@given(st.lists(st.one_of(TEXT, MARKED), max_size=3), st.one_of(TEXT, MARKED))
def test_decomposed_characters_are_composed_again(texts: list[str], text: str):
    tokenizer = Tokenizer.learn([*texts, text], Config(normalize="nfd"))
    assert [*tokenizer.characters] == sorted({c for t in [*texts, text] for c in normalize("NFD", t)})
    ids = tokenizer.encode(text)
    assert [tokenizer.characters[i] for i in ids] == tokenizer.texts(text) == [*normalize("NFD", text)]
    assert tokenizer.decode(ids) == normalize("NFC", text)
    stream = tokenizer.stream()
    assert "".join([*map(stream.push, ids.tolist()), stream.finish()]) == normalize("NFC", text)
    places = tokenizer.offsets(text)
    assert len(places) == len(ids)
    assert {a for a, _ in places} == set(range(len(text)))
    assert all(c in normalize("NFD", text[a:b]) for c, (a, b) in zip(tokenizer.texts(text), places, strict=True))
    again = Tokenizer.restore(tokenizer.header(), {})
    assert (again.nfd, again.lossless, again.fingerprint()) == (True, False, tokenizer.fingerprint())


def test_syllables_are_read_as_their_letters():
    tokenizer = Tokenizer.learn(["각\n"], Config(normalize="nfd", unk=True))
    assert tokenizer.size == 5
    assert tokenizer.pieces("각") == ["\u1100", "\u1161", "\u11a8"]
    assert tokenizer.decode(tokenizer.encode("가")) == "가"  # a syllable that it never saw
    ids, lacking = tokenizer.read("x한")
    assert (ids.tolist(), lacking) == ([4, 4, 2, 4], [(0, "x"), (1, "한"), (1, "한")])
    with pytest.raises(UnknownCharacter) as caught:
        Tokenizer("\u1100\u1161", nfd=True).encode("가각")
    assert (caught.value.character, caught.value.offset) == ("각", 1)
    stream = tokenizer.stream()
    assert [stream.push(i) for i in tokenizer.encode("각가\n").tolist()] == ["", "", "", "각", "", "가"]
    assert stream.finish() == "\n"
