"""Automata over bytes say of a text what Python's regular expressions say of its characters."""

from __future__ import annotations

import re
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples

from seqcli.decoding import automata
from seqcli.decoding.automata import JOINING, matching, occurrences
from seqcli.errors import UsageError

JOINS = "".join(f"{chr(first)}-{chr(last)}" for first, last in JOINING)
TEXTS = st.text("ab. ü猫😀é", max_size=9)


def plainly(phrase: str, left: bool, right: bool) -> re.Pattern[str]:
    """The phrase, on whose sides a word does not go on."""
    before, after = (bool(re.match(f"[{JOINS}]", end)) for end in (phrase[0], phrase[-1]))
    opens, ends = f"(?<![{JOINS}])" * (left and before), f"(?![{JOINS}])" * (right and after)
    return re.compile(opens + re.escape(phrase) + ends)


@settings(max_examples=examples(100))
@given(st.text("ab. ü猫", min_size=1, max_size=3), TEXTS, st.booleans(), st.booleans())
def test_occurrences_are_counted(phrase: str, text: str, left: bool, right: bool) -> None:
    count = len(plainly(phrase, left, right).findall(text))
    for least, most in ((1, None), (2, None), (0, 0), (1, 1), (2, 2)):
        automaton = occurrences(phrase, least, most, left=left, right=right)
        assert automaton.accepts(text) == (least <= count and (most is None or count <= most))


@pytest.mark.parametrize(
    ("phrase", "text", "there"),
    [
        ("cat", "the cat's", True),
        ("cat", "category", False),
        ("cat", "wildcat", False),
        ("für", "für dich", True),
        ("fü", "für dich", False),
        ("كلب", "كلب، قط", True),
        ("घर", "यह घर।", True),
        ("猫", "黑猫在", True),
        ("서울", "서울은", True),
        ("chat", "«chat»", True),
    ],
)
def test_where_words_end(phrase: str, text: str, there: bool) -> None:
    assert occurrences(phrase, 1, None).accepts(text) == there
    assert occurrences(phrase, 0, 0).accepts(text) != there


@settings(max_examples=examples(200))
@given(
    st.sampled_from(["yes|no", "[^ab]{1,4}", r"\w+( \w+)*", ".*", "[ü猫]+|😀", "(?i)yEs", r"[^\W\d]*", "a?(b|ü)*."]),
    st.text("abyYesno ü猫😀\n", max_size=5),
)
def test_an_expression_matches_as_in_python(expression: str, text: str) -> None:
    expected = bool(re.compile(expression, re.ASCII).fullmatch(text))
    assert matching(expression).accepts(text) == expected
    assert matching(expression).without_blank().accepts(" " + text) == expected


def test_only_whole_characters_are_read() -> None:
    anything = matching(r"(.|\n)*")
    for code in (0, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x10000, sys.maxunicode):
        assert anything.accepts(chr(code))
        data = chr(code).encode()
        assert not any(anything.accepting[anything.after(anything.start, data[:n])] for n in range(1, len(data)))
    for broken in (b"\x80", b"\xc0\x80", b"\xe0\x80\x80", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xc3a"):
        assert anything.after(anything.start, broken) == 0


@pytest.mark.parametrize("expression", ["(a", "[b", r"(a)\1", "a{2,1}"])
def test_what_is_no_expression(expression: str) -> None:
    with pytest.raises(UsageError, match=r"--grammar: .* cannot be read"):
        matching(expression)


def test_mistakes_are_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError) as anchored:
        matching("^a$")
    assert "remove ^ and $" in anchored.value.hint
    monkeypatch.setattr(automata, "STATES", 5)
    with pytest.raises(UsageError, match="more than 5 states"):
        occurrences("abcdefgh", 1, None)
    with pytest.raises(UsageError, match="more than 5 states"):
        matching("a{9}")
    monkeypatch.setitem(sys.modules, "interegular", None)
    with pytest.raises(UsageError) as missing:
        matching("a")
    assert missing.value.hint == "pip install 'seqcli[grammar]'"
