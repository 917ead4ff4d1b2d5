"""Sequence to sequence of several columns: trained, then used on rows, objects, lines and prompts alike."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.inprocess import Done, seqcli
from support.new_recipes import words

from seqcli import artifact

pytest.importorskip("torch")

RECIPE = """\
task: sequence-to-sequence
tokenizer: char
data:
  train: train.tsv
  valid: valid.tsv
  test: test.tsv
  header: false
  source: [{column: 3, tokenizer: {kind: word, split: ";"}}, 1]
  target: 2
model: {embedding: 12, hidden: 24}
train: {steps: 150, evaluate_every: 150, batch_size: 16, learning_rate: 2e-2, threads: 1}
"""
MODELS = {
    "recurrent": "model.layers=1",
    "copying": "model={embedding: 12, hidden: 24, copy_source: true, sources: apart}",
    "transformer": "model={kind: transformer, size: 16, heads: 2, layers: 1, dropout: 0}",
    "transducer": "model={kind: transducer, embedding: 8, hidden: 12}",
}
FEW = ["--set", "train.steps=4", "--set", "train.evaluate_every=4"]


def table(count: int, seed: int) -> str:
    """Lemmas, forms, and features: a row each."""
    kinds = [("N;SG", ""), ("N;PL", "s"), ("V;PST", "ed"), ("V;PRS;3", "es")]
    rows = zip(words(count, seed), kinds * count, strict=False)
    return "".join(f"{lemma}\t{lemma}{ending}\t{tags}\n" for lemma, (tags, ending) in rows)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, and a run of each model."""
    here = tmp_path_factory.mktemp("columns")
    for split, count, seed in (("train", 200, 1), ("valid", 20, 2), ("test", 20, 3)):
        (here / f"{split}.tsv").write_text(table(count, seed))
    (here / "tags.yaml").write_text(RECIPE)
    for name, changed in MODELS.items():
        few = [] if name == "recurrent" else FEW
        done = seqcli("-q", "train", "tags.yaml", "--name", name, "--set", changed, *few, cwd=here)
        assert done.returncode == 0, done.stderr
    return here


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """`run(*ARGS, given="")`: seqcli there."""
    return lambda *args, given="": seqcli(*args, input=given, cwd=folder)


def rows(folder: Path) -> list[list[str]]:
    return [line.split("\t") for line in (folder / "test.tsv").read_text().splitlines()]


def test_it_learns_what_the_features_say(run, folder):
    scores = artifact.read_header(folder / "runs/recurrent/model.safetensors")["scores"]
    assert scores["baseline"]["kind"] == "copied column 1"
    assert scores["baseline"]["margin"] > 0
    found = json.loads(run("eval", "-m", "recurrent", "--json").text)
    assert found["exact-match"] == scores["test"]["exact-match"] > 0.4  # without them a quarter at most


@pytest.mark.parametrize("model", MODELS)
def test_every_input_has_the_same_answers(run, folder, model):
    lines = "".join(f"{tags}\t{lemma}\n" for lemma, _, tags in rows(folder))
    plain = run("-q", "generate", "-m", model, given=lines).text.splitlines()
    assert len(plain) == 20
    answered = run("-q", "generate", "-m", model, "test.tsv").text.splitlines()
    assert answered == ["\t".join([*row, own]) for row, own in zip(rows(folder), plain, strict=True)]
    (folder / "named.csv").write_text("l,t\n" + "".join(f'{lemma},"{tags}"\n' for lemma, _, tags in rows(folder)))
    answered = run("-q", "generate", "-m", model, "--source", "t,l", "named.csv").text.splitlines()[1:]
    assert [line.rpartition(",")[2] for line in answered] == plain
    objects = "".join(json.dumps({"l": lemma, "t": tags}) + "\n" for lemma, _, tags in rows(folder))
    args = ("-q", "generate", "-m", model, "--input", "jsonl", "--source", "t,l", "--batch-size", 1)
    found = [json.loads(line) for line in run(*args, given=objects).text.splitlines()]
    assert [o["seqcli"]["text"] for o in found] == plain
    assert run("-q", "generate", "-m", model, "--prompt", lines.splitlines()[0]).text == plain[0] + "\n"


def test_more_than_one_process_and_model(run, folder):
    alone = run("-q", "generate", "-m", "recurrent", "test.tsv").text
    assert run("-q", "generate", "-m", "recurrent", "--jobs", 2, "--batch-size", 5, "test.tsv").text == alone
    both = run("-q", "generate", "-m", "recurrent", "--ensemble", "transformer", "test.tsv")
    assert (both.returncode, both.text.count("\n")) == (0, 20)
    (folder / "joined.tsv").write_text("".join(f"{t} {lemma}\t{form}\n" for lemma, form, t in rows(folder)))
    sets = ["--set", "data={train: joined.tsv}", *FEW]
    assert run("-q", "train", "tags.yaml", "--name", "joined", *sets).returncode == 0
    other = run("generate", "-m", "recurrent", "--ensemble", "joined", "test.tsv")
    assert (other.returncode, "have different tokenizers of the source side" in other.stderr) == (2, True)


def test_files_of_other_formats_are_scored_alike(run, folder):
    one = json.loads(run("eval", "-m", "recurrent", "--json", "test.tsv").text) | {"text": ""}
    text = "".join(json.dumps({"tags": t, "lemma": a, "form": b}) + "\n" for a, b, t in rows(folder))
    (folder / "test.jsonl").write_text(text)
    where = ("--source", "tags,lemma", "--target", "form")
    other = json.loads(run("eval", "-m", "recurrent", "--json", *where, "test.jsonl").text)
    assert one == other | {"text": ""}
    (folder / "lines.src").write_text("".join(f"{t}\t{a}\n" for a, _, t in rows(folder)))
    (folder / "lines.tgt").write_text("".join(f"{b}\n" for _, b, _ in rows(folder)))
    third = json.loads(
        run("eval", "-m", "recurrent", "--json", "--target", "tgt", "--input", "lines", "lines.src").text
    )
    assert one == third | {"text": ""}
    per_line = run("-q", "eval", "-m", "recurrent", "--per-line", "test.tsv").text
    assert per_line == run("-q", "eval", "-m", "recurrent", "--per-line", *where, "test.jsonl").text


def test_what_an_answer_looks_at_are_the_symbols_of_each_column(run, folder):
    args = ("-q", "generate", "-m", "recurrent", "--jsonl", "--attention", "--explain")
    found = json.loads(run(*args, given="V;PST\tdu\n").text)
    assert found["source"] == "V;PST\tdu"
    assert found["seqcli"]["source_tokens"] == ["V", "PST", "d", "u", "<eos>"]
    assert [t["text"] for t in found["seqcli"]["explanation"]] == ["V", "PST", "d", "u"]
    (folder / "one.tsv").write_text("du\tdued\tV;PST\n")
    assert "V PST d u <eos>" in run("look", "attention", "-m", "recurrent", "one.tsv").text
    done = run("look", "why", "-m", "copying", "one.tsv")
    assert (done.returncode, "hint: `seqcli look attention` shows what it copies" in done.stderr) == (2, True)
    table = run("look", "why", "-m", "recurrent", "one.tsv").text.splitlines()
    assert [line.split()[0] for line in table[-5:]] == ["V", "PST", "d", "u", "<eos>"]
    shown = run("inspect", "recurrent").text
    assert "tokenizers  word of column 3, char of column 1; vocabulary of " in shown


@pytest.mark.parametrize(
    ("args", "given", "status", "said"),
    [
        ((), "V\tdu\nV;PST\n", 1, "<stdin>:2:1: the line has 1 column, but the source of this model has 2"),
        (("--prompt", "V;PST"), "", 1, "--prompt:1:1: the line has 1 column"),
        (("--input", "tsv"), "du\tdu\tV\nki\tki\n", 1, "<stdin>:2:6: the row has 2 columns, the source is column 3"),
        (("--input", "tsv"), "du\tV\n", 1, "<stdin>:1:1: there is no column 3: the row has 2 columns"),
        (("--input", "tsv", "--source", "1,4"), "du\tdu\tV\n", 1, "<stdin>:1:1: no column '4' for --source"),
        (("--input", "tsv", "--source", "1"), "du\tdu\tV\n", 2, "--source 1: this model reads 2 columns together"),
        (("--input", "jsonl", "--source", "t,l"), '{"l": "a", "t": "V"}\n{"t": "V"}\n', 1, "<stdin>:2:1: the object has no 'l'"),
        (("--input", "jsonl", "--source", "t,l"), '{"l": 1, "t": "V"}\n', 1, "<stdin>:1:7: 'l' holds 1, not a text"),
        (("--input", "tsv", "--unknown", "strict"), "d?\tx\tV\n", 1, "<stdin>:1:2: there is no symbol for '?'"),
        (("--input", "tsv", "--unknown", "strict"), "du\tx\tV;ß\n", 1, "<stdin>:1:8: there is no symbol for 'ß'"),
        (("--input", "jsonl", "--source", "t,l", "--unknown", "strict"), '{"t": "V", "l": "d?"}\n', 1, "<stdin>:1:19: there"),
    ],
)  # fmt: skip
def test_what_lacks_a_column_is_told_with_its_place(run, args, given, status, said):
    done = run("generate", "-m", "recurrent", *args, given=given)
    assert done.returncode == status
    assert said in done.stderr


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("data.source=[1, 1]", "data.source: column 1 is named twice"),
        ("data.source=[1, 2]", "data.target: column 2 is a part of the source"),
        ("data.source=[{colum: 1}]", "data.source[0].colum: unknown key; did you mean 'column'?"),
        (
            "data.source=[{column: 1, tokenizer: wrd}]",
            "data.source[0].tokenizer: unknown tokenizer 'wrd'; did you mean",
        ),
        ("data.source=[{column: 1, tokenizer: {kind: word, splt: 1}}]", "splt: unknown key; did you mean 'split'?"),
        ("data.source=[1, 7]", "train.tsv:1:1: no column '7' for --source"),
        ("data.format=lines", "data.source names columns, but the pairs are lines"),
        ("target_tokenizer=char", "tokenizer serves the target and those columns without a tokenizer of their own"),
    ],
)
def test_recipes_that_cannot_be_meant(run, change, said):
    done = run("train", "tags.yaml", "--dry-run", "--set", change)
    assert (done.returncode, said in done.stderr) == (1 if ".tsv" in said else 2, True), done.stderr


def test_a_run_goes_on_with_its_columns(run, folder):
    assert run("-q", "train", "tags.yaml", "--name", "again", *FEW).returncode == 0
    done = run("-q", "train", "runs/again/recipe.yaml", "--name", "again", "--resume", "--set", "train.steps=8")
    assert done.returncode == 0, done.stderr
    assert run("-q", "train", "tags.yaml", "--name", "whole", *FEW[:1], "train.steps=8", *FEW[2:]).returncode == 0
    one, other = (run("-q", "generate", "-m", name, "test.tsv").text for name in ("again", "whole"))
    assert one.count("\n") == other.count("\n") == 20
