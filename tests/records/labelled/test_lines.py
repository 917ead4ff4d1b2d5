"""label-text and fasttext: what is a label, what is the text."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.examples import examples

from seqcli.errors import SeqcliError

quick = settings(max_examples=examples(100), suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize(
    ("line", "options", "expected"),
    [
        ("pos a film", {}, ("a film", ["pos"], 5, 1)),
        ("  pos \ta film ", {}, ("a film ", ["pos"], 8, 3)),
        ("pos\ta film", {}, ("a film", ["pos"], 5, 1)),
        ("pos", {}, ("", ["pos"], 4, 1)),  # a label without a text says nothing
        ("pos ", {}, ("", ["pos"], 5, 1)),
        ("DESC:manner How ?", {"label_until": ":"}, ("How ?", ["DESC"], 13, 1)),
        ("a,b x", {"label_separator": ","}, ("x", ["a", "b"], 5, 1)),
        ("a\u00a0b x", {}, ("x", ["a\u00a0b"], 5, 1)),
        ("\u3000 x", {}, ("x", ["\u3000"], 3, 1)),
    ],
)
def test_label_text(read: Any, line: str, options: dict[str, str], expected: tuple[Any, ...]) -> None:
    (e,) = read("label-text", line + "\n", **options)
    assert (e.text, e.labels, e.column, e.goal_column) == expected


@pytest.mark.parametrize(
    ("line", "options", "expected"),
    [
        ("__label__a some text", {}, ("some text", ["a"], 12, 10)),
        (" __label__a\t __label__b  some  text ", {}, ("some  text ", ["a", "b"], 26, 11)),
        ("__label__a", {}, ("", ["a"], 11, 10)),
        ("some __label__a text", {}, ("some text", ["a"], 1, 15)),  # a model must not read it
        ("some text __label__a __label__b", {}, ("some text", ["a", "b"], 1, 20)),
        ("__label__a some __label__b text __label__c ", {}, ("some text", ["a", "b", "c"], 12, 10)),
        ("__label__a x__label__b", {}, ("x__label__b", ["a"], 12, 10)),
        ("__label__a __label__a x", {}, ("x", ["a"], 23, 10)),
        ("#a #b x", {"label_prefix": "#"}, ("x", ["a", "b"], 7, 2)),
        (".a .* x", {"label_prefix": "."}, ("x", ["a", "*"], 7, 2)),
        ("__label__DESC:x y", {"label_until": ":"}, ("y", ["DESC"], 17, 10)),
    ],
)
def test_fasttext(read: Any, line: str, options: dict[str, str], expected: tuple[Any, ...]) -> None:
    (e,) = read("fasttext", line + "\n", **options)
    assert (e.text, e.labels, e.column, e.goal_column) == expected


tokens = st.lists(st.sampled_from(["a", "b", "__label__x", "__label__y", "c__label__x", "__label"]), max_size=8)


@given(tokens)
@quick
def test_fasttext_words_are_those_without_the_prefix(read: Any, words: list[str]) -> None:
    (e,) = read("fasttext", " ".join(words) + "\n", gold=False)
    assert e.text.split() == [w for w in words if not w.startswith("__label__")]
    assert e.labels == (list(dict.fromkeys(w[9:] for w in words if w.startswith("__label__"))) or None)


@pytest.mark.parametrize("line", ["some text", "__label__ text", "x__label__a", "__LABEL__a b"])
def test_fasttext_without_a_label(read: Any, line: str) -> None:
    with pytest.raises(SeqcliError, match="f:2:1: the line has no label") as error:
        read("fasttext", f"__label__a b\n{line}\n")
    assert "__label__NAME" in error.value.hint
    assert read("fasttext", line + "\n", gold=False)[0].labels is None


def test_fasttext_of_several_labels_may_have_none(read: Any) -> None:
    text = "__label__a __label__b one\n\n  two \n__label__ three\n"
    found = read("fasttext", text, multi_label=True)
    assert [(e.text, e.labels, e.line) for e in found] == [("one", ["a", "b"], 1), ("two ", [], 3), ("three", [], 4)]
    with pytest.raises(SeqcliError, match="f:3:1: the line has no label") as error:
        read("fasttext", text)
    assert "data.multi_label: true" in error.value.hint
    assert [e.labels for e in read("fasttext", text, multi_label=True, gold=False)] == [["a", "b"], None, None, None]


def test_a_label_must_fit_on_a_line_of_output(read: Any) -> None:
    with pytest.raises(SeqcliError, match=r"f:1:10: the label 'a\\rb' holds a tab or a line break"):
        read("fasttext", "__label__a\rb text\n")
    assert read("label-text", "a\rb text\n", gold=False)[0].labels == ["a\rb"]


@pytest.mark.parametrize("name", ["label-text", "fasttext"])
def test_long_lines_of_blanks(read: Any, name: str) -> None:
    blanks, prefix = " \t" * (1 << 19), "__label__" * (name == "fasttext")
    (e,) = read(name, f"{blanks}{prefix}a{blanks}b{blanks}\n")
    assert (e.text, e.labels) == (f"b{blanks}", ["a"])
