"""TSV and CSV: cells as Python's csv module reads them, columns by name and number, headers, places of mistakes."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.examples import examples

from seqcli.errors import SeqcliError, UsageError
from seqcli.records import LABELLED, Example, Options
from seqcli.records._lines import Line
from seqcli.records.csv import Reader as CsvReader
from seqcli.streams import Chunk

quick = settings(max_examples=examples(150), suppress_health_check=[HealthCheck.function_scoped_fixture])
BY_NUMBER = {"text": "2", "label": "1", "header": False}


class Cells(CsvReader):
    """All the cells of each row."""

    def _row(self, raw: Line, cells: list[str], places: Any, number: int) -> Example | None:
        return Example("", labels=cells, raw=raw) if raw.body else None


@given(st.lists(st.text('a",\n\r é', max_size=4), max_size=12).map(lambda parts: "".join(parts)))
@example('"a""b","c\n""d"\n')
@example('a"b,"c"')
@example('""\n"""')
@quick
def test_cells_are_those_of_pythons_csv(text: str) -> None:
    """Where Python's strict reader fails, ours does. A lone `\\r` ends a line for Python, not here: none is drawn."""
    text = text.replace("\r", "\r\n").replace("\r\n\n", "\r\n")
    try:
        expected = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except csv.Error:
        expected = None
    reader = Cells(Options(LABELLED))
    try:
        found = [e.labels for e in [*reader.feed(Chunk(text, "f", 1)), *reader.close()]]
    except SeqcliError:
        found = None
    assert found == expected


cells = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), min_size=3, max_size=3)


@given(st.lists(cells, min_size=1, max_size=6), st.sampled_from(["\n", "\r\n"]), st.sampled_from([",", ";", "\t"]))
@quick
def test_what_python_writes_is_read(read: Any, rows: list[list[str]], end: str, delimiter: str) -> None:
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator=end, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(rows)
    whole = file.getvalue()
    lines = whole.split("\n")
    for column in range(3):
        found = read("csv", whole, text=str(column + 1), label="1" if column else "2", delimiter=delimiter, header=False, gold=False)  # fmt: skip
        assert [e.text for e in found] == [row[column] for row in rows]
        for e in found:
            cell = e.text.replace('"', '""').split("\n")[0]
            assert lines[e.line - 1][e.column - 1 :].startswith(cell)
            assert lines[e.line - 1][e.column - 2] == '"'
        assert "".join(e.raw.body + e.raw.end for e in found) == whole


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("label\ttext\np\ta\n", {}, ("a", ["p"])),
        ("sentence\tlabel\na\t1\n", {}, ("a", ["1"])),  # GLUE's SST-2
        ("Text\tSentiment\na\tp\n", {}, ("a", ["p"])),
        ("PhraseId\tPhrase\tSentiment\n1\ta\tp\n", {}, ("a", ["p"])),
        ("id\tbody\tkind\n1\ta\tp\n", {"text": "body", "label": "kind"}, ("a", ["p"])),
        ("id\tBody \tkind\n1\ta\tp\n", {"text": "body", "label": "Kind"}, ("a", ["p"])),
        ("x\ty\na\tp\n", {"text": "1", "header": True}, ("a", ["p"])),
        ("x\ty\na\tp\n", {"label": "y"}, ("a", ["p"])),
        ("p\ta b\n", {}, ("a b", ["p"])),  # the one with white space is the text
        ("a b\tp\n", {}, ("a b", ["p"])),
        ("a b\tp q\n", {"label": "2"}, ("a b", ["p q"])),
        ("i\tp\tx\ta\n", {"text": "4", "label": "2"}, ("a", ["p"])),
        ("text\tlabel\n", {"header": False, "text": "1"}, ("text", ["label"])),
        ("question\tHow did it end?\n", {}, ("How did it end?", ["question"])),  # a label with a header's name
        ('p\t"a\n', {"text": "2"}, ('"a', ["p"])),  # a quote in TSV is a quote
        ('p\t"a\tb"\n', {"text": "2", "quoting": True, "label": "1"}, ("a\tb", ["p"])),
        ("p;a\n", {"text": "2", "delimiter": ";"}, ("a", ["p"])),
        ("p;a\n", {"text": "2", "delimiter": "semicolon"}, ("a", ["p"])),
        ("p ||| a\n", {"text": "2", "delimiter": " ||| "}, ("a", ["p"])),
        ("p\ta\t\t\n", {**BY_NUMBER}, ("a", ["p"])),
        ("p,q\ta\n", {**BY_NUMBER, "label_separator": ","}, ("a", ["p", "q"])),
        ("\ta\n", {**BY_NUMBER}, ("a", [])),
    ],
)
def test_columns(read: Any, text: str, options: dict[str, Any], expected: tuple[str, list[str]]) -> None:
    (found,) = read("tsv", text, **options)
    assert (found.text, found.labels) == expected


def test_the_reader_says_which_columns_it_reads() -> None:
    reader = CsvReader(Options(LABELLED))
    assert reader.columns is None
    list(reader.feed(Chunk("id,text,label\n", "f", 1)))
    assert (reader.header, reader.columns) == (["id", "text", "label"], (2, 3))
    list(reader.feed(Chunk("good film,p\n", "g", 1)))
    assert (reader.header, reader.columns) == (None, (1, 2))


def test_a_filters_rows_may_lack_labels(read: Any) -> None:
    assert [e.text for e in read("tsv", "text\nname\n", gold=False)] == ["name"]
    assert [e.text for e in read("tsv", "a film\nname\n", gold=False)] == ["a film", "name"]
    assert [e.text for e in read("csv", "id,text\n1,a\n", gold=False)] == ["a"]
    assert [e.text for e in read("csv", ", Text ,label\n0,a,b\n", gold=False)] == ["a"]  # written with its index
    assert [e.text for e in read("tsv", "text\nname\n", gold=False, text="text")] == ["name"]
    found = read("csv", "id,review\n1,a\n", gold=False, text="review", label="stars")
    assert [(e.text, e.labels) for e in found] == [("a", None)]
    found = read("tsv", "a\n", gold=False, text="1", label="kind", header=False)
    assert [(e.text, e.labels) for e in found] == [("a", None)]


@pytest.mark.parametrize("gold", [True, False])
def test_a_row_that_is_too_short_is_an_error(read: Any, gold: bool) -> None:
    """Else a cell that another tool wrote over two lines would be two records."""
    with pytest.raises(
        SeqcliError,
        match=r"f:2:5: the row has 1 column, the (first one|label is column) 2",
    ):
        read("tsv", 'a\tp\n"two\nlines"\tq\n', gold=gold, text="1", label="2", header=False)


def test_a_cell_over_several_lines(read: Any) -> None:
    text = 'text,label\n"one\r\ntwo, ""2""\n",pos\n"three\n\nfour","neg"\n'
    first, second = read("csv", text)
    assert (first.text, first.labels) == ('one\r\ntwo, "2"\n', ["pos"])
    assert (first.place(), first.place(label=True)) == ("f:2:2", "f:4:3")
    assert (second.text, second.place(), second.place(label=True)) == ("three\n\nfour", "f:5:2", "f:7:8")
    assert (first.raw.body, first.raw.end) == ('"one\r\ntwo, ""2""\n",pos', "\n")


MISTAKES = [
    ("tsv", "p\ta b\nq\n", {}, "f:2:2: the row has 1 column, the text is column 2", "a tab separates columns"),
    ("tsv", "a b\tp\nq r\n", {}, "f:2:4: the row has 1 column, the label is column 2", "a tab separates columns"),
    ("tsv", "p\ta b\nq;a\n", {}, "f:2:4: the row has 1 column", "the row holds ';': say --delimiter (a recipe: data.delimiter)"),
    ("csv", "p;a b\n", {}, "f:1:1: the row has one column", "the row holds ';': say --delimiter"),
    ("csv", "p;a b\n", BY_NUMBER, "f:1:1: there is no column 2: the row has 1 column", "the row holds ';'"),
    ("csv", "p,a b\nq,c, d\n", {}, "f:2:5: the row has 3 columns, the first one 2", "put the cell into quotes"),
    ("tsv", "p\ta b\nq\tc\td\n", {}, "f:2:5: the row has 3 columns, the first one 2", "quoting: true"),
    ("csv", 'p,a b\nq,"c\n\nd\n', {}, "f:2:3: the quote that opens here is never closed", "quoting: false"),
    ("csv", 'p,a b\nq,"c\n"\nr,"', {}, "f:4:3: the quote that opens here is never closed", "doubled"),
    ("csv", 'p,a b\nq,"c\nd" e\n', {}, "f:3:3: text follows the closing quote of a cell", "doubled"),
    ("csv", "id,review,stars\n1,a,2\n", {"text": "reviw"}, "f:1:1: no column is named 'reviw'", "did you mean 'review'?"),
    ("csv", "some text,p\n", {"text": "review"}, "f:1:1: no column is named 'review'", "give their numbers"),
    ("csv", "text,kind\na,p\n", {"label": "kin"}, "f:1:1: no column is named 'kin'", "did you mean 'kind'?"),
    ("tsv", "p\ta\n", {}, "f:1:1: which column has the text?", "say it: --text 2, or --text a where the first row names the columns (a recipe: data.text); columns: p, a"),
    ("tsv", "1\tp\ta b\n", {}, "f:1:1: which column has the text?", "say it: --text 3 (a recipe: data.text); columns: 1, 2, 3"),
    ("tsv", "p\ta\n", {"header": False}, "f:1:1: which column has the text?", "say it: --text 2 (a recipe: data.text); columns: 1, 2"),
    ("tsv", "p\ta b\tc\n", {"text": "3"}, "f:1:1: which column has the label?", "--label 2, or --label 'a b' where"),
    ("tsv", "id\t\n1\ta\n", {"header": True}, "f:1:1: which column has the text?", "say it: --text 2 (a recipe: data.text); columns: id, 2"),
    ("csv", "id,text,a,b\n1,x,p,q\n", {}, "f:1:1: which column has the label?", "say it: --label b (a recipe: data.label); columns: id, text, a, b"),
    ("tsv", "p\ta b\n\nq\n", {}, "f:3:2: the row has 1 column", ""),
    ("csv", '"p\nq","a b"\n', {}, "f:1:2: the label 'p\\nq' holds a tab or a line break", "is this the label's column?"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "options", "message", "hint"), MISTAKES)
def test_mistakes_have_a_place_and_a_hint(
    read: Any, name: str, text: str, options: dict[str, Any], message: str, hint: str
) -> None:
    with pytest.raises(SeqcliError) as error:
        read(name, text, **options)
    assert error.value.message.startswith(message)
    assert hint in error.value.hint
    assert error.value.hint
    for cut in range(1, text.count("\n") + 1):
        with pytest.raises(SeqcliError) as again:
            read(name, text, [cut], **options)
        assert str(again.value) == str(error.value)


def test_options_that_contradict_each_other(read: Any) -> None:
    with pytest.raises(UsageError, match="there is no column 'review': header: false"):
        read("csv", "", text="review", header=False)
    with pytest.raises(UsageError, match="text and label are both column 2"):
        read("csv", "a,b\n", text="2", label="b")


def test_an_open_quote_goes_into_no_other_source() -> None:
    reader = CsvReader(Options(LABELLED, gold=False))
    assert list(reader.feed(Chunk('a,"b\n', "one", 1))) == []
    with pytest.raises(SeqcliError, match="one:1:3: the quote that opens here"):
        list(reader.feed(Chunk("c,d e\n", "two", 1)))


@pytest.mark.parametrize(
    "text",
    ['"' + '""' * (1 << 19) + '"', '"' + "\n" * (1 << 18) + '"', '"a",' * (1 << 17) + "b"],
    ids=["escaped", "lines", "cells"],
)
def test_long_rows_of_quotes(text: str) -> None:
    """Each line is read once: these would take hours otherwise."""
    reader = Cells(Options(LABELLED))
    (row,) = [*reader.feed(Chunk(text, "f", 1)), *reader.close()]
    assert row.labels == next(csv.reader(io.StringIO(text, newline=""))) if len(text) < 1 << 17 else row.labels
    assert row.raw.body == text


@pytest.mark.parametrize("header", [True, False])
def test_a_label_that_a_filter_need_not_have_may_be_beyond_the_row(read: Any, header: bool) -> None:
    (example,) = read("tsv", "text\n" * header + "a b\n", gold=False, header=header, label="2")
    assert (example.text, example.labels) == ("a b", None)
