"""Edits of words as labels: what they make, that they come back, to what they do not apply."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli import edit_trees
from seqcli.edit_trees import apply, script, scripts

WORDS = st.text(st.sampled_from("abAB-ßİéÉ"), min_size=1, max_size=8)


@given(WORDS, WORDS)
def test_a_word_s_edit_makes_its_lemma(word: str, lemma: str) -> None:
    label = script(word, lemma)
    assert apply(label, word) == lemma
    assert script(word, lemma) == label
    edit_trees.check([label])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("dogs", "dog"), ("Cats", "cat")),
        (("London", "London"), ("NASA", "NASA")),  # as it is written
        (("walked", "walk"), ("PLAYED", "play")),
        (("LONDON", "London"), ("paris", "Paris")),  # a capital
        (("Häuser", "Haus"), ("Mäuler", "Maul")),
        (("gesagt", "sagen"), ("gefragt", "fragen")),
        (("McDonalds", "McDonald"), ("Smiths", "Smith")),
    ],
)
def test_words_that_change_alike_have_one_label(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert script(*one) == script(*other)


def test_an_edit_applies_where_it_finds_what_it_replaces() -> None:
    plural, past = scripts(["dogs", "went"], ["dog", "go"])
    assert [apply(plural, word) for word in ("trees", "Trees", "S", "s", "tree", "")] == ["tree", "tree"] + [None] * 4
    assert [apply(past, word) for word in ("WENT", "want")] == ["go", None]
    assert apply(edit_trees.UNCHANGED, "Any") == "Any"


@pytest.mark.parametrize("label", ["", "x", "1", '["lower"]', '["upper",null]', '["lower",[1,2]]', '["keep",[-1,0,null,null]]', '["keep",[1,0,null]]'])  # fmt: skip
def test_what_is_no_edit_is_an_error(label: str) -> None:
    with pytest.raises((ValueError, TypeError)):
        edit_trees.check([label])
