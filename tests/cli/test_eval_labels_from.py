"""`seqcli eval` on classifiers: where the labels of a file are said to be, by flags or by the names of files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seqcli.cli import _reading, eval

RECIPE = """\
task: classification
data: {{train: "{train}", test: "{train}", label_from: {kind}}}
model: {{kind: ngram-linear}}
"""


@pytest.fixture(scope="module")
def named(forks, tmp_path_factory) -> Path:
    """A folder with runs whose labels are names: file (of lines), folder (of whole files)."""
    home = tmp_path_factory.mktemp("named")
    for label, word in (("fi", "kalanen"), ("ru", "petrov")):
        (home / "by" / label).mkdir(parents=True)
        lines = [f"{word} {n}" for n in range(8)]
        (home / f"{label}.txt").write_text("\n".join(lines) + "\n")
        for n, line in enumerate(lines):
            (home / "by" / label / f"{n}.txt").write_text(line + "\n")
    for kind, train in (("file", "??.txt"), ("folder", "by/*/*.txt")):
        (home / f"{kind}.yaml").write_text(RECIPE.format(train=train, kind=kind))
        forks.ok("train", f"{kind}.yaml", cwd=home)
    (home / "single.tsv").write_text("fi\tkalanen 3\nru\tpetrov 4\nfi\tpetrov\n")
    return home


@pytest.fixture
def report(forks):
    """`report(model, *args, cwd=..., input="")`: the JSON of a `seqcli eval` that must succeed."""

    def run(model: str, *args: object, cwd: Path, input: str = ""):
        return json.loads(forks.ok("-q", "eval", "--json", "-m", model, *args, cwd=cwd, input=input).stdout)

    return run


def test_names_are_labels_unless_flags_say_otherwise(report, named):
    assert report("file", "fi.txt", "ru.txt", cwd=named)["accuracy"] == 1
    one = report(named / "runs/folder", "0.txt", cwd=named / "by/ru")  # its folder is the working one
    assert (one["counts"]["texts"], one["accuracy"]) == (1, 1)
    for model in ("file", "folder"):
        for args in (["--text", "2", "--label", "1"], ["--input", "tsv", "--text", "2"], ["--label", "1"]):
            found = report(model, *args, "single.tsv", cwd=named)
            assert (found["counts"]["texts"], found["accuracy"]) == (3, pytest.approx(2 / 3))
        text = (named / "single.tsv").read_text().replace("\t", ";")
        args = ["--input", "csv", "--delimiter", ";", "--text", "2"]
        assert report(model, *args, "-", cwd=named, input=text)["accuracy"] == pytest.approx(2 / 3)
        text = '{"said": "petrov 1", "label": "ru"}\n'
        assert report(model, "--field", "said", "-", cwd=named, input=text)["accuracy"] == 1


@pytest.mark.parametrize(
    ("model", "args", "message"),
    [
        ("file", ["-"], "the label of a text is the name of its file, but standard input has no name\n  hint: name the files"),
        ("folder", ["-"], "the label of a text is the name of its folder, but standard input has no name"),
        ("file", ["--text", "2", "-"], "cannot tell the format of the labels\n  hint: name it with --input: csv, fasttext"),
        ("file", ["--text", "2", "fi.txt"], "fi.txt: cannot tell the format of this file"),
        ("file", ["--input", "fasttext", "--label", "x", "fi.txt"], "--label is for tsv, csv, jsonl, but fasttext is read"),
        ("file", ["--input", "jsonl", "--delimiter", ",", "fi.txt"], "--delimiter is for tsv, csv, but jsonl is read"),
        ("file", ["--field", "a", "--text", "b", "x.txt"], "no such file: x.txt"),
        ("file", ["--field", "a", "--text", "b", "fi.txt"], "--field and --text both name the place of the text: give one of them"),
        ("file", ["--field", "a", "--input", "tsv", "fi.txt"], "--field names a key of JSON objects, but the format is tsv\n  hint: --text names a column"),
        ("file", ["--columns", "a", "fi.txt"], "--columns does not apply to runs/file/model.safetensors"),
    ],
)  # fmt: skip
def test_mistakes(forks, named, model, args, message):
    done = forks("eval", "-m", model, *args, cwd=named, input="petrov\n")
    assert done.returncode in (1, 2)
    assert f"error: {message}" in done.stderr
    assert done.stdout == ""


def test_the_key_of_a_text_has_two_names(report, classifiers):
    text = "".join(json.dumps({"body": f"a superb film {n}", "label": "positive"}) + "\n" for n in range(3))
    both = [report("remarks", flag, "body", "--input", "jsonl", "-", cwd=classifiers, input=text) for flag in ("--text", "--field")]  # fmt: skip
    assert both[0] == both[1]
    assert report("remarks", "--field", "body", "-", cwd=classifiers, input=text) == both[0]


def test_texts_of_several_labels_may_have_none(report, classifiers, tmp_path):
    (tmp_path / "x.ft").write_text("__label__food the bread\nthe cat sat\n")
    assert report("topics", tmp_path / "x.ft", cwd=classifiers)["counts"]["texts"] == 2


def test_files_of_the_runs_own_data_are_named_shortly(forks, named):
    home = named / "by"
    (home / "t.tsv").write_text("text\tlabel\na b\tx\nc d\ty\n")
    (home / "t.yaml").write_text(
        "task: classification\ndata: {train: t.tsv, test: t.tsv}\nmodel: {kind: ngram-linear}\n"
    )
    forks.ok("train", "t.yaml", cwd=home)
    (home / "t.tsv").write_text("text\tlabel\na b\tx\ny\n")
    done = forks("eval", "-m", "t", cwd=home)
    assert done.stderr.startswith("error: t.tsv:3:2: the row has 1 column")
    (home / "t.tsv").unlink()
    assert "error: no such file: t.tsv\n" in forks("eval", "-m", "t", cwd=home).stderr
    assert "../../t.tsv" in (home / "runs/t/recipe.yaml").read_text()


def test_what_help_and_completion_say_of_formats(forks, named):
    words = " ".join(forks.ok("eval", "--help", cwd=named).stdout.replace("│", " ").split())
    for name in ("tsv", "csv", "jsonl", "fasttext", "label-text", "trees", "word-tag", "conll", "conllu"):
        assert name in words.replace("- ", "-")  # a line may end at a hyphen
    assert "A label that the model does not know" in words
    assert [name for name, _ in eval.labelled("t")] == ["text", "tokens", "trees", "ts", "tsv"]
    known = [name for name, _ in eval.labelled("")]
    assert len(known) == len(set(known))
    assert {"fasttext", "label-text", "csv", "conll"} <= set(known)
    assert set(_reading.TEXTS.offered("")) - {"pcm", "frames"} <= set(known)  # streams, which have no gold
