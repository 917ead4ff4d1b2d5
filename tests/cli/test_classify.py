"""`seqcli classify` as a filter: an answer for each record, in order, the same bytes however it is run."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.examples import examples
from support.hostile import AWKWARD

from seqcli import api, console
from seqcli.cli import app

MODELS = ("remarks", "topics", "names", "octets", "pieces", "bag", "linear", "trees")
CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\n")
LINES = st.lists(st.one_of(st.sampled_from(AWKWARD), st.text(CHARACTERS, max_size=30)), min_size=1, max_size=40)
FEW = {"suppress_health_check": [HealthCheck.function_scoped_fixture]}


@pytest.fixture
def here(classifiers, monkeypatch, tmp_path) -> Callable[..., bytes]:
    """`here(text, *args, model="remarks")`: stdout of `seqcli classify` on a file with this text, in this process."""
    monkeypatch.chdir(classifiers)
    monkeypatch.setattr(console, "verbosity", 0)  # which -q would leave changed

    def run(text: str, *args: object, model: str = "remarks") -> bytes:
        file = tmp_path / "input"
        file.write_bytes(text.encode())
        out, before = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), sys.stdout
        sys.stdout = out
        try:
            assert app.run(["-q", "classify", "-m", model, *map(str, args), str(file)]) == 0
        finally:
            sys.stdout = before
        return out.buffer.getvalue()  # type: ignore[attr-defined]

    return run


def answers(out: str | bytes) -> list[list[tuple[str, float]]]:
    """Pairs of label and probability, line by line."""
    lines = (out if isinstance(out, str) else out.decode()).split("\n")
    assert lines.pop() == ""
    cells = [line.split("\t") for line in lines]
    return [[(a, float(b)) for a, b in zip(row[::2], row[1::2], strict=True)] for row in cells]


# as many out as in


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=examples(8), **FEW)
@given(lines=LINES, ended=st.booleans())
def test_every_line_is_answered_whatever_it_holds(here, model, lines, ended):
    text = "\n".join(lines) + "\n" * (ended or lines[-1] == "")
    plain = [line.removesuffix("\r") for line in lines]
    plain[0] = plain[0].removeprefix("\ufeff")
    objects = [json.loads(line) for line in here(text, "--jsonl", "--top", 3, model=model).decode().split("\n")[:-1]]
    assert [o["text"] for o in objects] == plain  # blank ones too
    found = answers(here(text, model=model))
    assert len(found) == len(lines)
    for line, o, pairs in zip(plain, objects, found, strict=True):
        result = o["seqcli"]
        if not line.strip():
            assert pairs == [("-", 0.0)]
            assert result == {"label": None, "probability": None, "labels": []}
            continue
        ranking = [(r["label"], r["probability"]) for r in result["labels"]]
        assert ranking == sorted(ranking, key=lambda pair: -pair[1])
        assert (result["label"], result["probability"]) == ranking[0]
        if model != "topics":
            assert sum(p for _, p in ranking) == pytest.approx(1, abs=2e-6)
            assert pairs == [(ranking[0][0], pytest.approx(ranking[0][1], abs=6e-5))]


def test_long_lines_are_answered(classify):
    for model in ("remarks", "linear", "names", "trees"):
        text = "a\n" + "x" * 1_000_000 + "\n" + "the film " * 20_000 + "\nb\n"
        assert len(answers(classify(input=text, model=model))) == 4


# what comes in, and what comes out


def test_texts_with_their_labels(classify):
    out = classify(input="A very good film.\n\n   \nan awful bore\n")
    found = answers(out)
    assert found[1:3] == [[("-", 0.0)], [("-", 0.0)]]
    assert {found[0][0][0], found[3][0][0]} <= {"negative", "positive"}
    assert out.split("\n")[1] == "-\t0.0000"
    assert classify(input="A very good film.\n\n   \nan awful bore") == out  # no last line end
    assert classify(input="A very good film.\r\n\r\n   \r\nan awful bore\r\n") == out
    assert classify(input="\ufeffA very good film.\n\n   \nan awful bore\n") == out
    assert classify(input="") == ""
    assert classify(input="\n") == "-\t0.0000\n"


def test_files_one_after_the_other(classify, tmp_path):
    (tmp_path / "a").write_text("a good film\na bad one")  # its last line ends where the next file begins
    (tmp_path / "b").write_text("the cast\n")
    together = classify(input="a good film\na bad one\nshe\nthe cast\n")
    assert classify(tmp_path / "a", "-", tmp_path / "b", input="she") == together


@pytest.mark.parametrize(
    ("model", "label", "texts"),
    [
        ("names", "fi", ["kamironen", "teronen"]),
        ("octets", "ru", ["kamirov", "terolov"]),
        ("trees", "0", ["the cat is bad", "the cat is not good"]),
        ("trees", "2", ["the cat is good", "the cat is not bad"]),
        ("bag", "positive", ["a superb, superbly built film"]),
        ("linear", "negative", ["a terrible, dreadful film"]),
    ],
)
def test_every_kind_of_model_answers_what_it_learnt(classify, model, label, texts):
    out = answers(classify(input="\n".join(texts), model=model))
    assert [row[0][0] for row in out] == [label] * len(texts)


def test_several_labels(classify):
    lines = ["the drum and the bread", "the cat sat on", "goal violin soup", "a ball", ""]
    found = answers(classify(input="\n".join(lines) + "\n", model="topics"))
    assert {label for label, _ in found[0]} == {"food", "music"}
    assert [label for label, _ in found[1]] == ["-"]
    assert 0 < found[1][0][1] < 0.5  # the best label's probability all the same
    assert {label for label, _ in found[2]} == {"food", "music", "sport"}
    assert found[3][0][0] == "sport"
    assert found[4] == [("-", 0.0)]
    for row in found:
        assert [p for _, p in row] == sorted((p for _, p in row), reverse=True)
    objects = [
        json.loads(o)["seqcli"]
        for o in classify("--jsonl", input="\n".join(lines) + "\n", model="topics").splitlines()
    ]
    for o, row in zip(objects, found, strict=True):
        assert [r["label"] for r in o["labels"]] == [label for label, _ in row if label != "-"]
    assert objects[1]["label"] is None
    assert all(len(row) == 2 for row in answers(classify("--top", 2, input="a drum\na ball\n", model="topics")))


def test_the_most_probable_labels(classify):
    one, three, many = (
        answers(classify("--top", n, input="kamironen\nlutesson\nx\n", model="names")) for n in (1, 3, 9)
    )
    assert one == answers(classify(input="kamironen\nlutesson\nx\n", model="names"))
    assert three == many
    assert [row[:1] for row in three] == one
    for row in three:
        assert {label for label, _ in row} == {"fi", "ru", "sv"}
        assert sum(p for _, p in row) == pytest.approx(1, abs=2e-4)


def test_python_says_the_same(classify, classifiers):
    for model in ("remarks", "topics", "linear"):
        opened = api.load(classifiers / "runs" / model)
        text = "a very good drum"
        own = json.loads(classify("--jsonl", "--top", 3, input=text, model=model))["seqcli"]["labels"]
        assert {r["label"]: r["probability"] for r in own} == pytest.approx(opened.classify(text), abs=1e-6)


def test_the_newest_classifier_is_found(forks, classifiers):
    done = forks.ok("classify", cwd=classifiers, input="a b\n")
    assert done.stderr.startswith("using runs/")
    assert Path(classifiers, done.stderr.split()[1]).is_file()
    trees = ["classify", "-m", "runs/trees/model.safetensors"]  # it is said once a process
    named = forks.start(*trees, cwd=classifiers, input="a b\n").wait()
    assert named.stderr.splitlines() == [
        "text without a tree is read as a balanced one (model.fallback)",
        "there is no symbol for 'b' (1 time in 1 record): answered all the same; --unknown strict stops at them",
    ]
    quiet = forks.ok("classify", "-m", "trees", "--input", "trees", cwd=classifiers, input="(1 (2 a) (1 b))\n")
    assert quiet.stderr.startswith("there is no symbol for 'b'")
