"""CoNLL-U: fields, features, multi-word tokens, offsets."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.errors import SeqcliError, UsageError
from seqcli.records import TAGGED, Answer, Options, Sentence, open_format
from seqcli.records.conllu import set_value, value_of


def row(
    id: str, form: str, upos: str = "_", feats: str = "_", misc: str = "_", xpos: str = "_", tree: str = "_\t_"
) -> str:
    return "\t".join([id, form, "_", upos, xpos, feats, tree, "_", misc]) + "\n"


ROOT, REST = "0\troot", "1\tdep"  # of the tree that holds a place


DU = row("1-2", "du") + row("1", "de", "ADP") + row("2", "le", "DET", "Gender=Masc|Number=Sing")
CAN = row("3-4", "can't", misc="SpaceAfter=No") + row("3", "ca", "AUX") + row("4", "n't", "PART") + row("4.1", "x")
TEXT = "# text = du  can't.\n" + DU + CAN + row("5", ".", "PUNCT", misc="SpaceAfter=No|NER=O") + "\n"


def test_words_tags_features_and_places(read: Any) -> None:
    (s,) = read("conllu", TEXT)
    assert s.words == ["de", "le", "ca", "n't", "."]
    assert s.tags == ["ADP", "DET", "AUX", "PART", "PUNCT"]
    assert set(s.features) == {"lemma", "xpos", "feats", "head", "deprel"}
    assert (s.line, s.places[0], s.place(1, tag=True)) == (3, (3, 3), "f:4:8")


def test_offsets_point_into_the_text(read: Any) -> None:
    (s,) = read("conllu", TEXT)
    assert s.text == "du  can't."
    assert s.offsets == [(0, 2), (0, 2), (4, 6), (6, 9), (9, 10)]


@pytest.mark.parametrize("comment", ["", "# text = something else\n"])
def test_a_text_that_does_not_hold_the_words_is_put_together(read: Any, comment: str) -> None:
    (s,) = read("conllu", comment + TEXT.partition("\n")[2])
    assert (s.text, s.offsets) == ("du can't.", [(0, 2), (0, 2), (3, 5), (5, 8), (8, 9)])


def test_tags_of_feats_and_misc(read: Any) -> None:
    assert read("conllu", TEXT, tag="feats.Number", gold=True)[0].tags == ["_", "Sing", "_", "_", "_"]
    assert read("conllu", TEXT, tag="NER")[0].tags == ["_", "_", "_", "_", "O"]
    assert read("conllu", TEXT, tag="misc.NER")[0].tags == ["_", "_", "_", "_", "O"]
    assert "feats" not in read("conllu", TEXT, tag="feats.Number")[0].features
    assert read("conllu", TEXT, tag="XPOS")[0].tags is None
    assert read("conllu", TEXT, tag="xpos", gold=True)[0].tags == ["_"] * 5


def test_the_field_alone_changes(read: Any, write: Any) -> None:
    (s,) = read("conllu", TEXT)
    written = write("conllu", [s], "X")
    changed = [(a, b) for a, b in zip(TEXT.split("\n"), written.split("\n"), strict=True) if a != b]
    assert [b.split("\t")[:4] for _, b in changed] == [[str(i + 1), w, "_", "X"] for i, w in enumerate(s.words)]
    assert all(a.split("\t")[4:] == b.split("\t")[4:] for a, b in changed)


@pytest.mark.parametrize(
    ("tag", "value", "before", "after"),
    [
        ("feats.Number", "Plur", row("1", "a"), row("1", "a", feats="Number=Plur")),
        ("feats.Case", "Nom", row("1", "a", feats="Number=Sing"), row("1", "a", feats="Case=Nom|Number=Sing")),
        ("feats.abc", "1", row("1", "a", feats="Aa=1|Zz=2"), row("1", "a", feats="Aa=1|abc=1|Zz=2")),
        ("feats.Number", "", row("1", "a", feats="Number=Sing"), row("1", "a")),
        ("feats.Number", "_", row("1", "a", feats="B=1|A=2"), row("1", "a", feats="B=1|A=2")),
        ("NER", "B-PER", row("1", "a", misc="Z=1|A"), row("1", "a", misc="Z=1|A|NER=B-PER")),
        ("NER", "a|b", row("1", "a", misc="NER=O|Z=1"), row("1", "a", misc="NER=a/b|Z=1")),
        ("NER", "", row("1", "a", misc="NER=O|Z=1"), row("1", "a", misc="Z=1")),
        ("upos", "", row("1", "a", upos="X"), row("1", "a")),
        ("misc", "M", row("1", "a", misc="x"), row("1", "a", misc="M")),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_setting_a_field(read: Any, write: Any, tag: str, value: str, before: str, after: str, end: str) -> None:
    before, after = before.replace("\n", end), after.replace("\n", end)
    answer = Answer([value])
    assert write("conllu", read("conllu", before, tag=tag), lambda s: answer, tag=tag) == after


names = st.text("ABab", min_size=1, max_size=2)


@given(st.dictionaries(names, st.sampled_from("12"), max_size=4), names, st.sampled_from(["1", "3", "_"]))
def test_set_value_is_a_dictionary(pairs: dict[str, str], key: str, value: str) -> None:
    cell = "|".join(f"{k}={v}" for k, v in pairs.items()) or "_"
    new = set_value(cell, key, value, ordered=True)
    expected = {k: v for k, v in {**pairs, key: value}.items() if v != "_"}
    assert {k: value_of(new, k) for k in [*pairs, key] if value_of(new, k) != "_"} == expected
    assert new.count("=") == len(expected)
    if value != pairs.get(key, "_"):
        order = [] if new == "_" else [pair.partition("=")[0].lower() for pair in new.split("|")]
        assert order == sorted(order)
    assert value_of(new, key) == value


def test_from_text_with_space_after(write: Any) -> None:
    s = Sentence(["Hi", ",", "you"], text=" Hi, \ryou", offsets=[(1, 3), (3, 4), (6, 9)])
    first = row("1", "Hi", "X", misc="SpaceAfter=No", tree=ROOT)
    expected = "# text = Hi, \u00a0you\n" + first + row("2", ",", "X", tree=REST)
    assert write("conllu", [s], "X") == expected + row("3", "you", "X", tree=REST) + "\n"
    expected = row("1", "Hi", misc="NER=X|SpaceAfter=No", tree=ROOT)
    assert write("conllu", [s], "X", tag="NER").split("\n")[1] + "\n" == expected
    assert write("conllu", [Sentence(), s, Sentence()], "X") == write("conllu", [s], "X")


@pytest.mark.parametrize(("tag", "tree"), [("head", "X\tdep"), ("deprel", "1\tX")])
def test_a_tree_that_is_predicted_is_not_held_a_place(write: Any, tag: str, tree: str) -> None:
    assert write("conllu", [Sentence(["a", "b"])], "X", tag=tag).split("\n")[1] + "\n" == row("2", "b", tree=tree)


def test_what_is_written_is_read_by_the_evaluation_script_of_conll_2018(write: Any) -> None:
    """Sentences, blank lines, words with spaces, of other formats; the script refuses what has no single tree."""
    script = pytest.importorskip("udtools.udeval")
    given = [
        Sentence(["a b", "", "c"]),
        Sentence(),
        Sentence(["d"]),
        Sentence(["e", "e"], text="ee", offsets=[(0, 1), (1, 2)]),
    ]
    loaded = script.load_conllu(io.StringIO(write("conllu", given, "X")), "", {})
    assert [len(loaded.words), len(loaded.sentences)] == [6, 3]


def test_what_was_written_has_the_same_offsets(read: Any, write: Any) -> None:
    s = Sentence(["a", "b", "c"], text="a bc", offsets=[(0, 1), (2, 3), (3, 4)])
    (again,) = read("conllu", write("conllu", [s], "X"))
    assert (again.text, again.offsets, again.words) == (s.text, s.offsets, s.words)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (row("1", "a") + "2\tb\tc\n\n", {}, "f:2:1: 3 columns, CoNLL-U has 10: '2\\tb\\tc'"),
        ("\nthe DT\n", {}, "f:2:1: 'the DT' is not a word number, so this is not CoNLL-U"),
        ("# x\n" + row("1", "a") + "\n", {"gold": True}, "f:2:7: no word of this sentence has a part of speech (UPOS is _)"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_named(read: Any, text: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(SeqcliError) as error:
        read("conllu", text, **options)
    assert error.value.message == message
    assert error.value.hint


@pytest.mark.parametrize("tag", ["form", "id", "upso", "feat.Number", "feats.", "a=b", "x|y"])
def test_a_wrong_field_is_named(tag: str) -> None:
    for door in ("Reader", "Writer"):
        with pytest.raises(UsageError, match="CoNLL-U") as error:
            getattr(open_format(TAGGED, "conllu"), door)(Options(TAGGED, tag=tag, gold=False))
        assert error.value.hint
