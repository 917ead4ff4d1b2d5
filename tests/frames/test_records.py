"""Files of series: what they say as records, wherever they are cut; labels, places, mistakes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from seqcli.datasets.corpus import Records
from seqcli.errors import SeqcliError, UsageError
from seqcli.frames import Frames
from seqcli.frames.values import Config
from seqcli.records import KINDS, Options, open_format
from seqcli.streams import Chunk
from seqcli.tasks.classification.data import read_examples

TS = """\
# a comment
@problemName waves
@timeStamps false
@classLabel true up down
@data
1,2,3:4,5,6:up

# another
1.5, 2:4,5 : down\r
"""
SERIES = "1,2,3,up\n\n 4;5;down\n7\t8\tup\n1 2  3 down"
FIRST = "up,1,2,,\ndown,1,2,3,NaN\n"
LONG = """\
id,time,x,y,label
a,0,1,2,up
a,1,3,4,up

b,0,5,6,down
b,1,7,8,down
"""


def records(form: str, text: str, size: int = 0, kind: str = "labels", **said: Any) -> list[Any]:
    """The records of a text, fed as so many characters at a time."""
    own = KINDS[kind]
    reader = open_format(own, form).Reader(Options(own, numbers=True, **said))
    found, line, column = [], 1, 1
    for first in range(0, len(text), size or max(len(text), 1)):
        part = text[first : first + (size or len(text))]
        found += reader.feed(Chunk(part, "f", line, column))
        line += part.count("\n")
        column = column + len(part) if "\n" not in part else len(part) - part.rfind("\n")
    return [*found, *reader.close()]


def told(found: list[Any]) -> list[tuple[Any, ...]]:
    return [(r.text, getattr(r, "labels", None), r.place(0)) for r in found]


CASES = {
    "ts": (TS, {}, [("1,2,3:4,5,6", ["up"], "f:6:1"), ("1.5, 2:4,5 ", ["down"], "f:9:1")]),
    "ts-filter": (TS, {"gold": False}, [("1,2,3:4,5,6", ["up"], "f:6:1"), ("1.5, 2:4,5 ", ["down"], "f:9:1")]),
    "ts-plain": ("@classLabel false\n@data\n1,2\n", {"gold": False}, [("1,2", None, "f:3:1")]),
    "series": (
        SERIES,
        {},
        [
            ("1,2,3", ["up"], "f:1:1"),
            ("4,5", ["down"], "f:3:1"),
            ("7,8", ["up"], "f:4:1"),
            ("1,2,3", ["down"], "f:5:1"),
        ],
    ),
    "series-first": (FIRST, {"label": "1"}, [("1,2", ["up"], "f:1:1"), ("1,2,3", ["down"], "f:2:1")]),
    "series-filter": ("1,2,,\n\n3", {"gold": False}, [("1,2", None, "f:1:1"), ("", None, "f:2:1"), ("3", None, "f:3:1")]),
    "series-gap": (",1,,2,up\n", {}, [(",1,,2", ["up"], "f:1:1")]),  # what is missing is told, not closed
    "series-unlabelled": ("1,2,\n", {}, [("1,2", [], "f:1:1")]),
    "long": (LONG, {}, [("[[1.0, 2.0], [3.0, 4.0]]", ["up"], "f:2:1"), ("[[5.0, 6.0], [7.0, 8.0]]", ["down"], "f:5:1")]),
    "long-filter": (
        "id;x;label\na;1;up\na;2;down\nb;3;\n",
        {"gold": False},
        [("[[1.0], [2.0]]", ["up"], "f:2:1"), ("[[3.0]]", [], "f:4:1")],
    ),
    "long-none": ("id\tx\na\t1\na\t2\n", {"gold": False}, [("[[1.0], [2.0]]", None, "f:2:1")]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("size", [0, 1, 7, 30])
def test_records_wherever_a_file_is_cut(case, size):
    text, said, wanted = CASES[case]
    assert told(records(case.partition("-")[0], text, size, **said)) == wanted


@pytest.mark.parametrize("size", [0, 1, 11])
def test_rows_with_a_tag_each(size):
    found = records("long", LONG.replace("1,3,4,up", "1,3,4,down"), size, kind="tags")
    assert [(s.words, s.tags, s.place(1)) for s in found] == [
        (["1,2", "3,4"], ["up", "down"], "f:3:1"),
        (["5,6", "7,8"], ["down", "down"], "f:6:1"),
    ]


@pytest.mark.parametrize(
    ("form", "text", "said", "place"),
    [
        ("ts", "1,2:up\n", "a series before @data", "f:1:1"),
        ("ts", "@timeStamps true\n", "time stamps", "f:1:1"),
        ("ts", "@data\n1,2\n", "the series has no class", "f:2:1"),
        ("ts", "@data\n,:up\n", "empty", "f:2:1"),
        ("series", "1\n", "the row has 1 columns", "f:1:1"),
        ("long", "id,time,x\na,0,1\n", "no column with labels", "f:1:1"),
        ("long", "id,time,label\na,0,up\n", "no column with numbers", "f:1:1"),
        ("long", "id,x,label\na,1\n", "2 columns, the first row names 3", "f:2:1"),
        ("long", "id,x,label\na,1,u\nb,1,u\na,2,u\n", "'a' comes again", "f:4:1"),
        ("long", "id,x,label\na,1,u\na,1,v\n", "'a' has several labels: u, v", "f:2:1"),
        ("long", "id,x,label\na,1,u\na,,u\n", "a value is missing", "f:3:1"),
        ("long", "id,x,label\na,1,u\na,?,u\n", "not numbers: ?", "f:3:1"),
        ("long", f"id,x,label\na,{'1' * 200_000},u\n", "field larger", "f:2:1"),
    ],
)
@pytest.mark.parametrize("size", [0, 5])
def test_mistakes_name_their_place(form, text, said, place, size):
    size = size and max(size, len(text) // 40)
    with pytest.raises(SeqcliError) as caught:
        records(form, text, size)
    assert said in caught.value.message
    assert caught.value.message.startswith(f"{place}:") or caught.value.message.startswith(f"{place} ")


def test_records_before_a_mistake_come_first():
    reader = open_format(KINDS["labels"], "long").Reader(Options(KINDS["labels"], numbers=True))
    feed = reader.feed(Chunk("id,x,label\na,1,u\nb,1,u\nb,2\n", "f", 1))
    assert next(feed).text == "[[1.0]]"
    with pytest.raises(SeqcliError, match="f:4:1"):
        next(feed)


def test_columns_without_names_have_numbers():
    with pytest.raises(UsageError, match="label: kind is not a column number"):
        records("series", FIRST, label="kind")


@pytest.mark.parametrize("text", ["[1, 2, 3]", "1 2 3", "[[1], [2], [3]]"])
def test_jsonl_holds_arrays_or_texts(text):
    value = text if text.startswith("[") else f'"{text}"'
    (found,) = records("jsonl", f'{{"wave": {value}, "label": "up"}}\n')
    own = Frames(Config(), 0, 0, np.zeros(0), np.ones(1))
    np.testing.assert_array_equal(own.array(found).reshape(-1), [1, 2, 3])
    (found,) = records("jsonl", f'{{"wave": {value}, "target": "a b"}}\n', kind="pairs")
    np.testing.assert_array_equal(own.array(found).reshape(-1), [1, 2, 3])
    assert found.target == "a b"


def test_an_array_is_no_target():
    with pytest.raises(SeqcliError, match=r"f:1:.*'target' holds"):
        records("jsonl", '{"source": [1, 2], "target": [1, 2]}\n', kind="pairs")


@pytest.mark.parametrize("by", ["folder", "file"])
def test_recordings_whose_place_is_their_label(tmp_path, by):
    """Files of arrays are records themselves; files of text hold them, a line each or as a whole."""
    paths = []
    for label in ("up", "down"):
        (tmp_path / label).mkdir()
        path = tmp_path / label / ("a b.npy" if by == "folder" else f"{label}.npy")
        np.save(path, np.arange(3.0) + len(label))
        paths.append(path)
    (tmp_path / "down" / "flat.txt").write_text("1 2\n3\n")
    paths.append(tmp_path / "down" / "flat.txt")
    kind = KINDS["labels"]
    found = list(read_examples(Records("text", Options(kind, numbers=True)), paths, by))
    own = Frames(Config(), 0, 0, np.zeros(0), np.ones(1))
    read = [(e.labels, own.array(e).tolist()) for e in found]
    lines = [(["down"], [1, 2, 3])] if by == "folder" else [(["flat"], [1, 2]), (["flat"], [3])]
    assert read == [(["up"], [2, 3, 4]), (["down"], [4, 5, 6]), *lines]
