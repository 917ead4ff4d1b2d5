"""Pairs of texts: every format, two files line by line, shares, blank codec, and mistakes with their place."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from seqcli.datasets.corpus import Records
from seqcli.errors import SeqcliError, UsageError
from seqcli.records import PAIRED, Options, Pair, formats_of
from seqcli.tasks.sequence_to_sequence import data as dataset
from seqcli.tasks.sequence_to_sequence.data import (
    FORMATS,
    Config,
    Corpus,
    fingerprint,
    guess,
    open_corpus,
    read_pairs,
)

Row = tuple[str, str]
ROWS: list[Row] = [("a film", "ein Film"), ("dull , slow", "lahm"), ("it shines", "er glänzt"), ("no", "nein")] * 6


def quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if any(c in cell for c in '",\n') else cell


WRITE: dict[str, Callable[[list[Row]], str]] = {
    "tsv": lambda rows: "".join(f"{source}\t{target}\n" for source, target in rows),
    "csv": lambda rows: "".join(f"{quoted(source)},{target}\n" for source, target in [("source", "target"), *rows]),
    "jsonl": lambda rows: "".join(json.dumps({"target": target, "source": source}) + "\n" for source, target in rows),
    "scan": lambda rows: "".join(f"IN: {source} OUT: {target}\n" for source, target in rows),
    "lines": lambda rows: "".join(f"{source}\n" for source, _ in rows),
}


@pytest.fixture
def corpus(tmp_path: Path) -> Callable[..., Corpus]:
    """`corpus(content, name="t.txt", **keys)`: the corpus of a training file that holds that."""

    def make(content: str = "", name: str = "t.txt", /, **keys: Any) -> Corpus:
        (tmp_path / name).write_bytes(content.encode())
        return open_corpus(Config(**{"train": f"./{name}", **keys}), tmp_path)

    return make


def both(folder: Path, name: str, rows: list[Row]) -> None:
    (folder / f"{name}.en").write_text("".join(f"{source}\n" for source, _ in rows))
    (folder / f"{name}.de").write_text("".join(f"{target}\n" for _, target in rows))


def read(own: Corpus, split: str = "train") -> list[tuple[str, str | None]]:
    return [(p.text, p.target) for p in own.splits[split]]


# formats


def test_every_format_is_tested() -> None:
    assert sorted(WRITE) == FORMATS == list(formats_of(PAIRED))


@pytest.mark.parametrize("name", WRITE)
def test_a_format_is_named_or_guessed(corpus: Callable[..., Corpus], tmp_path: Path, name: str) -> None:
    keys: dict[str, Any] = {}
    if name == "lines":
        both(tmp_path, "t", ROWS)
        keys = {"target": "de"}
    for more in ({"format": name}, {}):
        file = "t.en" if name == "lines" else "t.txt"
        own = corpus(WRITE[name](ROWS), file, **keys, **more)
        assert (own.format, own.name, read(own)) == (name, file, ROWS)


def test_a_format_that_nothing_tells_is_asked_for(corpus: Callable[..., Corpus], tmp_path: Path) -> None:
    for keys in ({}, {"target": "de"}):
        with pytest.raises(UsageError, match=r"t\.en: cannot tell the format of this file") as error:
            corpus("just some words\n", "t.en", **keys)
        assert all(name in error.value.hint for name in ("data.format", "data.target", *FORMATS))
    (tmp_path / "x.tsv").touch()
    assert guess(tmp_path / "x.tsv") == "tsv"
    both(tmp_path, "t", ROWS)
    assert guess(tmp_path / "t.en", Options(PAIRED, target="de")) == "lines"
    with pytest.raises(UsageError):
        guess(tmp_path / "t.en")


@pytest.mark.parametrize("train", ["-", ["-"]])
def test_standard_input_is_called_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, train: Any) -> None:
    """Though it is kept in the cache to be read."""
    monkeypatch.setenv("SEQCLI_CACHE", str(tmp_path / "cache"))

    def own(text: str, **keys: Any) -> Corpus:
        buffer = io.BytesIO(text.encode())
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=buffer, closed=False, isatty=lambda: False))
        return open_corpus(Config(train=train, **keys), tmp_path)

    assert read(own(WRITE["tsv"](ROWS))) == ROWS
    with pytest.raises(UsageError) as asked:
        own("some words\n")
    assert asked.value.message == "<stdin>: cannot tell the format of this file"
    for text in ("a\tb\nc\n", "a\tb\n\0\n"):
        with pytest.raises(SeqcliError, match=r"^<stdin>:2:\d+: ") as wrong:
            own(text, format="tsv")
        assert (wrong.value.status, str(tmp_path) in wrong.value.hint) == (1, False)
    for keys in ({}, {"format": "tsv"}, {"format": "lines", "target": "de"}):
        with pytest.raises(SeqcliError, match=r"^the corpus is empty: <stdin>") as empty:
            own("", **keys)
        assert empty.value.hint == "data.train is -, but standard input was empty"


def test_the_hash_is_of_both_sides_whatever_the_format(corpus: Callable[..., Corpus], tmp_path: Path) -> None:
    both(tmp_path, "t", ROWS)
    hashes = {
        corpus(write(ROWS), "t.en", format=name, **({"target": "de"} if name == "lines" else {})).facts()["splits"][
            "train"
        ]["sha256"]
        for name, write in WRITE.items()
    }
    assert len(hashes) == 1
    a, b, c = Pair("a", "x"), Pair("a", "y"), Pair("b", "x")
    different = [[a], [b], [c], [a, c], [c, a], [Pair("x", "a")], [Pair("a")], []]
    assert len({fingerprint(pairs) for pairs in different}) == len(different)
    assert fingerprint(iter([a])) == fingerprint([Pair("a", "x", source="other", line=7, goal_source="z")])


@pytest.mark.parametrize(
    ("text", "keys", "wanted"),
    [
        ("x\tb\ta\n", {"format": "tsv", "source": 3, "target": 2}, [("a", "b")]),
        ("en\tid\tde\na\t1\tb\n", {"format": "tsv", "source": "en", "target": "de"}, [("a", "b")]),
        ("a;b, c\n", {"format": "csv", "delimiter": ";"}, [("a", "b, c")]),
        ('"a ""b"""\tc\n', {"format": "tsv", "quoting": True}, [('a "b"', "c")]),
        ("source\ttarget\n", {"format": "tsv", "header": False}, [("source", "target")]),
        ('{"t": "a", "c": "b"}\n', {"format": "jsonl", "source": "t", "target": "c"}, [("a", "b")]),
    ],
)
def test_options_of_formats(corpus: Callable[..., Corpus], text: str, keys: dict[str, Any], wanted: Any) -> None:
    own = corpus(text, **keys)
    assert read(own) == wanted
    assert Options(PAIRED, **own.facts()["options"]) == own.options


# splits


def test_files_of_lines_and_their_counterparts(tmp_path: Path) -> None:
    for name, rows in (("a", ROWS[:3]), ("b", ROWS[3:4]), ("v", ROWS[1:2])):
        both(tmp_path, name, rows)
    (tmp_path / "src-t.txt").write_text("x\n")
    (tmp_path / "tgt-t.txt").write_text("X\n")
    own = open_corpus(Config(train=["a.en", "b.en"], valid="v.en", format="lines", target="de"), tmp_path)
    assert (read(own), read(own, "valid")) == (ROWS[:4], ROWS[1:2])
    assert [p.goal_source for p in own.splits["train"]] == [own.files["train"][0].with_name(f"{n}.de").__str__() for n in "aaab"]  # fmt: skip
    assert {s: f["name"] for s, f in own.facts()["splits"].items()} == {"train": "a.en, b.en", "valid": "v.en"}
    own = open_corpus(Config(train="./*.de", format="lines", source="de", target="en"), tmp_path)
    assert read(own)[3:] == [("nein", "no"), ("lahm", "dull , slow")]
    own = open_corpus(Config(train="src-t.txt", source="src", target="tgt"), tmp_path)
    assert (own.format, read(own)) == ("lines", [("x", "X")])


def test_an_empty_file_of_lines_has_no_counterparts_either(tmp_path: Path) -> None:
    both(tmp_path, "a", ROWS[:3])
    both(tmp_path, "b", ROWS[:1])
    (tmp_path / "a.en").write_text("")
    with pytest.raises(SeqcliError, match=r"a\.en has 0 lines, .*a\.de has 3"):
        open_corpus(Config(train="./*.en", format="lines", target="de"), tmp_path)


def test_lines_from_standard_input_have_no_counterparts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spooled = tmp_path / "spooled.txt"
    spooled.write_text("a\n")
    monkeypatch.setattr(dataset.sources, "_spool", lambda: spooled)
    with pytest.raises(UsageError, match="standard input has no file beside it"):
        open_corpus(Config(train="-", format="lines", target="de"), tmp_path)
    spooled.write_text("a\tb\n")
    assert read(open_corpus(Config(train="-", format="tsv"), tmp_path)) == [("a", "b")]


def test_encoding_is_that_of_both_files(tmp_path: Path) -> None:
    (tmp_path / "t.fr").write_bytes("là\n".encode("latin-1"))
    (tmp_path / "t.de").write_bytes("für\n".encode("latin-1"))
    own = open_corpus(Config(train="./t.fr", target="de", encoding="latin-1", format="lines"), tmp_path)
    assert read(own) == [("là", "für")]
    with pytest.raises(SeqcliError, match=r"t\.fr:1:2: byte 0xe0"):
        open_corpus(Config(train="./t.fr", target="de", format="lines"), tmp_path)


def test_shares_are_drawn_and_keep_the_order(corpus: Callable[..., Corpus]) -> None:
    rows = [(f"s{i:03}", f"t{i}") for i in range(200)]
    own = corpus(WRITE["tsv"](rows), "t.tsv", valid=0.1, test=0.05)
    parts = {split: read(own, split) for split in ("train", "valid", "test")}
    assert {s: len(p) for s, p in parts.items()} == {"train": 170, "valid": 20, "test": 10}
    assert sorted(parts["train"] + parts["valid"] + parts["test"]) == rows
    for split, part in parts.items():
        assert part == sorted(part)
        assert part not in (rows[: len(part)], rows[-len(part) :]), split
    again = corpus(WRITE["tsv"](rows), "t.tsv", valid=0.1, test=0.05)
    assert again.facts() == own.facts()
    assert {s: f["name"] for s, f in own.facts()["splits"].items()} == dict.fromkeys(parts, "t.tsv")
    with pytest.raises(SeqcliError, match="the valid split has no pairs") as error:
        corpus("a\tb\nc\td\n", "t.tsv", valid=0.01)
    assert "larger share" in error.value.hint


# blank sides


def test_pairs_with_a_blank_side_are_left_out_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both(tmp_path, "t", [("a", "A"), ("", "B"), ("c", " \t"), (" ", ""), ("\u3000", "E"), ("f", "F")])
    own = open_corpus(Config(train="./t.en", target="de", format="lines"), tmp_path)
    assert [(p.text, p.line) for p in own.splits["train"]] == [("a", 1), ("f", 6)]
    assert capsys.readouterr().err.splitlines() == ["warning: 4 pairs with a blank side are left out"]
    (tmp_path / "t.tsv").write_text("a\tb\n\nc\t\n")  # a blank line is no pair at all
    assert len(list(read_pairs(Records("tsv", Options(PAIRED)), [tmp_path / "t.tsv"]))) == 1
    assert capsys.readouterr().err == "warning: 1 pair with a blank side is left out\n"
    (tmp_path / "t.tsv").write_text("a\tb\n")
    assert len(list(read_pairs(Records("tsv", Options(PAIRED)), [tmp_path / "t.tsv"]))) == 1
    assert capsys.readouterr().err == ""


def test_no_pairs_at_all(corpus: Callable[..., Corpus]) -> None:
    with pytest.raises(SeqcliError, match="the train split has no pairs") as error:
        corpus("source\ttarget\n", "t.tsv")
    assert "read as tsv" in error.value.hint


# what a recipe may say


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"format": "tvs"}, "'tvs' is not a format of pairs; known: csv, jsonl, lines, scan, tsv"),
        ({"longest": 0}, "greater than 0"),
        ({"ratio": 0.5}, "greater than or equal to 1"),
        ({"text": "a"}, "Extra inputs"),
        ({"encoding": "utf-16"}, "cannot be split into lines"),
        ({"valid": 1.5}, "less than 1"),
    ],
)
def test_keys_that_cannot_be_meant(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Config(train="x.tsv", **keys)


def test_a_data_set_of_another_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="the data set 'python-docs' is text: it has no pairs"):
        open_corpus(Config(train="python-docs"), tmp_path)


def test_a_data_yaml_of_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQCLI_DATA", str(tmp_path))
    (tmp_path / "mine").mkdir()
    both(tmp_path / "mine", "t", ROWS)
    (tmp_path / "mine" / "data.yaml").write_text(
        "files: {train: t.en}\nformat: lines\noptions: {source: en, target: de}\nshares: {valid: 0.25}\n"
    )
    own = open_corpus(Config(train="mine"), tmp_path)
    assert (own.name, own.format, own.options.target) == ("mine", "lines", "de")
    assert {s: f["name"] for s, f in own.facts()["splits"].items()} == {"train": "mine", "valid": "mine"}
    assert (len(own.splits["train"]), len(own.splits["valid"])) == (18, 6)
    facts = own.facts()
    assert (facts["longest"], facts["ratio"], facts["encoding"]) == (500, None, "utf-8")
    assert json.loads(json.dumps(facts)) == facts
