"""What every restoration promises, for every kind that is there and for any string."""

from __future__ import annotations

import unicodedata
from types import ModuleType

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.examples import THOROUGH, examples

from seqcli import registry
from seqcli.errors import SeqcliError, UsageError
from seqcli.restoration import NOTHING, units

QUICK = settings(max_examples=examples(300), deadline=None)
KINDS = registry.names("restoration")

# Any code point, surrogates too, and more often what is hard: marks, joiners, cases, jamo, flags, white space.
HARD = (
    " \t\n\r\x1c\x85\xa0\u2028\u3000aAzZiIıİßẞſKÅΩéÉấẤøØđłŧħœæÆǅǄǆǰŉΐᾳᾼᾷΣσςüЙйёЁїѝѓאָ\u05bcก็नि\u094d\u200c\u200d"
    "\u0300\u0301\u0302\u0306\u0307\u0308\u0315\u0316\u031b\u0323\u0327\u0328\u0338\u0342\u0344\u0345\u034f\u0360"
    "👩👨🏽💻❤\ufe0f🇩🇪🇫🏴\U000e0067\U000e007fᄀ가ᅡᆨ각한ⒶⓐᲐაꭰᎠﬁ≠。,.'\x00\uff9e\ud800"
)
TEXT = st.text(st.one_of(st.sampled_from(HARD), st.characters(exclude_categories=())), max_size=40)
LINES = [
    "",
    " ",
    "  ein  Hund ",
    "Straße ẞ İstanbul ılık Iğdır",
    "ΟΔΟΣ Σ ΣΑΣ.",
    "Việt Nam đã độc lập",
    "Ὀδυσσεύς ᾧ ᾼ ΐ",
    "Всё ещё ёлка, замо́к, Їжак, май, ѝ",
    "e\u0301 \u0301 a \u0306\u0301 и\u0301\u0306 и\u0306\u0301",
    "a\u0301\u0302\u0303\u0304 z" + "\u0301\u0316" * 40,
    "\u0301abc",
    "👩🏽‍💻👨‍👩‍👧 🇩🇪 🇫🇷 🇩 🇪 ❤️",
    "한국어 \u1112\u1161\u11ab \u1112 \u1161",
    "ที่นี่ नमस्ते שָׁלוֹם",
    "Ǆ ǅ ǆ Ⓐ ⓐ Å K Ω ſ ŉ ﬁ",
]


@pytest.fixture(params=KINDS, scope="module")
def kind(request: pytest.FixtureRequest) -> ModuleType:
    return registry.load("restoration", request.param)


def check(kind: ModuleType, line: str) -> None:
    seen, labels = kind.strip(line)
    assert len(seen) == len(labels)
    assert all(seen)
    assert all(label and not any(map(str.isspace, label)) for label in labels)
    true = kind.normalise(line)
    assert kind.restore(seen, labels) == true
    assert kind.normalise(true) == true
    assert kind.strip(true) == (seen, labels)
    lost = kind.lost(line)
    assert lost == "".join(seen)
    assert kind.observe(line) == kind.observe(lost) == units(lost) == seen
    assert kind.lost(lost) == lost
    assert kind.restore(seen, [NOTHING] * len(seen)) == kind.restore(seen, [""] * len(seen)) == lost


@pytest.mark.parametrize("line", LINES)
def test_promises_on_hard_lines(kind: ModuleType, line: str):
    check(kind, line)


@pytest.mark.parametrize("name", KINDS)
def test_promises_on_any_text(name: str):
    kind = registry.load("restoration", name)

    @QUICK
    @given(TEXT)
    @example("a \u0301")
    def any_text(line: str) -> None:
        check(kind, line)

    any_text()


def test_promises_on_every_code_point(kind: ModuleType):
    """Alone, behind a letter, and in front of a mark, in lines of many; of Han and Hangul, which are all alike, a
    sample. A third of them outside the thorough profile."""
    for start in range(0, 0x110000, 0x400):
        if (
            0x3400 < start < 0x9C00
            or 0xB000 <= start < 0xD400
            or 0x20400 <= start < 0x2F800
            or 0x30000 < start < 0xE0000
        ):
            continue
        codes = [
            chr(c) for c in range(start, start + 0x400, 1 if THOROUGH else 3) if unicodedata.category(chr(c)) != "Cn"
        ]
        if codes and unicodedata.category(codes[0]) not in ("Co", "Cs"):
            check(kind, "".join(f"{c}.a{c}.{c}\u0301" for c in codes))


def test_the_empty_line(kind: ModuleType):
    assert kind.strip("") == ([], [])
    assert kind.observe("") == []
    assert kind.restore([], []) == kind.lost("") == kind.normalise("") == ""


def test_a_foreign_label_is_a_mistake_that_names_it(kind: ModuleType):
    for label in ("NOUN", "U+0041", "U+301", "U+zz", "U+FFFFFFFF", "U+"):
        with pytest.raises(SeqcliError, match=r"is not a label of the restoration '\w+'") as error:
            kind.restore(["a"], [label])
        assert "trained for" in error.value.hint


@pytest.mark.parametrize(
    "line", ["aé " * 2000, "\u0301\u0316" * 3000, "Σ'" * 3000, "👩\u200d" * 3000, " \u0301" * 3000]
)
def test_long_lines(kind: ModuleType, line: str):
    check(kind, line)


def test_an_unknown_kind_is_named_with_a_suggestion():
    with pytest.raises(UsageError, match="unknown restoration 'space'") as error:
        registry.load("restoration", "space")
    assert error.value.hint == "did you mean 'spaces'?"
    assert KINDS == ("case", "diacritics", "sentences", "spaces")


@QUICK
@given(TEXT)
def test_units_divide_a_text(text: str):
    found = units(text)
    assert "".join(found) == text
    assert all(found)
    assert len(found) <= len(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("abc", ["a", "b", "c"]),
        ("e\u0301\u0316x", ["e\u0301\u0316", "x"]),
        ("\u0301a", ["\u0301", "a"]),
        (" \u0301", [" \u0301"]),
        ("👩🏽\u200d💻👨", ["👩🏽\u200d💻", "👨"]),
        ("a\u200d💻", ["a\u200d", "💻"]),
        ("👩\u200da", ["👩\u200d", "a"]),
        ("❤\ufe0f!", ["❤\ufe0f", "!"]),
        ("🇩🇪🇫🇷🇮", ["🇩🇪", "🇫🇷", "🇮"]),
        ("🏴\U000e0067\U000e007fx", ["🏴\U000e0067\U000e007f", "x"]),
        ("\u1112\u1161\u11ab가\u11a8나", ["\u1112\u1161\u11ab", "가\u11a8", "나"]),
        ("a\u1161", ["a", "\u1161"]),
        ("न\u093f\u200cक", ["न\u093f\u200c", "क"]),
        ("ｶ\uff9e", ["ｶ\uff9e"]),
    ],
)
def test_units(text: str, expected: list[str]):
    assert units(text) == expected
