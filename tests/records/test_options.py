"""What a model keeps of how its data were read, and where a filter looks for it then."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from seqcli.records import KINDS, LABELLED, TAGGED, Kind, Options, open_format
from seqcli.streams import Chunk

VALUES: dict[str, Any] = {
    "columns": ("word", "tag"),
    "multi_label": True,
    "header": True,
    "quoting": True,
    "gold": False,
}
VALUES |= {"replace": True, "confidence": True}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_what_is_kept_gives_the_options_back(kind: Kind) -> None:
    """Which part of a record is where, with tags what columns are called, else how rows are divided."""
    given = {f.name: VALUES.get(f.name, "x") for f in fields(Options) if f.name in kind.kept}
    options = Options(kind, **given)
    assert options.kept() == given
    assert Options(kind, **options.kept()) == options
    asked = {"columns", "separator", "comments"} if kind is TAGGED else {"header", "delimiter", "quoting"}
    assert {*kind.roles, *asked, "gold"} <= given.keys()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("csv", "what,which,whose\nA,B,C\n"),
        ("tsv", "what\twhich\twhose\nA\tB\tC\n"),
        ("jsonl", '{"what": "A", "which": "B", "whose": "C"}\n'),
    ],
)
def test_a_filter_looks_where_the_model_was_trained(name: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    trained = {"text": "which", "label": "whose"}
    (record,) = open_format(LABELLED, name).Reader(Options(LABELLED, gold=False), trained).feed(Chunk(text, "f", 1))
    assert (record.text, record.labels) == ("B", ["C"])
    assert capsys.readouterr().err == ""
    other = open_format(LABELLED, name).Reader(Options(LABELLED, gold=False, text="what"), trained)
    (record,) = other.feed(Chunk(text, "f", 1))  # what is said counts more
    assert (record.text, record.labels) == ("A", ["C"])


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [("csv", "label,text\nA,B\nA,B\n", "column"), ("jsonl", '{"label": "A", "text": "B"}\n' * 2, "key")],
)
def test_what_is_read_from_elsewhere_than_in_training_is_told_once(
    name: str, text: str, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for own, told in (
        ("body", f"f:1:1: there is no {what} 'body', which the model was trained on: 'text' is"),
        ("2", ""),
    ):
        reader = open_format(LABELLED, name).Reader(Options(LABELLED, gold=False), {"text": own})
        assert [record.text for record in reader.feed(Chunk(text, "f", 1))] == ["B", "B"]
        err = capsys.readouterr().err
        assert told in err
        assert err.count("trained") == bool(told)


def test_columns_without_names_are_those_of_training_by_number() -> None:
    options, trained = Options(LABELLED, gold=False, header=False), {"text": "3", "label": "1"}
    (record,) = open_format(LABELLED, "csv").Reader(options, trained).feed(Chunk("A,B,C\n", "f", 1))
    assert (record.text, record.labels) == ("C", ["A"])


def test_a_mark_before_a_quoted_cell_belongs_to_no_cell() -> None:
    reader = open_format(LABELLED, "csv").Reader(Options(LABELLED, text="1", label="2", header=False))
    (record,) = reader.feed(Chunk('\ufeff"a\nb",pos\n', "f", 1))
    assert (record.text, record.labels, record.place()) == ("a\nb", ["pos"], "f:1:2")
    assert (record.raw.before, record.raw.body) == ("\ufeff", '"a\nb",pos')
