"""Several texts of a record read as one: every format, training, filters, `eval`, Python, `inspect`, and mistakes."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from support import inprocess

import seqcli
from seqcli.errors import SeqcliError, UsageError
from seqcli.records import LABELLED, MARK, Example, Options, open_format, together
from seqcli.streams import Chunk
from seqcli.tasks.classification.reading import Reading

PLACES, PEOPLE = ("attic", "mill"), ("Ines", "Tom")
ROWS = [  # the answer is told by what both texts say
    (f"{PEOPLE[0]} : {a} . {PEOPLE[1]} : {b} .", f"{who}, where ?", {"Ines": a, "Tom": b}[who])
    for a in PLACES for b in PLACES for who in PEOPLE
]  # fmt: skip


def tsv(rows: Any, names: str = "story\tquestion\tanswer\n") -> str:
    return names + "".join("\t".join(row) + "\n" for row in rows)


def as_csv(rows: Any) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([("answer", "question", "story"), *(row[::-1] for row in rows)])
    return out.getvalue()


def jsonl(rows: Any, *keys: str) -> str:
    return "".join(
        json.dumps(dict(zip(keys or ("story", "question", "answer"), r, strict=False))) + "\n" for r in rows
    )


FILES = {"tsv": tsv(ROWS), "csv": as_csv(ROWS), "jsonl": jsonl(ROWS)}


def read(name: str, text: str, /, **options: Any) -> list[Example]:
    made = Options(LABELLED, **{"text": "story", "further": ("question",), "label": "answer", **options})
    reader = open_format(LABELLED, name).Reader(made)
    return [*reader.feed(Chunk(text, "f", 1)), *reader.close()]


@pytest.mark.parametrize("name", FILES)
def test_every_format_with_columns_or_keys_joins_them(name: str) -> None:
    found = read(name, FILES[name])
    assert [(e.text, e.labels) for e in found] == [(f"{a} {MARK} {b}", [c]) for a, b, c in ROWS]
    for example, (story, question, _) in zip(found, ROWS, strict=True):
        line = FILES[name].split("\n")[example.line - 1]
        for at in (0, len(story) - 1, len(story) + 3, len(story) + 2 + len(question)):
            place = re.fullmatch(r"f:(\d+):(\d+)", example.place(at))
            assert place
            assert int(place[1]) == example.line
            assert line[int(place[2]) - 1] == example.text[at]


def test_no_text_can_hold_the_mark_and_blank_ones_are_blank() -> None:
    one, blank, half = read("tsv", tsv([(f"a {MARK} b", MARK, "x"), (" ", "", "y"), ("", "b", "z")]))
    assert one.text == f"a \ufffd b {MARK} \ufffd"
    assert blank.text == ""
    assert half.text == f" {MARK} b"
    assert together(["a", f"b{MARK}", "c"]) == f"a {MARK} b\ufffd {MARK} c"


def test_numbers_name_columns_too_and_the_label_is_what_is_left() -> None:
    text = tsv(ROWS, "")
    assert read("tsv", text, text="1", further=("2",), label=None, header=False)[0].labels == [ROWS[0][2]]
    swapped = read("tsv", text, text="2", further=("1",), label="3", header=False)
    assert swapped[0].text == f"{ROWS[0][1]} {MARK} {ROWS[0][0]}"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("tsv", "story\tanswer\tquestoin\na\tb\tc\n", "f:1:1: no column is named 'question'"),
        ("csv", "story,answer\na,b\n", "f:1:1: no column is named 'question'"),
        ("jsonl", '{"story": "a", "question": "b", "answer": "c"}\n{"story": "a", "answer": "c"}\n', "f:2:1: the object"),
        ("jsonl", '{"story": "a", "question": 3, "answer": "c"}\n', "f:1:28: 'question' holds 3"),
        ("jsonl", '{"question": "a", "text": "d", "answer": "c"}\n', "f:1:1: the object has no 'story'"),
    ],
)  # fmt: skip
def test_what_is_missing_is_told_with_its_place(name: str, text: str, message: str) -> None:
    with pytest.raises(SeqcliError, match=message):
        read(name, text)


def test_a_column_is_one_of_the_texts_once() -> None:
    with pytest.raises(UsageError, match="two of them are the same column"):
        read("tsv", FILES["tsv"], further=("question", "2"))
    with pytest.raises(UsageError, match="two of them are the same column"):
        read("tsv", FILES["tsv"], text="question", further=("question",))


@pytest.mark.parametrize("split", ["whitespace", "punctuation", "rule"])
def test_the_mark_is_a_word_and_the_longest_text_is_cut(lab: Any, split: str) -> None:
    tokenizer = lab.learn("word", [f"a b c {MARK} d e"], split=split)
    text = f"a a a a a a {MARK} d e"
    assert Reading(tokenizer, 100, texts=2).words(text) == text.split()
    for longest, words in (
        (6, f"a a a {MARK} d e"),
        (5, f"a a {MARK} d e"),
        (4, f"a {MARK} d e"),
        (3, f"{MARK} d e"),
    ):
        own = Reading(tokenizer, longest, texts=2)
        kept = own.words(text)
        if longest > 4:
            assert kept == words.split()
        assert len(kept) == len(own.offsets(text)) == longest
        assert MARK in kept


@pytest.mark.parametrize(("kind", "keys"), [("char", {"unk": True}), ("sentencepiece", {"size": 280}), ("byte", {})])
def test_other_tokenizers_keep_the_mark(lab: Any, kind: str, keys: dict[str, Any]) -> None:
    tokenizer = lab.learn(kind, [f"{a} {MARK} {b}" for a, b, _ in ROWS] * 4, **keys)
    for story, question, _ in ROWS:
        text = together([story, question])
        words = Reading(tokenizer, 1000, texts=2).words(text)
        assert kind != "char" or sum(MARK in word for word in words) == 1
        assert tokenizer.decode(tokenizer.encode(text)) == text


# a model of two texts

RECIPE = """\
task: classification
tokenizer: {kind: word, split: punctuation}
data: {train: train.tsv, valid: train.tsv, text: [story, question], label: answer}
model: {kind: classifier, embedding: 8, hidden: 8, pooling: attention}
train: {epochs: 3, batch_size: 8, threads: 1}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("texts")
    (folder / "train.tsv").write_text(tsv(ROWS))
    (folder / "four.tsv").write_text(tsv([(*row, "x") for row in ROWS], "story\tquestion\tanswer\tmore\n"))
    (folder / "r.yaml").write_text(RECIPE)
    for name, text in FILES.items():
        (folder / f"file.{name}").write_text(text)
    done = inprocess.seqcli("-q", "train", "r.yaml", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def answers(place: Path) -> list[tuple[str, float]]:
    own = seqcli.load(place / "runs" / "r")
    return [next(iter(own.classify(row[:2]).items())) for row in ROWS]


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (("--input", "tsv"), FILES["tsv"]),
        (("--input", "csv"), FILES["csv"]),
        (("--input", "jsonl"), FILES["jsonl"]),
        (("--input", "tsv"), tsv([row[:2] for row in ROWS], "")),
        (("--input", "tsv", "--text", "b,c"), tsv([("x", *row[:2]) for row in ROWS], "a\tb\tc\n")),
        (("--input", "jsonl", "--text", "b,c"), jsonl(ROWS, "b", "c")),
        (("--jsonl",), "".join(f"{a} {MARK} {b}\n" for a, b, _ in ROWS)),
    ],
)
def test_a_filter_reads_what_training_read(place: Path, args: tuple[str, ...], text: str) -> None:
    done = inprocess.seqcli("-q", "classify", "-m", "r", *args, cwd=place, input=text)
    assert done.returncode == 0, done.stderr
    lines = done.text.splitlines()
    if "tsv" in args or "csv" in args:
        cells = list(csv.reader(lines, delimiter="," if "csv" in args else "\t"))[-len(ROWS) :]
        got = [(row[-2], float(row[-1])) for row in cells]
    else:
        got = [(own["label"], own["probability"]) for own in (json.loads(line)["seqcli"] for line in lines)]
    for (label, p), (expected, q) in zip(got, answers(place), strict=True):
        assert label == expected
        assert p == pytest.approx(q, abs=1e-4)


@pytest.mark.parametrize(
    ("args", "text", "message"),
    [
        ((), "a line\n", "<stdin>:1:1: the model reads 2 texts together, but this record has 1"),
        ((), f"a {MARK} b {MARK} c\n", "<stdin>:1:1: the model reads 2 texts together, but this record has 3"),
        (("--input", "tsv"), "story\tx\na\tb\n", "<stdin>:1:1: no column is named 'question'"),
        (("--input", "jsonl"), '{"story": "a"}\n', "<stdin>:1:1: the object has no 'question'"),
        (("--input", "jsonl", "--text", "b"), "{}\n", "the model reads 2 texts, but 'b' names 1"),
    ],
)
def test_a_filter_says_what_is_missing(place: Path, args: tuple[str, ...], text: str, message: str) -> None:
    done = inprocess.seqcli("classify", "-m", "r", *args, cwd=place, input=text)
    assert done.returncode in (1, 2)
    assert message in done.stderr


def test_a_filter_says_where_it_reads_them_if_not_where_training_did(place: Path) -> None:
    done = inprocess.seqcli("classify", "-m", "r", "--input", "tsv", cwd=place, input="a\tb\n")
    assert done.returncode == 0
    assert "trained on: column 1 is read as the first text" in done.stderr


def test_blank_records_stay_blank_and_places_reach_into_the_second_text(place: Path) -> None:
    done = inprocess.seqcli("-q", "classify", "-m", "r", cwd=place, input="\n")
    assert (done.returncode, done.text) == (0, "-\t0.0000\n")
    rows = tsv([("Ines : mill .", "where ?"), ("Ines : mill .", "Ines, whither ?")], "story\tquestion\n")
    done = inprocess.seqcli("classify", "-m", "r", "--input", "tsv", "--unknown", "strict", cwd=place, input=rows)
    assert "<stdin>:3:21: there is no symbol for 'whither'" in done.stderr


@pytest.mark.parametrize("name", FILES)
def test_eval_reads_every_format(place: Path, name: str) -> None:
    done = inprocess.seqcli("-q", "eval", "-m", "r", "--json", f"file.{name}", cwd=place)
    assert done.returncode == 0, done.stderr
    right = sum(label == row[2] for (label, _), row in zip(answers(place), ROWS, strict=True))
    assert json.loads(done.text)["accuracy"] == pytest.approx(right / len(ROWS))


def test_inspect_names_the_texts_and_python_says_what_is_wrong(place: Path) -> None:
    assert "texts       story, question: read as one" in inprocess.seqcli("inspect", "r", cwd=place).text
    own = seqcli.load(place / "runs" / "r")
    assert own.classify(("", " ")) == {}
    assert own.chosen(ROWS[0][:2]) == [answers(place)[0][0]]
    for wrong in ("a", ("a",), ("a", "b", "c")):
        with pytest.raises(SeqcliError, match="the model reads 2 texts together"):
            own.classify(wrong)


@pytest.mark.parametrize("model", ["ngram-linear", "bag", "transformer-classification"])
def test_every_kind_of_classifier_takes_them(place: Path, model: str) -> None:
    pytest.importorskip("scipy")
    plain = ("--set", "tokenizer=null", "--set", "train=null", "--set", f"model={model}")
    sizes = ("--set", f"model={{kind: {model}, embedding: 8}}")
    chosen = plain if model == "ngram-linear" else sizes
    done = inprocess.seqcli("-q", "train", "r.yaml", "--name", model, *chosen, cwd=place)
    assert done.returncode == 0, done.stderr
    for name in FILES:
        done = inprocess.seqcli("-q", "classify", "-m", model, f"file.{name}", cwd=place)
        assert done.returncode == 0, done.stderr


def test_formats_without_columns_say_so(place: Path) -> None:
    (place / "lines.txt").write_text("x a b\n")
    (place / "wrong.yaml").write_text(RECIPE.replace("train: train.tsv,", "format: label-text, train: lines.txt,"))
    done = inprocess.seqcli("train", "wrong.yaml", cwd=place)
    assert done.returncode == 2
    assert "data.text: a list names several columns or keys: label-text has neither" in done.stderr


# pairs that are parted


@pytest.fixture(scope="module", params=["compare", "attend"])
def parted(place: Path, request: pytest.FixtureRequest) -> str:
    sets = ("--set", f"model.pair={request.param}", "--set", "train.epochs=1")
    hops = () if request.param == "compare" else ("--set", "model.hops=2")
    done = inprocess.seqcli("-q", "train", "r.yaml", "--name", request.param, *sets, *hops, cwd=place)
    assert done.returncode == 0, done.stderr
    return request.param


def test_every_door_gives_a_parted_pair_one_answer(place: Path, parted: str) -> None:
    own = seqcli.load(place / "runs" / parted)
    wanted = [own.classify(row[:2]) for row in ROWS]
    for name in ("csv", "jsonl"):
        done = inprocess.seqcli("-q", "classify", "-m", parted, "--input", name, cwd=place, input=FILES[name])
        assert done.returncode == 0, done.stderr
        lines = done.text.splitlines()[name == "csv" :]
        rows = [line.split(",")[-2:] for line in lines] if name == "csv" else [
            (own["label"], own["probability"]) for own in (json.loads(line)["seqcli"] for line in lines)
        ]  # fmt: skip
        for (label, p), every in zip(rows, wanted, strict=True):
            assert next(iter(every.items())) == (label, pytest.approx(float(p), abs=1e-4))
    done = inprocess.seqcli("-q", "eval", "-m", parted, "--json", "file.tsv", cwd=place)
    right = sum(max(p, key=p.__getitem__) == row[2] for p, row in zip(wanted, ROWS, strict=True))
    assert json.loads(done.text)["accuracy"] == pytest.approx(right / len(ROWS))
    said = {"compare": "read apart, and compared", "attend": "read as one, the first attends to the second"}
    assert f"story, question: {said[parted]}" in inprocess.seqcli("inspect", parted, cwd=place).text


def test_a_parted_pair_says_why(place: Path, parted: str) -> None:
    args = ("--input", "jsonl", "--explain", "--attention")
    done = inprocess.seqcli("-q", "classify", "-m", parted, *args, cwd=place, input=FILES["jsonl"])
    assert done.returncode == 0, done.stderr
    for line, (story, question, _) in zip(done.text.splitlines(), ROWS, strict=True):
        found = json.loads(line)["seqcli"]
        tokens, text = found["tokens"], together([story, question])
        assert (
            [text[t["start"] : t["end"]] for t in tokens]
            == [t["text"] for t in tokens]
            == text.split(" ")[:1] + [t["text"] for t in tokens[1:]]
        )
        assert sum(t["weight"] for t in tokens) == pytest.approx(1, abs=1e-4)
        mark = next(i for i, t in enumerate(tokens) if t["text"] == MARK)
        assert next(t for t in found["explanation"] if t["text"] == MARK)["weight"] == 0
        if parted == "attend":
            assert not any(t["weight"] for t in tokens[:mark])
            assert {len(t["hops"]) for t in tokens} == {2}
    done = inprocess.seqcli("look", "why", "-m", parted, "--text", together(ROWS[0][:2]), cwd=place)
    assert (done.returncode, "reads two texts apart" in done.stderr) == (
        (2, True) if parted == "compare" else (0, False)
    )


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        (("data.text=story",), "model.pair: compare needs two texts, but this recipe reads one text"),
        (
            ("data.text=[story, question, more]", "data.train=four.tsv", "data.valid=null"),
            "model.pair: compare needs two texts, but this recipe joins 3",
        ),
        (("model.hops=3",), "model.hops: applies only to pair: attend"),
    ],
)
def test_a_recipe_without_a_pair_says_so(place: Path, sets: tuple[str, ...], message: str) -> None:
    given = [part for one in (*sets, "model.pair=compare") for part in ("--set", one)]
    done = inprocess.seqcli("train", "r.yaml", "--name", "no", *given, cwd=place)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
