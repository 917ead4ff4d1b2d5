"""Pieces as visible words, and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.tokenizers import unescape, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("cat", "cat"),
        (" the", "▁the"),
        ("▁", "\\u2581"),
        ("\\", "\\\\"),
        ("\t", "\\t"),
        ("\r\n", "\\r\\n"),
        ("\x00", "\\x00"),
        ("\xa0", "\\xa0"),
        ("\u2028", "\\u2028"),
        ("\U000e0041", "\\U000e0041"),
        ("\u200d", "\\u200d"),  # alone it would not be seen
        ("👩\u200d👧", "👩\u200d👧"),
        ("日本", "日本"),
    ],
)
def test_examples(text: str, shown: str):
    assert visible(text) == shown
    assert unescape(shown) == text


@given(
    st.text(
        st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from(" ▁\\tnrxuU0158\t\n\xa0")), min_size=1
    )
)
def test_every_text_comes_back_and_is_one_word(text: str):
    shown = visible(text)
    assert unescape(shown) == text
    assert shown.split() == [shown]


@pytest.mark.parametrize("bad", ["a b", "\\", "\\q", "\\x4", "\\x41", "\\ud800", "\\U00110000", "\n", "\\u0009"])
def test_what_is_never_written_is_refused(bad: str):
    with pytest.raises(ValueError, match="not an escaped piece"):
        unescape(bad)
