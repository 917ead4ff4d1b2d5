"""Labels of a data set: renamed with checked names, from the names of files, none where that may be, unknown ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from seqcli.datasets.corpus import Records
from seqcli.errors import SeqcliError, UsageError
from seqcli.records import LABELLED, Example, Options
from seqcli.tasks.classification.data import Config, Corpus, open_corpus, read_examples
from seqcli.tasks.classification.labels import unknown_label

TSV = "text\tlabel\na b\tgood\nc d\tbad\n"


@pytest.fixture
def corpus(tmp_path: Path) -> Callable[..., Corpus]:
    """`corpus(content, **keys)`: the corpus of a training file t.txt that holds that; v.tsv is there too."""
    (tmp_path / "v.tsv").write_text("text\tlabel\ne f\tso-so\n")

    def make(content: str, **keys: Any) -> Corpus:
        (tmp_path / "t.txt").write_text(content)
        return open_corpus(Config(**{"train": "./t.txt", **keys}), tmp_path)

    return make


def labels(own: Corpus, split: str = "train") -> list[list[str] | None]:
    return [e.labels for e in own.splits[split]]


# none


def test_fasttext_lines_of_several_labels_may_have_none(corpus: Callable[..., Corpus]) -> None:
    text = "__label__a __label__b one two\nthree\n__label__a four\n"
    own = corpus(text, format="fasttext", multi_label=True)
    assert labels(own) == [["a", "b"], [], ["a"]]
    assert own.options.multi_label
    with pytest.raises(SeqcliError, match=r"t\.txt:2:1: the line has no label"):
        corpus(text, format="fasttext")


# renamed


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "a label cannot be empty; null drops its records"),
        ("  ", "a label cannot be empty"),
        ("a\tb", r"the label 'a\\tb' holds a tab or a line break"),
        ("a\n", r"the label 'a\\n' holds a tab or a line break"),
        ("a\rb", "holds a tab or a line break"),
    ],
)
def test_a_new_name_must_be_a_label(name: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Config(train="x", labels={"good": name})


def test_a_new_name_is_read_as_labels_are(corpus: Callable[..., Corpus]) -> None:
    assert labels(corpus(TSV, format="tsv", labels={"good": " very good "})) == [["very good"], ["bad"]]


def test_a_label_to_rename_must_be_there(corpus: Callable[..., Corpus]) -> None:
    for names in ({"god": "x"}, {"good": "x", "god": None}):
        with pytest.raises(SeqcliError) as error:
            corpus(TSV, format="tsv", labels=names)
        assert error.value.message == "data.labels: no record has the label 'god'"
        assert error.value.hint == "did you mean 'good'?\nlabels: bad, good"
    own = corpus(TSV, format="tsv", valid="v.tsv", labels={"so-so": "mild", "good": "fine", "bad": None})
    assert (labels(own), labels(own, "valid")) == ([["fine"]], [["mild"]])


def test_it_may_be_in_any_split_or_in_a_tree(corpus: Callable[..., Corpus]) -> None:
    assert labels(corpus(TSV, format="tsv", valid="v.tsv", labels={"so-so": "bad"}), "valid") == [["bad"]]
    trees = "(2 (1 (4 so) (1 bad)) (3 it))\n(0 (1 so) (0 bad))\n"
    for phrases in (False, True):
        own = corpus(trees, format="trees", phrases=phrases, labels={"4": "pos", "3": None})
        assert labels(own) == [["2"], ["0"]]
    with pytest.raises(SeqcliError, match="no record has the label '5'") as error:
        corpus(trees, format="trees", labels={"5": None})
    assert error.value.hint == "labels: 0, 1, 2, 3, 4"


# names of files


def test_the_folder_of_a_bare_file_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "pos"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.txt").write_text("a b\n")
    monkeypatch.chdir(folder)
    own = [open_corpus(Config(train="./a.txt", label_from="folder"), Path())]
    monkeypatch.chdir("deep")
    own += [open_corpus(Config(train="../a.txt", label_from="folder"), base) for base in (Path(), folder / "deep")]
    assert [labels(o) for o in own] == [[["pos"]]] * 3

    def read(path: str) -> list[list[str] | None]:
        return [e.labels for e in read_examples(Records("text", Options(LABELLED)), [path], "folder")]

    (folder / "deep" / "b.txt").write_text("c\n")
    (folder / "deep" / "linked.txt").symlink_to("../a.txt")
    assert (read("b.txt"), read("../a.txt"), read("linked.txt")) == ([["deep"]], [["pos"]], [["deep"]])


def test_names_that_no_label_can_be(tmp_path: Path) -> None:
    (tmp_path / "a\tb.txt").write_text("x\n")
    (tmp_path / " .txt").write_text("x\n")
    with pytest.raises(SeqcliError, match="holds a tab or a line break"):
        open_corpus(Config(train="a*.txt", label_from="file"), tmp_path)
    with pytest.raises(SeqcliError, match="the record has no label"):
        open_corpus(Config(train=" .txt", label_from="file"), tmp_path)


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_standard_input_has_no_name(kind: str) -> None:
    with pytest.raises(UsageError, match=f"is the name of its {kind}, but standard input has no name") as error:
        list(read_examples(Records("text", Options(LABELLED)), ["-"], kind))
    assert "--input" in error.value.hint


# unknown to a model, and undecodable


def test_what_is_known_is_said_once() -> None:
    example = Example("a film", ["x"], source="f.tsv", line=3, column=5, goal_column=1)
    assert unknown_label(example, "x", ["bad", "good"]).hint == "labels: bad, good"
    assert unknown_label(example, "god", ["bad", "good"]).hint == "did you mean 'good'?\nlabels: bad, good"
    many = [f"L{i:02}" for i in range(50)]
    assert unknown_label(example, "x", many).hint == f"labels: {', '.join(many[:20])} and 30 more"
    assert unknown_label(example, "l03", many).hint == "did you mean 'L03'?"


def test_text_that_is_not_utf8_may_be_declared(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_bytes(TSV.replace("c d", "é").encode("latin-1"))
    with pytest.raises(SeqcliError, match=r"t\.tsv:3:1: byte 0xe9 is not valid UTF-8") as error:
        open_corpus(Config(train="./t.tsv"), tmp_path)
    assert "iconv -f latin1" in error.value.hint
    assert "data.encoding: latin-1" in error.value.hint
    assert labels(open_corpus(Config(train="./t.tsv", encoding="latin-1"), tmp_path)) == [["good"], ["bad"]]
