"""Every format of the registry: the same records however the text is cut, and each can be given back byte for byte."""

from __future__ import annotations

import json
import pickle
import re
import sys
from pathlib import Path
from subprocess import run
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.examples import examples

from seqcli.errors import SeqcliError, UsageError
from seqcli.records import PAIRED, Options, Pair, as_read, formats_of, joined, open_format
from seqcli.streams import Chunk

NAMES = formats_of(PAIRED)
ROWS = {"tsv", "csv"}
quick = settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])

SAMPLES = {  # four records and a blank line; the rows have a header
    "lines": "a film\n\n second line\nno, \"good\"\ny\n",
    "jsonl": '{"id": 1.0, "source": "a film", "target": "ein Film"}\n\n{"target" :"","source":""} \n{"source": "x", "target": "X"}\n{"target": "Y", "source": "y"}\n',
    "tsv": 'target\tsource\nein Film\ta film\n\n"gut\tno "good\nX\tx\nY\ty\n',
    "csv": 'source,target\na film,ein Film\n\n"no, ""good"",\n\nor so","nicht\ngut"\n"x","X"\ny,Y\n',
    "scan": "IN: a film OUT: ein Film\n\n  IN:  x  twice OUT:  X \tX \nIN: OUT: Z\nIN: y OUT: Y\n",
}  # fmt: skip


def plain(p: Pair) -> tuple[Any, ...]:
    return (p.text, p.target, p.prefix, p.source, p.line, p.column, p.place(), p.place(target=True))


def test_the_registry_holds_the_formats() -> None:
    assert set(NAMES) == set(SAMPLES)
    with pytest.raises(UsageError, match="unknown format 'tvs'") as error:
        open_format(PAIRED, "tvs")
    assert "did you mean 'tsv'" in error.value.hint


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_records_are_given_back_byte_for_byte(read: Any, name: str, ends: str, last: bool, bom: str) -> None:
    text = bom + SAMPLES[name].replace("\n", ends)
    text = text if last else text.removesuffix(ends)
    pairs = read(name, text, gold=False)
    assert len(pairs) == 5
    header = len(bom) + len("source,target" + ends) if name in ROWS else 0
    assert "".join("".join(as_read(p)) for p in pairs) == text[header:]
    assert all("\ufeff" not in p.text + (p.target or "") for p in pairs)
    assert (pairs[0].text, pairs[1].text, pairs[-1].text) == ("a film", "", "y")
    assert (pairs[1].target, pairs[-1].target) == (None, None if name == "lines" else "Y")
    for p in pairs:
        body, end = as_read(p)
        assert end == (ends if last or p is not pairs[-1] else "")
        if name == "jsonl" and body.strip():
            assert json.loads(joined(p.raw.body, {"text": "x"}))["seqcli"] == {"text": "x"}


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"lines"}))
def test_gold_leaves_blank_lines_out(read: Any, name: str) -> None:
    pairs = read(name, "\n" + SAMPLES[name] + "  \n", gold=True)
    assert [p.target for p in pairs][0::3] == ["ein Film", "Y"]
    assert len(pairs) == 4
    assert not any(p.target is None for p in pairs)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("gold", [True, False])
@given(data=st.data())
@quick
def test_records_do_not_depend_on_the_chunks(read: Any, name: str, gold: bool, data: st.DataObject) -> None:
    if name == "lines" and gold:
        return  # reads files: see test_lines
    sample = SAMPLES[name]
    text = data.draw(st.sampled_from([sample, sample.rstrip("\n"), sample.replace("\n", "\r\n"), "\ufeff" + sample]))
    cuts = data.draw(st.sets(st.integers(0, text.count("\n"))))
    assert [plain(p) for p in read(name, text, cuts, gold=gold)] == [plain(p) for p in read(name, text, gold=gold)]


@pytest.mark.parametrize("name", NAMES)
def test_a_record_comes_as_soon_as_it_is_complete(chunked: Any, name: str) -> None:
    reader = open_format(PAIRED, name).Reader(Options(PAIRED, gold=False))
    counts = [len(list(reader.feed(chunk))) for chunk in chunked(SAMPLES[name], range(20))]
    assert list(reader.close()) == []
    if name == "csv":  # the header, and a row of four lines
        assert counts == [0, 1, 1, 0, 0, 0, 1, 1, 1]
    else:
        assert counts == [0] * (name == "tsv") + [1] * 5


@pytest.mark.parametrize("name", NAMES)
def test_places_point_at_both_sides(read: Any, name: str) -> None:
    text = SAMPLES[name]
    lines = text.split("\n")
    for p in read(name, text, gold=False):
        for side, target in ((p.text, False), (p.target or "", True)):
            source, line, column = p.place(target=target).split(":")
            assert source == "f"
            start = side.replace('"', '""' if name == "csv" else '"').split("\n")[0]
            assert lines[int(line) - 1][int(column) - 1 :].startswith(start)


@pytest.mark.parametrize("name", NAMES)
def test_sources_follow_each_other(name: str, read: Any) -> None:
    """Each has its own first line: its byte order mark, its header; what lacks its line end is given one."""
    text = "\ufeff" + SAMPLES[name].rstrip("\n")
    reader = open_format(PAIRED, name).Reader(Options(PAIRED, gold=False))
    found = (
        list(reader.feed(Chunk(text, "a", 1)))
        + list(reader.feed(Chunk("\n", "a", 1)))
        + list(reader.feed(Chunk(text, "b", 1)))
    )
    found += list(reader.close())
    alone = [plain(p)[0:3] for p in read(name, text, gold=False)]
    assert [plain(p)[0:3] for p in found] == alone * 2
    assert [p.source for p in found] == ["a"] * 5 + ["b"] * 5
    assert [p.line for p in found[:5]] == [p.line for p in found[5:]]
    assert [as_read(p)[1] for p in found] == ["\n"] * 9 + [""]


@pytest.mark.parametrize("name", NAMES)
def test_records_travel_to_other_processes(read: Any, name: str) -> None:
    pairs = read(name, SAMPLES[name], gold=False)
    assert [plain(p) for p in pickle.loads(pickle.dumps(pairs))] == [plain(p) for p in pairs]


ODD = ["\0", "\u2028", "\x85", "\x0b", "\x0c", "\x1c", "a\rb", "\u00a0", "\u3000", "🙂", "e\u0301", "\\", "'", "#"]
LONG = [pytest.param("x" * (1 << 17), id="a long word"), pytest.param("a " * (1 << 16) + "b", id="many words")]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("odd", [*ODD, *LONG], ids=ascii)
def test_characters_that_end_no_line(read: Any, name: str, odd: str) -> None:
    text = f"a {odd} b"
    shown = {
        "lines": text,
        "jsonl": json.dumps({"source": text, "target": text}),
        "tsv": f"{text}\t{text}",
        "csv": f"{text},{text}",
        "scan": f"IN: {text} OUT: {text}",
    }[name]
    first, second = read(name, f"{shown}\n{shown}\r\n", gold=False)
    assert first.text == second.text == text
    assert first.target == second.target == (None if name == "lines" else text)
    assert (second.line, as_read(second)) == (2, (shown, "\r\n"))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_in_nothing_out(read: Any, name: str) -> None:
    assert read(name, "") == []
    assert list(open_format(PAIRED, name).Reader(Options(PAIRED)).close()) == []


hostile = st.lists(
    st.sampled_from(["\n", "\r\n", "\r", "\0", '"', ",", "\t", " ", "a", "IN:", "OUT:", " OUT: ", '{"source": "c"}'])
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
    max_size=14,
).map("".join)


def attempt(read: Any, *arguments: Any, **options: Any) -> tuple[list[Pair], SeqcliError | None]:
    try:
        return read(*arguments, **options), None
    except SeqcliError as error:
        return [], error


@pytest.mark.parametrize("name", NAMES)
@given(text=hostile, data=st.data())
@quick
def test_any_text_is_read_or_its_mistake_has_a_place(read: Any, name: str, text: str, data: st.DataObject) -> None:
    """Nothing is lost, whatever it is; an error says where, the same however the text is cut."""
    options = {"gold": False, **({"own_source": "1", "target": "2", "header": False} if name in ROWS else {})}
    pairs, wrong = attempt(read, name, text, **options)
    if wrong is not None:
        assert name in ("tsv", "csv", "jsonl")
        assert re.match(r"f:[1-9][0-9]*:[1-9][0-9]*: ", wrong.message)
        assert wrong.hint
        _, again = attempt(read, name, text, data.draw(st.sets(st.integers(0, 8))), **options)
        assert str(again) == str(wrong)
        return
    assert "".join("".join(as_read(p)) for p in pairs) == text
    if name != "csv":
        assert len(pairs) == text.count("\n") + (not text.endswith("\n") and text != "")


@pytest.mark.parametrize("name", ["jsonl", "tsv", "csv", "scan"])
def test_the_records_before_a_mistake_come_before_it_is_raised(name: str) -> None:
    bad = {"jsonl": "{", "tsv": "a", "csv": '"x"y', "scan": "jump"}[name]
    reader, found = open_format(PAIRED, name).Reader(Options(PAIRED)), []
    with pytest.raises(SeqcliError):
        found.extend(reader.feed(Chunk(SAMPLES[name] + bad + "\n", "f", 1)))
    assert len(found) == 4


def test_a_record_made_by_hand_has_a_place_and_a_line() -> None:
    made = Pair("a", source="s", goal_source="t", line=3)
    assert (made.place(), made.place(target=True), as_read(made)) == ("s:3:1", "t:3:1", ("a", "\n"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": ""}, "source is empty"),
        ({"target": ""}, "target is empty"),
        ({"prefix": ""}, "prefix is empty"),
        ({"delimiter": ""}, "delimiter is empty"),
        ({"delimiter": "\n"}, "cannot separate columns"),
        ({"delimiter": '"', "quoting": True}, "cannot separate columns"),
    ],
)
def test_options_that_cannot_be_meant(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Options(PAIRED, **options)


@pytest.mark.parametrize("name", ["lines", "scan"])
def test_formats_without_a_place_for_prefixes(name: str) -> None:
    with pytest.raises(UsageError, match=f"the format {name} has no place for 'p'") as error:
        open_format(PAIRED, name).Reader(Options(PAIRED, prefix="p", gold=False))
    assert "tsv" in error.value.hint


def test_torch_numpy_and_pydantic_stay_out() -> None:
    code = (
        "import sys; from seqcli import registry; [registry.load('records', n) for n in registry.names('records')];"
        "print(sorted({'torch', 'pydantic', 'numpy'} & set(sys.modules)))"
    )
    root = Path(__file__).parents[2]
    done = run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "[]"
