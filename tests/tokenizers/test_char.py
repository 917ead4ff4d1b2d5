"""Characters: against plain Python, and what is unknown."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.tokenizers import UnknownCharacter, UnknownPiece
from seqcli.tokenizers.char import Config, Free, Tokenizer

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


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
