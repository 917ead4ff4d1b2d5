"""`seqcli tag` as a filter: a record out for a record in, in order, the same bytes however it is run."""

from __future__ import annotations

import io
import json
import random
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.examples import examples
from support.hostile import AWKWARD

from seqcli import console, registry
from seqcli.cli import app
from seqcli.records import TAGGED, Options, Sentence
from seqcli.streams import Chunk

FORMATS = ("word-tag", "conll", "conllu", "jsonl")
CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\n")
LINES = st.lists(st.one_of(st.sampled_from(AWKWARD), st.text(CHARACTERS, max_size=30)), min_size=1, max_size=40)


@pytest.fixture
def here(taggers, monkeypatch, tmp_path) -> Callable[..., bytes]:
    """`here(text, *args, model="pos")`: stdout of `seqcli tag` on a file with this text, in this process."""
    monkeypatch.chdir(taggers)
    monkeypatch.setattr(console, "verbosity", 0)  # which -q would leave changed

    def run(text: str, *args: object, model: str = "pos", status: int = 0) -> bytes:
        file = tmp_path / "input"
        file.write_bytes(text.encode())
        out, before = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), sys.stdout
        sys.stdout = out
        try:
            assert app.run(["-q", "tag", "-m", model, *map(str, args), str(file)]) == status
        finally:
            sys.stdout = before
        return out.buffer.getvalue()  # type: ignore[attr-defined]

    return run


def read(format: str, text: str) -> list[Sentence]:
    """What is written, read back."""
    reader = registry.load("records", format).Reader(Options(TAGGED, gold=False))
    found = [*reader.feed(Chunk(text, "x", 1)), *reader.close()]
    return [s for s in found if s.record]


def records(format: str, out: str) -> int:
    """How many records an output has: its lines, or the blank lines that end its blocks."""
    lines = out.split("\n")
    assert lines.pop() == ""
    return lines.count("") if format in ("conll", "conllu") else len(lines)


# as many out as in


@settings(max_examples=examples(25), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LINES, st.booleans())
def test_every_line_is_a_record_whatever_it_holds(here, lines, ended):
    text = "\n".join(lines) + "\n" * (ended or lines[-1] == "")
    plain = [line.removesuffix("\r") for line in lines]
    plain[0] = plain[0].removeprefix("\ufeff")
    objects = [json.loads(line) for line in here(text, "--jsonl", model="ner").decode().split("\n")[:-1]]
    assert [o["text"] for o in objects] == plain
    for o in objects:
        for part in o["seqcli"]["tokens"] + o["seqcli"]["spans"]:
            assert o["text"][part["start"] : part["end"]] == part["text"]
            assert part["text"].strip()
    words = [[token["text"] for token in o["seqcli"]["tokens"]] for o in objects]
    assert ["".join(w) for w in words] == ["".join(line.split()) for line in plain]  # all but white space
    for format in FORMATS[:3]:
        out = here(text, "--format", format, "--input", "text").decode()
        assert records(format, out) == (sum(map(bool, words)) if format == "conllu" else len(lines))
        if format == "word-tag":
            assert [s.words for s in read(format, out)] == words
        else:
            found = [s.words for s in read(format, out)]
            assert [len(w) for w in found] == [len(w) for w in words if w]


def test_long_lines_are_not_cut(tag):
    word, many = "x" * 1_000_000, ["the", "cat"] * 2_500
    out = tag(input=f"a\n{word}\n{' '.join(many)}\nb\n").split("\n")
    assert len(out) == 5
    assert out[1].startswith(f"{word}/")
    tokens = out[2].split(" ")
    assert [token.partition("/")[0] for token in tokens] == many
    assert all(token.partition("/")[2] for token in tokens)


def test_a_long_sentence_in_columns(tag):
    block = "Ada NNP B-PER\n" * 8_000 + "\n"
    out = tag("--format", "conll", input=block, model="fed")
    assert out.count("\n") == block.count("\n")
    assert all(line.startswith("Ada NNP B-PER ") for line in out.split("\n")[:8_000])


# what comes in, and what comes out


def test_words_with_their_tags(tag):
    out = tag(input="The cat sleeps.\n\n   \nshe does n't\n")
    assert out.count("\n") == 4
    lines = out.split("\n")
    assert [t.rpartition("/")[0] for t in lines[0].split()] == ["The", "cat", "sleeps", "."]
    assert lines[1:3] == ["", ""]
    assert tag(input="The cat sleeps.\n\n   \nshe does n't") == out  # no last line end
    assert tag(input="The cat sleeps.\r\n\r\n   \r\nshe does n't\r\n") == out
    assert tag(input="\ufeffThe cat sleeps.\n\n   \nshe does n't\n") == out
    assert tag(input="") == ""
    assert tag(input="\n") == "\n"


def test_files_one_after_the_other(tag, tmp_path):
    (tmp_path / "a").write_text("the cat\nthe dog")  # its last line ends where the next file begins
    (tmp_path / "b").write_text("a dog\n")
    assert tag(tmp_path / "a", "-", tmp_path / "b", input="she") == tag(input="the cat\nthe dog\nshe\na dog\n")


def test_given_words_are_taken_as_they_are(tag):
    line = "can't well-known a/b\n"
    assert len(tag(input=line).split()) > 3
    out = tag("--input", "tokens", input=line)
    assert [t.rpartition("/")[0] for t in out.split()] == ["can't", "well-known", "a\\/b"]
    tagged = tag("--input", "word-tag", input="the/X  cat/Y\n")  # what stands between stays
    assert tagged == tag("--input", "tokens", input="the cat\n").replace(" ", "  ")


def test_columns_come_back_with_one_more(tag):
    text = "\n-DOCSTART- -X- O\n\nAda NNP B-PER\nsaw VBD O\n\n\nBob\tNNP\tO"
    lines = tag("--format", "conll", input=text, model="ner").split("\n")
    assert len(lines) == len(text.split("\n"))
    for before, after in zip(text.split("\n"), lines, strict=True):
        assert after.startswith(before)
        if len(before.split()) == 3 and "DOCSTART" not in before:
            assert len(after.split()) == 4
        else:
            assert after == before
    replaced = tag("--format", "conll", "--replace", input=text, model="ner")
    assert replaced.split("\n")[3].split() == ["Ada", "NNP", lines[3].split()[-1]]
    confident = tag("--format", "conll", "--confidence", input=text, model="ner").split("\n")[4].split()
    assert confident[:-1] == lines[4].split()
    assert 0 < float(confident[-1]) <= 1


def test_conllu_comes_back_with_its_field(tag):
    text = (
        "# sent_id = 1\n# text = Don't go!\n1-2\tDon't\t_\t_\t_\t_\t_\t_\t_\t_\n1\tDo\tdo\tX\t_\tA=b\t0\t_\t_\t_\n"
        "2\tn't\t_\t_\t_\t_\t_\t_\t_\t_\n2.1\tx\t_\t_\t_\t_\t_\t_\t_\t_\n3\tgo\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter=No\n"
        "4\t!\t_\t_\t_\t_\t_\t_\t_\t_\n\n"
    )
    before, after = (
        [line.split("\t") for line in t.split("\n")] for t in (text, tag("--format", "conllu", input=text))
    )
    assert [row[:3] + row[4:] for row in after] == [row[:3] + row[4:] for row in before]
    assert [row[3] for row in after if len(row) == 10 and row[0].isdecimal()].count("_") == 0
    named = tag("--format", "conllu", "--tag", "misc.NER", input=text, model="ner")
    assert named.count("NER=") == 4
    assert "\tX\t" in named


def test_json_lines(tag):
    text = '{"id": 7, "body": "Ada saw Paris"}\n\n{"body": ["Bob", "left"], "more": null}\n'
    out = [json.loads(line) if line else None for line in tag("--field", "body", input=text, model="ner").split("\n")]
    assert out[0]["id"] == 7
    assert [t["text"] for t in out[0]["seqcli"]["tokens"]] == ["Ada", "saw", "Paris"]
    assert out[1] is None
    assert [t["text"] for t in out[2]["seqcli"]["tokens"]] == ["Bob", "left"]
    assert list(out[2]) == ["body", "more", "seqcli"]


def test_the_gold_column_is_not_seen(tag):
    draw = random.Random(4)
    blocks = [("Ada", "NNP"), ("saw", "VBD"), ("New", "NNP"), ("York", "NNP"), (".", ".")]

    def text() -> str:
        return "".join(f"{w} {p} {draw.choice(['B-PER', 'I-LOC', 'O', 'x'])}\n" for w, p in blocks) + "\n"

    for model in ("ner", "fed"):
        outs = {
            tuple(line.split()[-1] for line in tag("--format", "conll", input=text(), model=model).split("\n")[:-2])
            for _ in range(4)
        }
        assert len(outs) == 1


def test_a_further_column_is_seen(tag):
    one = tag("--format", "conll", "--columns", "word,pos", input="x NNP\ny VBD\nz NNP\n\n", model="fed")
    other = tag("--format", "conll", "--columns", "word,pos", input="x VBD\ny .\nz VBD\n\n", model="fed")
    assert [r.split()[-1] for r in one.split("\n")[:3]] != [r.split()[-1] for r in other.split("\n")[:3]]
    moved = tag("--format", "conll", "--columns", "pos,word", input="NNP x\nVBD y\nNNP z\n\n", model="fed")
    assert [r.split()[-1] for r in one.split("\n")[:3]] == [r.split()[-1] for r in moved.split("\n")[:3]]


def test_spaces_come_back(tag):
    lines = ["thecatsatonamat.", "", "the cat   sat", "x"]
    out = tag(input="".join(line + "\n" for line in lines), model="spaces").split("\n")
    assert len(out) == 5
    assert ["".join(line.split()) for line in out[:4]] == ["".join(line.split()) for line in lines]
    assert out[0].count(" ") >= 3
    assert out[2] == tag(input="thecatsat\n", model="spaces")[:-1]  # the spaces that are there are not seen
    object = json.loads(tag("--jsonl", input="the catsat", model="spaces"))
    assert all(object["text"][t["start"] : t["end"]] == t["text"] for t in object["seqcli"]["tokens"])
    assert tag("--min-confidence", 1, input="thecatsat\r\n", model="spaces") == "thecatsat\r\n"


def test_a_counted_model(tag):
    out = tag(input="The cat sleeps .\n\n", model="counted")
    assert out.startswith("The/DET cat/NOUN ")
    assert out.count("\n") == 2
    assert json.loads(tag("--jsonl", "--n-best", 2, input="the cat\n", model="counted"))["seqcli"]["alternatives"]


def test_the_newest_tagger_is_found(forks, taggers):
    done = forks.ok("tag", cwd=taggers, input="a b\n")
    assert done.stderr.startswith("using runs/")
    assert Path(taggers, done.stderr.split()[1]).is_file()
