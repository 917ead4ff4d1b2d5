"""Texts as tokens: by every tokenizer, in line with their offsets, cut at `longest`; trees keep their leaves."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples

from seqcli import artifact, tokenizers
from seqcli.records import Example
from seqcli.records.trees import parse
from seqcli.tasks.classification.reading import Reading
from seqcli.tokenizers import visible

LINES = ["I can't say: it's a good film .", "Ça n'est pas MAL, 3.50 EUR!", "日本語 and e\u0301 and 👍"] * 3
ANY = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from(" \n\t.,'ab")), max_size=40)
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "words": ("word", {}),
    "words in lower case": ("word", {"lowercase": True}),
    "words and marks": ("word", {"split": "punctuation"}),
    "words by the rule": ("word", {"split": "rule", "lowercase": True}),
    "characters": ("char", {"unk": True}),
    "bytes": ("byte", {}),
    "pieces": ("sentencepiece", {"size": 300}),
    "pieces by merging": ("sentencepiece", {"size": 300, "model_type": "bpe"}),
}


@pytest.fixture(scope="module")
def learnt(lab: Any) -> dict[str, Any]:
    return {name: lab.learn(kind, LINES, **keys) for name, (kind, keys) in KINDS.items()}


@pytest.mark.parametrize("name", KINDS)
@given(text=ANY, longest=st.integers(1, 50))
@settings(max_examples=examples(60))
def test_tokens_are_in_line_with_their_offsets(learnt: dict[str, Any], name: str, text: str, longest: int) -> None:
    tokenizer = learnt[name]
    whole, own = Reading(tokenizer, 10**6), Reading(tokenizer, longest)
    words, places = own.words(text), own.offsets(text)
    assert len(words) == len(places) <= longest
    assert words == whole.words(text)[:longest]
    assert places == whole.offsets(text)[:longest]
    assert all(0 <= a <= b <= len(text) for a, b in places)
    assert [a for a, _ in places] == sorted(a for a, _ in places)
    assert own.places(own(Example(text))) == places
    shown = text.replace("\n", " ")
    if tokenizer.kind == "word":
        assert words == [text[a:b] for a, b in places]
        assert not any(c.isspace() for w in words for c in w)
        assert "".join(whole.words(text)) == "".join(text.split())
    elif tokenizer.kind == "char":
        known = set(tokenizer.characters)
        assert words == [visible(c) if c in known else "<unk>" for c in shown[:longest]]
    elif tokenizer.kind == "byte":
        assert len(whole.words(text)) == len(text.encode())
    else:
        assert whole.words(text) == tokenizer.pieces(shown)


def test_words_are_as_they_stand_in_the_text(lab: Any) -> None:
    """The vocabulary folds case, not the text: characters and vectors see capitals."""
    text = "It's GOOD,\nisn't it?"
    read = {
        split: Reading(lab.learn("word", LINES, lowercase=True, split=split), 99).words(text)
        for split in ("whitespace", "punctuation", "rule")
    }
    assert read["whitespace"] == ["It's", "GOOD,", "isn't", "it?"]
    assert read["punctuation"] == ["It", "'", "s", "GOOD", ",", "isn", "'", "t", "it", "?"]
    assert read["rule"] == ["It", "'s", "GOOD", ",", "is", "n't", "it", "?"]


def test_a_line_break_is_a_space(learnt: dict[str, Any]) -> None:
    for name in KINDS:
        own = Reading(learnt[name], 99)
        assert own.words("a film\nof note\n") == own.words("a film of note ")
        assert own.offsets("a film\nof note\n") == own.offsets("a film of note ")


def test_a_tree_keeps_its_leaves_where_tokens_are_words(learnt: dict[str, Any]) -> None:
    """`do n't` would be four words to a tokenizer that parts marks; characters are read from the text all the same."""
    tree = parse("(1 (2 do) (0 (1 n't) (1 go!)))")
    example = Example("do n't go!", ["1"], words=tree.leaves(), tree=tree)
    for name in ("words", "words and marks", "words by the rule"):
        own = Reading(learnt[name], 99)
        assert own(example) is example
        assert own.places(example) == [(0, 2), (3, 6), (7, 10)]
    for name in ("characters", "bytes", "pieces"):
        own = Reading(learnt[name], 99)
        assert own(example).words == own.words("do n't go!") != example.words
        assert own(example).tree is tree
        assert own.places(own(example)) == own.offsets("do n't go!")
    assert Reading(None, 99)(example) is example


def test_reading_twice_is_reading_once(learnt: dict[str, Any]) -> None:
    for name in KINDS:
        own = Reading(learnt[name], 7)
        once = own(Example("It's a good film, 日本.", ["x"], line=4))
        assert own(once) == once
        assert (once.text, once.labels, once.line) == ("It's a good film, 日本.", ["x"], 4)


@pytest.mark.parametrize("name", [*KINDS, None])
def test_a_models_file_says_how_it_reads(learnt: dict[str, Any], name: str | None, tmp_path: Any) -> None:
    header: dict[str, Any] = {"kind": "model", "data": {"longest": 6}}
    arrays = {}
    if name is not None:
        header["tokenizer"], arrays = tokenizers.to_artifact(learnt[name])
    artifact.write(tmp_path / "m.safetensors", header, arrays)
    own = Reading.of(artifact.read(tmp_path / "m.safetensors"))
    assert own.longest == 6
    if name is None:
        assert own.tokenizer is None
    else:
        assert own.words(LINES[0]) == Reading(learnt[name], 6).words(LINES[0])
