"""word/TAG: slashes, escapes, tokens without a tag."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.errors import SeqcliError
from seqcli.records.word_tag import divide, escape, unescape

nasty = st.text(st.sampled_from("a/\\_tn0 \t\n\r\0é🙂"), max_size=8)


@given(nasty, nasty.filter(bool))
def test_any_word_and_tag_survive(word: str, tag: str) -> None:
    token = f"{escape(word)}/{escape(tag)}"
    assert not set(token) & set(" \t\n\r\0")
    w, t = divide(token)
    assert (unescape(w), t and unescape(t)) == (word, tag)


@given(st.text(st.sampled_from("a/\\_")))
def test_the_last_slash_divides_that_no_backslash_escapes(token: str) -> None:
    at = len(token)
    while (at := token.rfind("/", 0, at)) >= 0:
        before = token[:at]
        if (len(before) - len(before.rstrip("\\"))) % 2 == 0:
            break
    whole = at < 0 or not token[at + 1 :]
    word = token if at < 0 else token[:at] or (token if whole else "")
    assert divide(token) == (word, None if whole else token[at + 1 :])


@pytest.mark.parametrize(
    ("token", "word", "tag"),
    [
        ("1/2/CD", "1/2", "CD"),
        (r"1\/2/CD", "1/2", "CD"),
        (r"\*/SYM", r"\*", "SYM"),
        ("//SYM", "/", "SYM"),
        (r"\\/X", "\\", "X"),
        (r"x/N\/A", "x", "N/A"),
        (r"New\_York/NNP", "New York", "NNP"),
        ("/X", "", "X"),
    ],
)
def test_tokens(read: Any, write: Any, token: str, word: str, tag: str) -> None:
    (s,) = read("word-tag", f" {token}  b/Y\n", gold=True)
    assert (s.words, s.tags) == ([word, "b"], [tag, "Y"])
    assert write("word-tag", [s]) == f" {token}  b/Y\n"
    assert s.place(0) == "f:1:2"
    assert s.place(1, tag=True) == f"f:1:{len(token) + 6}"


def test_a_token_may_lack_its_tag_but_for_gold(read: Any, write: Any) -> None:
    (s,) = read("word-tag", "a / b/ c/X\n")
    assert (s.words, s.tags) == (["a", "/", "b", "c"], None)
    assert write("word-tag", [s], "T") == "a/T //T b/T c/T\n"
    assert write("word-tag", [s], "") == "a/_ //_ b/_ c/_\n"
    with pytest.raises(SeqcliError, match=r"^f:2:5: the token 'b' has no tag") as error:
        read("word-tag", "a/X\na/X b\n", gold=True)
    assert "word/TAG" in error.value.hint


def test_a_backslash_at_the_end_of_a_word_escapes_no_slash_behind_it(read: Any, write: Any) -> None:
    sentences = read("word-tag", "\\ a\\ b\\\\ c\\\\\\ \n")
    written = write("word-tag", sentences, "T")
    assert written == "\\\\/T a\\\\/T b\\\\/T c\\\\\\\\/T \n"
    assert [(s.words, s.tags) for s in read("word-tag", written)] == [(sentences[0].words, ["T"] * 4)]


def test_blank_lines_are_records_without_words(read: Any) -> None:
    found = read("word-tag", "\n  \na/X", gold=True)
    assert [(s.words, s.tags) for s in found] == [([], []), ([], []), (["a"], ["X"])]
