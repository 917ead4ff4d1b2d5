"""Every format of the registry: the same records however the text is cut, and each can be given back byte for byte."""

from __future__ import annotations

import json
import pickle
import re
import sys
from subprocess import run
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.examples import examples

from seqcli.errors import SeqcliError, UsageError
from seqcli.records import LABELLED, Example, Options, as_read, formats_of, joined, labels_of, open_format
from seqcli.streams import Chunk

NUMBERS = {"long", "series", "ts"}  # formats of series: tests/frames
NAMES = tuple(n for n in formats_of(LABELLED) if n not in NUMBERS)
HAVE_LABELS = tuple(n for n in formats_of(LABELLED, "GOLD") if n not in NUMBERS)
ROWS = {"tsv", "csv"}
quick = settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])

SAMPLES = {  # four records and a blank line; the rows have a header
    "text": "Hello, world.\n\n second line \nthird\n\u200f\n",
    "label-text": "pos a film\n\nneg  no\tgood \npos x\nneg y\n",
    "fasttext": "__label__pos a film\n\n__label__neg  no\tgood \n__label__pos __label__neg x\n__label__neg y\n",
    "jsonl": '{"id": 1.0, "text": "a film", "label": "pos"}\n\n{"label" :"neg","text":""} \n{"text": "x", "label": 1}\n{"label": ["pos"], "text": "y"}\n',
    "trees": "(pos (1 a) (2 film))\n\n (neg ( 1 no )(2 (3 very) (4 good)) ) \n(pos x)\n(neg y)\n",
    "tsv": 'label\ttext\npos\ta film\n\nneg\t"no good\npos\tx\nneg\ty\n',
    "csv": 'label,text\npos,a film\n\nneg,"no, ""good"",\n\nor\nso"\n"pos","x"\nneg,y\n',
}


def plain(e: Example) -> tuple[Any, ...]:
    places = (e.source, e.line, e.column, e.goal_column, e.goal_line, e.place(), e.place(label=True))
    return (e.text, e.labels, e.words, e.tree, *places)


def test_the_registry_holds_the_formats() -> None:
    assert set(NAMES) == set(SAMPLES)
    assert set(HAVE_LABELS) == set(NAMES) - {"text"}
    with pytest.raises(UsageError, match="unknown format 'tsvv'") as error:
        open_format(LABELLED, "tsvv")
    assert "did you mean 'tsv'" in error.value.hint


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_records_are_given_back_byte_for_byte(read: Any, name: str, ends: str, last: bool, bom: str) -> None:
    text = bom + SAMPLES[name].replace("\n", ends)
    text = text if last else text.removesuffix(ends)
    examples = read(name, text, gold=False)
    assert len(examples) == 5
    header = len(bom) + len("label,text" + ends) if name in ROWS else 0
    assert "".join("".join(as_read(e)) for e in examples) == text[header:]
    assert all("\ufeff" not in e.text + "".join(e.labels or ()) for e in examples)
    assert examples[1].text == ""
    assert examples[-1].text == ("\u200f" if name == "text" else "y")
    for e in examples:
        body, end = as_read(e)
        assert end == (ends if last or e is not examples[-1] else "")
        if name == "jsonl" and body.strip():
            answered = joined(e.raw.body, {"label": "x"})
            assert answered.startswith(e.raw.body.rstrip("\r ")[:-1])
            assert json.loads(answered)["seqcli"] == {"label": "x"}


@pytest.mark.parametrize("name", NAMES)
def test_gold_leaves_blank_lines_out(read: Any, name: str) -> None:
    examples = read(name, "\n" + SAMPLES[name] + "  \n", gold=True)
    assert len(examples) == 4
    third = {"text": None, "jsonl": ["1"], "fasttext": ["pos", "neg"]}.get(name, ["pos"])
    last = {"text": None, "jsonl": ["pos"]}.get(name, ["neg"])
    first, second = (None, None) if name == "text" else (["pos"], ["neg"])
    assert [e.labels for e in examples] == [first, second, third, last]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("gold", [True, False])
@given(data=st.data())
@quick
def test_records_do_not_depend_on_the_chunks(read: Any, name: str, gold: bool, data: st.DataObject) -> None:
    sample = SAMPLES[name]
    text = data.draw(st.sampled_from([sample, sample.rstrip("\n"), sample.replace("\n", "\r\n"), "\ufeff" + sample]))
    cuts = data.draw(st.sets(st.integers(0, text.count("\n"))))
    assert [plain(e) for e in read(name, text, cuts, gold=gold)] == [plain(e) for e in read(name, text, gold=gold)]


@pytest.mark.parametrize("name", NAMES)
def test_a_record_comes_as_soon_as_it_is_complete(chunked: Any, name: str) -> None:
    reader = open_format(LABELLED, name).Reader(Options(LABELLED, gold=False))
    counts = [len(list(reader.feed(chunk))) for chunk in chunked(SAMPLES[name], range(20))]
    assert list(reader.close()) == []
    if name == "csv":  # the header, and a cell of four lines
        assert counts == [0, 1, 1, 0, 0, 0, 1, 1, 1]
    else:
        assert counts == [0] * (name == "tsv") + [1] * 5


@pytest.mark.parametrize("name", NAMES)
def test_places_point_at_text_and_label(read: Any, name: str) -> None:
    text = SAMPLES[name]
    lines = text.split("\n")
    for e in read(name, text):
        source, line, column = e.place().split(":")
        assert source == "f"
        start = "(" if name == "trees" else e.text.replace('"', '""' if name == "csv" else '"').split("\n")[0]
        assert lines[int(line) - 1][int(column) - 1 :].startswith(start)
        if e.labels:
            _, line, column = e.place(label=True).split(":")
            found = lines[int(line) - 1][int(column) - 1 :]
            assert found.startswith((e.labels[0], f'["{e.labels[0]}'))


@pytest.mark.parametrize("name", NAMES)
def test_sources_follow_each_other(name: str, read: Any) -> None:
    """Each has its own first line: its byte order mark, its header; what lacks its line end is given one."""
    text = "\ufeff" + SAMPLES[name].rstrip("\n")
    reader = open_format(LABELLED, name).Reader(Options(LABELLED, gold=False))
    found = (
        list(reader.feed(Chunk(text, "a", 1)))
        + list(reader.feed(Chunk("\n", "a", 1)))
        + list(reader.feed(Chunk(text, "b", 1)))
    )
    found += list(reader.close())
    alone = [plain(e)[0:3] for e in read(name, text, gold=False)]
    assert [plain(e)[0:3] for e in found] == alone * 2
    assert [e.source for e in found] == ["a"] * 5 + ["b"] * 5
    assert [e.line for e in found[:5]] == [e.line for e in found[5:]]
    assert [as_read(e)[1] for e in found] == ["\n"] * 9 + [""]


@pytest.mark.parametrize("name", NAMES)
def test_records_travel_to_other_processes(read: Any, name: str) -> None:
    examples = read(name, SAMPLES[name], gold=False)
    assert [plain(e) for e in pickle.loads(pickle.dumps(examples))] == [plain(e) for e in examples]


ODD = [
    "\0",
    "\u2028",
    "\u2029",
    "\x85",
    "\x0b",
    "\x0c",
    "\x1c",
    "a\rb",
    "\u00a0",
    "\u3000",
    "🙂",
    "e\u0301",
    "\\",
    "'",
    "#",
]
LONG = [pytest.param("x" * (1 << 17), id="a long word"), pytest.param("a " * (1 << 16) + "b", id="many words")]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("odd", [*ODD, *LONG])
def test_characters_that_end_no_line(read: Any, name: str, odd: str) -> None:
    text = f"a {odd} b"
    shown = {
        "text": text,
        "label-text": f"L {text}",
        "fasttext": f"__label__L {text}",
        "jsonl": json.dumps({"text": text, "label": "L"}, ensure_ascii=odd == "\0"),
        "trees": f"(L {' '.join(f'(1 {w})' for w in text.split(' '))})",
        "tsv": f"L\t{text}",
        "csv": f"L,{text}",
    }[name]
    if name == "jsonl":
        shown = shown.replace("\x0b", "\\u000b").replace("\x0c", "\\f").replace("\x1c", "\\u001c")
    options = {"text": "2", "label": "1"} if name in ROWS else {}
    first, second = read(name, f"{shown}\n{shown}\r\n", gold=name != "text", **options)
    assert first.text == second.text == text
    assert first.labels == (None if name == "text" else ["L"])
    assert (second.line, as_read(second)) == (2, (shown, "\r\n"))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_in_nothing_out(read: Any, name: str) -> None:
    assert read(name, "") == []
    assert list(open_format(LABELLED, name).Reader(Options(LABELLED)).close()) == []


def attempt(read: Any, *arguments: Any, **options: Any) -> tuple[list[Example], SeqcliError | None]:
    try:
        return read(*arguments, **options), None
    except SeqcliError as error:
        return [], error


hostile = st.lists(
    st.sampled_from(
        ["\n", "\r\n", "\r", "\0", '"', ",", "\t", " ", "a", "(", ")", "(1 b)", '{"text": "c"}', "__label__"]
    )
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
    max_size=14,
).map("".join)


@pytest.mark.parametrize("name", NAMES)
@given(text=hostile, data=st.data())
@quick
def test_any_text_is_read_or_its_mistake_has_a_place(read: Any, name: str, text: str, data: st.DataObject) -> None:
    """Nothing is lost, whatever it is; an error says where, the same however the text is cut."""
    options = {"gold": False, **({"text": "1", "label": "2", "header": False} if name in ROWS else {})}
    examples, wrong = attempt(read, name, text, **options)
    if wrong is not None:
        assert re.match(r"f:[1-9][0-9]*:[1-9][0-9]*: ", wrong.message)
        assert wrong.hint
        _, again = attempt(read, name, text, data.draw(st.sets(st.integers(0, 8))), **options)
        assert str(again) == str(wrong)
        return
    assert "".join("".join(as_read(e)) for e in examples) == text
    if name != "csv":
        assert len(examples) == text.count("\n") + (not text.endswith("\n") and text != "")


@pytest.mark.parametrize("name", sorted(set(HAVE_LABELS) - {"label-text"}))
def test_the_records_before_a_mistake_come_before_it_is_raised(name: str) -> None:
    bad = {"fasttext": "x", "jsonl": "{", "trees": ")", "tsv": "a", "csv": '"x"y'}[name]
    reader, found = open_format(LABELLED, name).Reader(Options(LABELLED)), []
    with pytest.raises(SeqcliError):
        found.extend(reader.feed(Chunk(SAMPLES[name] + bad + "\n", "f", 1)))
    assert len(found) == 4


def test_a_record_made_by_hand_has_a_place_and_a_line() -> None:
    made = Example("a", source="s")
    assert (made.place(), made.place(label=True), as_read(made)) == ("s:1:1", "s:1:1", ("a", "\n"))


@pytest.mark.parametrize(
    ("written", "options", "expected"),
    [
        (" pos ", {}, ["pos"]),
        ("DESC:manner", {"label_until": ":"}, ["DESC"]),
        ("DESC", {"label_until": ":"}, ["DESC"]),
        (":x", {"label_until": ":"}, []),
        ("a,b , a,,", {"label_separator": ","}, ["a", "b"]),
        ("a:1 | b:2", {"label_separator": "|", "label_until": ":"}, ["a", "b"]),
        ("a b", {"label_separator": " "}, ["a", "b"]),
        ("a,b", {}, ["a,b"]),
        ("", {}, []),
    ],
)
def test_labels_of_a_cell(written: str, options: dict[str, str], expected: list[str]) -> None:
    assert labels_of(written, Options(LABELLED, **options), lambda: "") == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label_prefix": ""}, "label_prefix is empty"),
        ({"delimiter": ""}, "delimiter is empty"),
        ({"delimiter": "\n"}, "cannot separate columns"),
        ({"delimiter": '"', "quoting": True}, "cannot separate columns"),
        ({"text": "0"}, "text: 0 is no column"),
        ({"label": "00"}, "label: 00 is no column"),
    ],
)
def test_options_that_cannot_be_meant(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Options(LABELLED, **options)


def test_torch_numpy_and_pydantic_stay_out() -> None:
    code = (
        "import sys; from seqcli import registry; [registry.load('records', n) for n in registry.names('records')];"
        "print(sorted({'torch', 'pydantic', 'numpy'} & set(sys.modules)))"
    )
    done = run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
