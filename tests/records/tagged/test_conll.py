"""Columns: which they are, what is added to them, and what is wrong with a line."""

from __future__ import annotations

from typing import Any

import pytest

from seqcli.errors import SeqcliError, UsageError
from seqcli.records import TAGGED, Answer, Options, Sentence, open_format

CHUNKS = "He PRP B-NP\nreckons VBZ B-VP\n\nthe DT B-NP\n"
NAMED = {"columns": ("word", "pos", "chunk"), "tag": "chunk"}


def test_columns_by_name(read: Any) -> None:
    first, second = read("conll", CHUNKS, **NAMED, gold=True)
    assert first.words == ["He", "reckons"]
    assert first.tags == ["B-NP", "B-VP"]
    assert first.features == {"pos": ["PRP", "VBZ"]}
    assert list(first.places) == [(1, 1), (2, 1)]
    assert first.place(1, tag=True) == "f:2:13"
    assert (second.line, second.text) == (4, "the")
    assert first.spread() == [(0, 2), (3, 10)]


def test_columns_in_another_order_and_ignored(read: Any) -> None:
    (s,) = read("conll", "1\tDT\tthe\tx\t0\t0\n2\tNN\tcat\ty\t0\t0\n", columns=("-", "tag", "word", "_", "", ""))
    assert (s.words, s.tags, s.features) == (["the", "cat"], ["DT", "NN"], {})
    assert list(s.places) == [(1, 6), (2, 6)]
    assert list(s.tag_places)[1:] == [(2, 3)]
    assert s.tag_places[:1] == [(1, 3)]


def test_without_names_the_first_is_the_word_and_the_last_the_tag(read: Any) -> None:
    first, _ = read("conll", CHUNKS)
    assert (first.words, first.tags, first.features) == (["He", "reckons"], ["B-NP", "B-VP"], {})
    assert read("conll", "a\nb\n")[0].tags is None


@pytest.mark.parametrize("text", ["He PRP\nreckons VBZ\n", "He\nreckons\n"])
def test_the_tag_column_may_be_absent_but_for_gold(read: Any, text: str) -> None:
    (s,) = read("conll", text, **NAMED)
    assert (s.words, s.tags) == (["He", "reckons"], None)
    assert s.features == ({"pos": ["PRP", "VBZ"]} if "PRP" in text else {})
    with pytest.raises(SeqcliError, match=r"^f:1:1: . columns?, expected 3 \(word, pos, chunk\): 'He"):
        read("conll", text, **NAMED, gold=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He PRP B-NP\r\nx  y\tz \n\n", "He PRP B-NP X\r\nx  y\tz  X\n\n"),
        ("# He\nHe\tPRP\n\n# end", "# He\nHe\tPRP\tX\n\n# end"),
        ("-DOCSTART- -X-\n\na b", "-DOCSTART- -X-\n\na b X"),
        ("a\nb\n\n\n\nc\n", "a\tX\nb\tX\n\n\n\nc\tX\n"),
        ("a\tb\n\t\n \nc\td\n", "a\tb\tX\n\t\n \nc\td\tX\n"),
    ],
)
def test_the_prediction_is_a_new_last_column(read: Any, write: Any, text: str, expected: str) -> None:
    assert write("conll", read("conll", text, comments="#"), "X") == expected


def test_the_prediction_takes_the_place_of_the_gold_column_on_demand(read: Any, write: Any) -> None:
    options = {"columns": ("word", "tag", "pos"), "replace": True, "separator": "space"}
    sentences = read("conll", "the  DT\tx\ncat NN y\n", **options)
    assert write("conll", sentences, "A B", **options) == "the  A\u00a0B\tx\ncat A\u00a0B y\n"
    assert write("conll", read("conll", "the\n"), "T", replace=True) == "the\tT\n"


def test_confidence_is_one_more_column_and_an_untagged_token_is_marked(read: Any, write: Any) -> None:
    answer = Answer(["DT", ""], [0.98765, 0.4])
    sentences = read("conll", "the x\ncat y\n")
    assert write("conll", sentences, lambda s: answer, confidence=True) == "the x DT 0.9877\ncat y _ _\n"
    assert write("conll", sentences, "N", confidence=True) == "the x N _\ncat y N _\n"
    text = Sentence(["a b", "", "c\td"], ["1", "2", "3"])
    answer = Answer(["X", "", "Y"], [1.0, 0.5, 0.5])
    assert (
        write("conll", [text], lambda s: answer, confidence=True)
        == "a b\tX\t1.0000\n_\t_\t_\nc\u00a0d\tY\t0.5000\n\n"
    )
    assert (
        write("conll", [text], lambda s: answer, gold=True, empty_tag="-") == "a b\t1\tX\n_\t2\t-\nc\u00a0d\t3\tY\n\n"
    )
    assert write("conll", [text], lambda s: answer, separator="space") == "a\u00a0b X\n_ _\nc\u00a0d Y\n\n"
    assert write("conll", [text], lambda s: answer, separator=" ||| ").startswith("a b ||| X\n")


def test_separators(read: Any) -> None:
    assert read("conll", "New York\tLOC\n")[0].words == ["New York"]
    assert read("conll", "a b\tc\n", separator="space")[0].words == ["a"]
    assert read("conll", "a,b\nc,d\n", separator=",")[0].tags == ["b", "d"]
    assert read("conll", "\tO\n")[0].words == [""]
    assert read("conll", "10\u00a0000 CD\n")[0].words == ["10\u00a0000"]


def test_comments_only_where_declared(read: Any) -> None:
    assert read("conll", "# O\n#x O\n")[0].words == ["#", "#x"]
    assert read("conll", "#x O\ny O\n# z\nw O\n", comments="#")[0].words == ["y", "w"]
    assert [s.line for s in read("conll", "#x\n\n#y\nz O\n\n", comments="#")] == [4]


def test_document_marks_hold_no_words(read: Any) -> None:
    text = "-DOCSTART- -X- O\n\na b O\n\n-DOCSTART- -X- O\n\nc d O\n"
    assert [s.words for s in read("conll", text)] == [["a"], ["c"]]
    assert [s.words for s in read("conll", text, docstart=None)] == [["-DOCSTART-"], ["a"], ["-DOCSTART-"], ["c"]]
    assert read("conll", "-DOCSTART-ed O\n")[0].words == ["-DOCSTART-ed"]


@pytest.mark.parametrize(
    ("text", "options", "message", "hint"),
    [
        ("a b\n\nc d\ne f g\n", {}, "f:4:1: 3 columns, line 1 has 2: 'e f g'", "same columns"),
        ("a b c\nd e\n", NAMED, "f:2:1: 2 columns, expected 3 (word, pos, chunk): 'd e'", "columns: [word, _, tag]"),
        ("a\tb\nc\t\n", {"gold": True}, "f:2:3: the tag is empty", "its tag"),
        ("a\n", {"gold": True}, "f:1:1: one column, so there are no tags: 'a'", "tabs or blanks"),
        ("x" * 99 + "\n\n" + "a b\n", {"separator": "tab", "columns": ("word", "tag"), "gold": True}, "f:1:1: 1 column, expected 2 (word, tag): '" + "x" * 40 + "…'", "'tab'"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_named(read: Any, text: str, options: dict[str, Any], message: str, hint: str) -> None:
    with pytest.raises(SeqcliError) as error:
        read("conll", text, **options)
    assert error.value.message == message
    assert hint in error.value.hint


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": ("word", "pos", "chunk"), "tag": "chnk", "gold": True}, "no column is named 'chnk'"),
        ({"columns": ("form", "tag")}, "no column is named 'word'"),
        ({"columns": ("word", "tag", "tag")}, "two columns are named 'tag'"),
        ({"columns": ("_", "-")}, "no column has a name among _, -"),
        ({"columns": ("word",), "gold": True}, "the column 'word' cannot be both word and tag"),
        ({"separator": ""}, "the separator is empty"),
        ({"tag": "ner", "gold": True}, "which column is 'ner'?"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as error:
        open_format(TAGGED, "conll").Reader(Options(TAGGED, **{"gold": False, **options}))
    assert error.value.message == message
    assert error.value.hint or "among" in message


def test_each_source_shows_its_own_columns(read: Any) -> None:
    from seqcli.streams import Chunk

    reader = open_format(TAGGED, "conll").Reader(Options(TAGGED, gold=False))
    found = [*reader.feed(Chunk("a b\n", "1", 1)), *reader.feed(Chunk("c\td\te\n", "2", 1)), *reader.close()]
    assert [(s.words, s.tags) for s in found] == [(["a"], ["b"]), (["c"], ["e"])]


def test_blanks_around_a_word_alone_are_no_part_of_it(read: Any, write: Any) -> None:
    """What is written has tabs: they would become a part of the word."""
    sentences = read("conll", "the \n  cat\r\n\n")
    written = write("conll", sentences, "X")
    assert written == "the\tX\ncat\tX\r\n\n"
    assert [s.words for s in read("conll", written)] == [s.words for s in sentences]
