"""Case: its labels by hand, and which letters keep theirs."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.restoration import case


@pytest.mark.parametrize(
    ("line", "lost", "labels"),
    [
        ("My Cat.", "my cat.", "U--U---"),
        ("É", "é", "U"),
        ("E\u0301a", "e\u0301a", "U-"),
        ("Ǆ ǅ ǆ", "ǆ ǆ ǆ", "U-T--"),
        ("ᾼ ᾳ", "ᾳ ᾳ", "U--"),
        ("ΟΔΟΣ ΣΑΣ.", "οδος σας.", "UUUU-UUU-"),
        ("ΟΔΟΣ İΣ", "οδος İς", "UUUU--U"),
        ("ẞ ß İ ı ſ", "ẞ ß İ ı ſ", "---------"),
        ("\u212a \u212b \u2126", "\u212a \u212b \u2126", "-----"),  # the signs of Kelvin, Ångström and ohm
        ("ⒶⓐᲐა", "ⓐⓐაა", "U-U-"),
    ],
)
def test_labels(line: str, lost: str, labels: str):
    assert case.lost(line) == lost
    assert "".join(case.strip(line)[1]) == labels
    assert case.restore(case.observe(lost), list(labels)) == line


def test_the_letters_that_keep_their_case_are_few():
    """All but these lose it: their lower case leads to another capital, or is two code points."""
    kept = [
        c for i in range(sys.maxunicode + 1) if (c := chr(i)).lower() != c and case.lost(c) == c and not c.islower()
    ]
    assert set("İẞ\u212a\u212b\u2126ϴ") <= set(kept)
    assert len(kept) < 12


@given(st.text())
def test_a_line_in_lower_case_comes_back_unseen(line: str):
    """What a person gives in lower case is seen as it is: `lost` guesses nothing that they would not write."""
    assert case.lost(line.lower()) == line.lower()


@given(st.text(st.characters(exclude_characters=case.lost("İẞ\u212a\u212b\u2126ϴ"))))
def test_lost_is_lower(line: str):
    assert case.lost(line) == line.lower()
    assert case.normalise(line) == line


def test_a_label_on_a_letter_without_a_capital_leaves_it():
    assert case.restore(["ß", "1", "א", "ﬁ", "a"], ["U", "U", "T", "U", "T"]) == "ß1אﬁA"
