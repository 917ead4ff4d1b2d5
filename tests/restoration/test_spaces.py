"""Spaces against a plain reference, and its labels by hand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from seqcli.restoration import spaces, units

TEXT = st.text(st.one_of(st.sampled_from(" \t\xa0ab.\u0301\u200d👩🇩🇪가\u1161"), st.characters()), max_size=30)


def reference(line: str) -> str:
    """One space between words, but none in front of what would join the unit before it."""
    shown = seen = ""
    for word in line.split():
        joins = seen and len(units(seen + word[0])) == len(units(seen))
        shown += word if joins or not seen else f" {word}"
        seen += word
    return shown


@given(TEXT)
def test_normalise_is_one_space_for_a_run(line: str):
    assert spaces.normalise(line) == reference(line)
    if line.isascii():
        assert spaces.normalise(line) == " ".join(line.split())


@given(TEXT)
def test_lost_has_no_white_space(line: str):
    lost = spaces.lost(line)
    assert not any(map(str.isspace, lost))
    assert lost == "".join(c for c in line if not c.isspace())


def test_labels():
    divide = spaces.strip  # by another name: a linter takes it for a string's
    assert divide(" a  bc\td ") == (["a", "b", "c", "d"], ["S", "-", "S", "-"])
    assert divide("e\u0301 f") == (["e\u0301", "f"], ["S", "-"])
    assert spaces.observe("th ecat") == list("thecat")


def test_a_space_behind_the_last_unit_is_dropped():
    assert spaces.restore(["a", "b"], ["S", "S"]) == "a b"
