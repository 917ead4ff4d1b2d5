"""TSV and CSV: which column is the source, which the target, which the prefix, with a header and without one."""

from __future__ import annotations

from typing import Any

import pytest

from seqcli.errors import SeqcliError, UsageError


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("a\tb\n", {}),
        ("a a\tb\n", {}),
        ("source\ttarget\na\tb\n", {}),
        ("target\tsource\nb\ta\n", {}),
        ("Text\tTranslation\na\tb\n", {}),
        ("output\tid\tinput\nb\t1\ta\n", {}),
        ("id\ttext\tgerman\ttarget\n1\ta\tx\tb\n", {}),
        ("text\tinput\toutput\nx\ta\tb\n", {}),  # those two go together
        ("foo\tbar\na\tb\n", {"header": True}),
        ("en\tde\na\tb\n", {"own_source": "en", "target": "de"}),
        ("de\ten\nb\ta\n", {"own_source": "en"}),
        ("de\ten\nb\ta\n", {"target": "DE"}),
        ("b\ta\n", {"own_source": "2"}),
        ("b\ta\n", {"target": "1"}),
        ("x\tb\ta\n", {"own_source": "3", "target": "2"}),
        ("a\tx\tb\n", {"own_source": "1", "target": "3", "header": False}),
        ("source\tnote\na\tb\n", {"header": True}),
        ("a\tb\tp\n", {"prefix": "3"}),
        ("p\ta\tb\n", {"prefix": "1"}),
        ("begin\ta\ttarget\np\ta\tb\n", {"prefix": "begin"}),
    ],
)
@pytest.mark.parametrize("gold", [True, False])
def test_which_column_is_which(read: Any, text: str, options: dict[str, Any], gold: bool) -> None:
    for name, written in (("tsv", text), ("csv", text.replace("\t", ","))):
        (pair,) = read(name, written, gold=gold, **options)
        assert (pair.text.split()[0], pair.target, pair.prefix) == ("a", "b", "p" if "prefix" in options else None)


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("a\nsource\n", {}, [("a", None, None), ("source", None, None)]),
        ("source\na\n", {"own_source": "source"}, [("a", None, None)]),
        ("source\na\n", {"header": True}, [("a", None, None)]),
        ("a\tp\nb\tq\nc\t\n", {"prefix": "2"}, [("a", None, "p"), ("b", None, "q"), ("c", None, "")]),
        ("begin\tsource\np\ta\n", {"prefix": "begin"}, [("a", None, "p")]),
        ("a\tb\n\nd\t\n", {}, [("a", "b", None), ("", None, None), ("d", "", None)]),
        ("id\tsource\tnote\n1\ta\tx\n", {}, [("a", None, None)]),
        ("1\ta\tx\n", {"own_source": "2"}, [("a", None, None)]),
        ("id\tsource\ttarget\toutput\n1\ta\tb\tc\n", {}, [("a", "b", None)]),
        ("id\tsource\tipa\toutput\n1\ta\tb\tc\n", {}, [("a", None, None)]),
    ],
)
def test_a_filter_needs_a_source_alone(read: Any, text: str, options: Any, expected: Any) -> None:
    assert [(p.text, p.target, p.prefix) for p in read("tsv", text, gold=False, **options)] == expected


@pytest.mark.parametrize(
    ("text", "options", "message", "hint"),
    [
        ("a\n", {}, "f:1:1: the row has one column: a source and its target are two", "a tab separates columns"),
        ("a,b\n", {}, "f:1:1: the row has one column: a source and its target are two", "--delimiter"),
        ("a\tb\tc\n", {}, "f:1:1: which column has the source?", "--source 3, or --source c where the first row names"),
        ("a b c d\tb\tc\n", {}, "f:1:1: which column has the source?", "data.source); columns: 1, 2, 3"),
        ("a b c d\tb\tc\n", {"own_source": "2"}, "f:1:1: which column has the target?", "--target 3"),
        ("a\tb\tc\n", {"gold": False}, "f:1:1: which column has the source?", "--source"),
        ("id\tsource\tfr\tde\n", {}, "f:1:1: which column has the target?", "columns: id, source, fr, de"),
        ("src\tword\treference\n", {}, "f:1:1: which column has the source?", "say it: --source"),
        ("source\ttarget\tgloss\toutput\tinput\n", {}, "f:1:1: which column has the source?", "say it: --source"),
        ("a\tb\n", {"own_source": "3"}, "f:1:1: there is no column 3: the row has 2 columns", "numbered from 1"),
        ("a\n", {"prefix": "2", "gold": False}, "f:1:1: there is no column 2: the row has 1 column", "numbered from 1"),
        ("en\tde\n", {"own_source": "fr"}, "f:1:1: no column is named 'fr'", "--source 2"),
        ("en\tde\n", {"own_source": "1", "target": "1"}, "source and target are both column 1", "two different columns"),
        ("a\tb\n", {"target": "2", "prefix": "2"}, "target and prefix are both column 2", "two different columns"),
        ("a\tb\nc\n", {}, "f:2:2: the row has 1 column, the target is column 2", "a tab separates columns"),
        ("a\tb\nc\td\te\n", {}, "f:2:5: the row has 3 columns, the first one 2", "data.quoting"),
        ("a\tb\n", {"own_source": "en", "header": False}, "there is no column 'en': header: false says that columns have no names", "--source 2"),
    ],
)  # fmt: skip
def test_mistakes_have_a_place_and_a_way_out(read: Any, text: str, options: Any, message: str, hint: str) -> None:
    with pytest.raises(SeqcliError) as error:
        read("tsv", text, **options)
    assert error.value.message == message
    assert hint in error.value.hint


@pytest.mark.parametrize("header", [None, False])
def test_a_prefix_that_is_not_there(read: Any, header: bool | None) -> None:
    with pytest.raises(SeqcliError) as error:
        read("tsv", "en\tde\n", own_source="1", prefix="fr", gold=False, header=header)
    assert "give their numbers, as in --prefix 2" in error.value.hint
    assert "a recipe" not in error.value.hint
    with pytest.raises(SeqcliError) as error:
        read("tsv", "en\tde\n", target="fr", header=header)
    assert error.value.hint.endswith("as in --target 2 (a recipe: data.target: 2)")


def test_column_0_is_none(read: Any) -> None:
    with pytest.raises(UsageError, match="source: 0 is no column"):
        read("tsv", "a\tb\n", own_source="0")


def test_a_target_on_another_line_than_its_source(read: Any) -> None:
    (pair,) = read("csv", '"a\nb","c\nd"\n')
    assert (pair.text, pair.target) == ("a\nb", "c\nd")
    assert (pair.place(), pair.place(target=True)) == ("f:1:2", "f:2:5")
