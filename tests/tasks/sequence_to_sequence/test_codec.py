"""The two sides of a pair as ids and back: every kind of tokenizer, shared and separate; what can be copied."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from support.translators import KINDS, SOURCES, TARGETS, codec, learn, model, write

from seqcli import registry
from seqcli.tasks.sequence_to_sequence.codec import Codec

EITHER = [(kind, other) for kind in KINDS for other in (None, kind)] + [("char", "word"), ("word", "byte")]


def test_every_kind_of_tokenizer_is_among_them() -> None:
    assert {*KINDS, "bins"} == set(registry.names("tokenizers"))  # the bins of numbers are no text


@pytest.mark.parametrize(("kind", "other"), EITHER)
def test_ids_of_both_sides(kind: str, other: str | None) -> None:
    s = codec(kind, other)
    assert s.sizes == (s.source.size + 2, s.target.size + 2, other is None, 0, ())
    assert (s.bos, s.eos) == (s.sizes.target - 2, s.sizes.target - 1)
    assert (s.target is s.source) == (other is None)
    for source, target in zip(SOURCES, TARGETS, strict=True):
        ids = s.source_ids(source)
        assert ids.dtype == np.int64
        assert ids.tolist() == [*s.source.encode(source).tolist(), s.sizes.source - 1]
        assert s.source_symbols(source) == [*s.source.pieces(source), "<eos>"]
        assert len(s.source_texts(source)) == len(ids) - 1
        given = s.target_ids(target)
        assert given.dtype == np.int64
        assert given.tolist() == [*s.prefix(target, [])[0], s.eos]
        assert s.text(given[:-1]) == target
        assert s.target_symbols(given) == [*s.target.pieces(target), "<eos>"]
    assert s.source_ids("").tolist() == [s.sizes.source - 1]
    assert s.target_ids("").tolist() == [s.eos]
    assert s.text([]) == ""


@pytest.mark.parametrize("kind", ["char", "byte", "sentencepiece"])
@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"), max_size=12))
def test_texts_come_back(kind: str, text: str) -> None:
    s = Codec(learn(kind, [text, *SOURCES]), None, 50) if kind == "char" else CACHED[kind]
    assert s.text(s.target_ids(text)[:-1]) == text
    if kind == "char":
        assert "".join(s.source_texts(text)) == text


CACHED = {kind: codec(kind) for kind in ("byte", "sentencepiece")}


@pytest.mark.parametrize(("kind", "other"), EITHER)
def test_a_line_end_is_a_space_on_both_sides(kind: str, other: str | None) -> None:
    s = codec(kind, other)
    for text, plain in (("the\ncat", "the cat"), ("le\nchat\n", "le chat ")):
        np.testing.assert_array_equal(s.source_ids(text), s.source_ids(plain))
        np.testing.assert_array_equal(s.target_ids(text), s.target_ids(plain))
        assert s.source_symbols(text) == s.source_symbols(plain)
    assert "\n" not in s.text([*range(s.target.size)])


@pytest.mark.parametrize("kind", KINDS)
def test_what_no_answer_has(kind: str) -> None:
    s = codec(kind)
    named = {s.target.unk_id, s.target.newline_id, s.bos} - {None}
    assert set(s.banned) == named
    assert s.eos not in s.banned
    assert s.unknown == (s.target.unk_id or 0)


def test_unknown_characters_and_words() -> None:
    s = codec("char", "word")
    assert (
        s.source_ids("c~t") == [*s.source.encode("c"), s.source.unk_id, *s.source.encode("t"), s.sizes.source - 1]
    ).all()
    assert s.source_symbols("c~t")[1] == "<unk>"
    assert s.source_texts("c~t") == ["c", "~", "t"]
    assert s.target_ids("le zèbre").tolist()[1] == s.target.unk_id


@pytest.mark.parametrize("kind", KINDS)
def test_longest_is_of_the_source_alone(kind: str) -> None:
    s, whole = codec(kind, longest=2), codec(kind)
    text = "the dog ran home the dog"
    ids = s.source_ids(text)
    assert ids.tolist() == [*whole.source_ids(text)[:2].tolist(), s.sizes.source - 1]
    assert (len(s.source_symbols(text)), len(s.source_texts(text)), len(s.copies(text)[0])) == (3, 2, 3)
    assert s.target_ids(text).tolist() == whole.target_ids(text).tolist()


@pytest.mark.parametrize(("kind", "other"), EITHER)
def test_a_models_file_has_both_sides(kind: str, other: str | None, tmp_path: Path) -> None:
    s = codec(kind, other, longest=7)
    again = Codec.of(write(tmp_path / "m.safetensors", s, model(s), {}))
    assert (again.sizes, again.longest, again.own_target is None) == (s.sizes, 7, other is None)
    assert again.source.fingerprint() == s.source.fingerprint()
    assert again.target.fingerprint() == s.target.fingerprint()


# copying


def test_copies_by_hand() -> None:
    s = Codec(learn("word", ["call ann now", "un deux"]), learn("word", ["appelle un ann deux"]), 9)
    V, ids = s.sizes.target, {w: int(s.target.encode(w)[0]) for w in ("ann", "un")}
    found, extra = s.copies("ann call bob un bob zoé call")
    assert extra == ["call", "bob", "zoé"]  # unknown to the target side: one known to the source, two to neither
    assert found.tolist() == [ids["ann"], V, V + 1, ids["un"], V + 1, V + 2, V, s.eos]
    targets = s.copied_targets("appelle bob call eve", extra)
    assert targets.tolist() == [int(s.target.encode("appelle")[0]), V + 1, V, s.target.unk_id, s.eos]
    assert s.text(targets[:3], extra) == "appelle bob call"
    assert s.target_symbols(targets, extra) == ["appelle", "bob", "call", "<unk>", "<eos>"]
    assert s.copies("")[0].tolist() == [s.eos]
    assert s.copied_targets("eve", []).tolist() == [s.target.unk_id, s.eos]


def test_copied_text_is_the_sources_own() -> None:
    """Spaces, backslashes and what tokenizers show otherwise: the target side knows none of them."""
    s = Codec(learn("char", ["ab c\\d\u3000"]), learn("char", ["ab"]), 50)
    text = "a b\\ \u3000é"
    found, extra = s.copies(text)
    assert extra == [" ", "\\", "\u3000", "é"]
    assert s.text(found[:-1], extra) == text
    assert all(len(symbol.split()) == 1 for symbol in s.target_symbols(found, extra))
    assert s.copied_targets(text, extra).tolist() == found.tolist()


def test_a_target_symbol_that_the_source_side_lacks_is_copied_as_itself() -> None:
    s = Codec(learn("char", ["ab"]), learn("char", ["a b"]), 50)
    found, extra = s.copies("a b")
    assert extra == []
    assert s.text(found[:-1]) == "a b"


WORDS = st.lists(st.sampled_from(["ann", "bob", "un", "deux", "x\\y", "z'", "▁", "call"]), max_size=7)


@pytest.mark.parametrize("kinds", [("word", None), ("word", "word"), ("char", "char"), ("char", None)])
@given(source=WORDS, target=WORDS)
def test_a_target_of_what_the_source_has_can_always_be_written(
    kinds: tuple[str, str | None], source: list[str], target: list[str]
) -> None:
    s = SMALL[kinds]
    text = " ".join(w for w in target if w in source or w in ("un", "deux"))
    assume(kinds != ("char", "char") or " " not in text or " " in " ".join(source))  # its targets know no space
    _, extra = s.copies(" ".join(source))
    ids = s.copied_targets(text, extra)
    assert s.target.unk_id not in ids
    assert s.text(ids[:-1], extra) == text


SMALL = {
    ("word", None): Codec(learn("word", ["call", "un deux"]), None, 50),
    ("word", "word"): Codec(learn("word", ["call ann"]), learn("word", ["un deux"]), 50),
    ("char", None): Codec(learn("char", ["un deux"]), None, 50),
    ("char", "char"): Codec(learn("char", ["call ann"]), learn("char", ["un", "deux"]), 50),
}


@pytest.mark.parametrize("kind", ["byte", "sentencepiece"])
def test_with_one_set_of_symbols_nothing_is_ever_lacking(kind: str) -> None:
    s = CACHED[kind]
    for text in ("the cat", "漢字 ▁ \\ é", ""):
        found, extra = s.copies(text)
        assert extra == []
        assert s.text(found[:-1]) == text
        assert s.copied_targets(text, extra).tolist() == found.tolist()


def test_letters_that_are_copied_apart_are_composed_again() -> None:
    both = learn("char", ["각"], normalize="nfd")
    s = Codec(both, None, 50)
    copies, extra = s.copies("한b")
    assert len(copies) == 5  # three letters, b, the end
    assert len(extra) == 3  # of which one is known
    ids = s.copied_targets("b한", extra)
    assert s.text(ids[:-1], extra) == "b한"
    assert s.text(s.target_ids("가")[:-1]) == "가"
    assert s.source_texts("한b") == [*"\u1112\u1161\u11abb"]
