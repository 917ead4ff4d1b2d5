"""What is said of data before a model is trained on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from seqcli import registry


@pytest.fixture
def doubts(tmp_path: Path) -> Callable[..., list[str]]:
    """`doubts(task, format, train, valid, **keys)`: of two files."""

    def found(task: str, format: str, train: str, valid: str, **keys: object) -> list[str]:
        module = registry.load(f"tasks/{task}", "data")
        (tmp_path / "train").write_text(train)
        (tmp_path / "valid").write_text(valid)
        return module.open_corpus(
            module.Config(train="train", valid="valid", format=format, **keys), tmp_path
        ).doubts()

    return found


@pytest.mark.parametrize(
    ("task", "format", "line"),
    [
        ("classification", "tsv", "{0}\ttext {1}\n"),
        ("tagging", "word-tag", "word{1}/{0}\n"),
        ("sequence-to-sequence", "tsv", "source {1}\ttarget {0}\n"),
    ],
)
def test_records_of_two_splits(doubts, task, format, line):
    keys = {"classification": {"header": False}, "sequence-to-sequence": {"header": False}}.get(task, {})
    train = "".join(line.format("xy"[i % 2], i) for i in range(100))
    for again in (0, 1, 2, 7):
        valid = "".join(line.format("xy"[i % 2], i) for i in range(200 - again, 300 - again))
        valid = valid + "".join(line.format("x", i) for i in range(again))  # whatever their labels
        found = doubts(task, format, train, valid, **keys)
        said = f"valid: {again} of {100 + again} records are in the training split too, word for word"
        assert [said in doubt for doubt in found] == [True] * (again * 50 > 100 + again)


def test_labels_that_cannot_be_meant(doubts):
    train = "Good\ta b\ngood\tb c\nbad\tc d\ngood\td e\n"
    (said,) = doubts("classification", "tsv", train, "bad\te f\n", header=False, text="2", label="1")
    assert said.startswith("the labels 'Good' (1 texts) and 'good' (2) differ only in case")
    (said,) = doubts("classification", "tsv", "x\ta b\nx\tb c\n", "x\te f\n", header=False, text="2", label="1")
    assert said == "every training text has the label 'x': there is nothing to tell apart"


def test_open_tags_that_are_read_literally(doubts):
    for tag in ("_", "!PER"):
        (said,) = doubts("tagging", "word-tag", f"Ada/O saw/{tag} it/O\n", "he/O\n")
        assert (
            said == f"the tag {tag} is learnt like any other: data.partial: true reads it as unknown or partly known"
        )
    assert doubts("tagging", "word-tag", "Ada/O saw/_ it/O\n", "he/O\n", partial=True) == []
    assert doubts("tagging", "word-tag", "Ada/O saw/! it/O\n", "he/O\n") == []


def test_spans_the_other_way_round(doubts):
    (said,) = doubts("tagging", "word-tag", "Ada/PER-B Zola/PER-I ran/O\nAt/O Rome/LOC-B\n", "it/O\n")
    assert said == "the tags look like spans written the wrong way round: write B-PER instead of PER-B"
    assert doubts("tagging", "word-tag", "Ada/B-PER Zola/I-PER ran/O\n", "it/O\n") == []
    assert doubts("tagging", "word-tag", "Ada/NN-B ran/O now/RB it/PRP\n", "it/O\n") == []
