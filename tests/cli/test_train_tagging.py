"""`seqcli train` on labelled sentences: mistakes in recipes, runs that stop and go on, and using what was trained."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
from support.resuming import assert_same, ended_again_and_again, saves, sets

from seqcli import artifact

EVERYTHING = (  # that has a state: dropout, word dropout, averaging, several batches a step, epochs shorter than the run
    "train.save_every=1e-9",
    "train.evaluate_every=10",
    "train.accumulate=2",
    "train.average=0.9",
    "model.dropout=0.2",
    "model.word_dropout=0.2",
    "model.layers=2",
)


@pytest.fixture
def place(taggers, tmp_path) -> Path:
    """A folder of one's own with the recipes and data of `taggers`, and no runs."""
    folder = tmp_path / "place"
    shutil.copytree(taggers, folder, ignore=shutil.ignore_patterns("runs"))
    return folder


# mistakes


def test_all_mistakes_are_reported_at_once(forks, place):
    (place / "bad.yaml").write_text("""\
task: tagging
tokenizer: char
data:
  train: ner-train.conll
  vaild: ner-valid.conll
  columns: [word, pos, ner]
  tag: nre
model:
  characters: {kind: cnn, filtres: 4}
  hiden: 8
  head: crff
train: {steps: 60, batch_size: none}
""")
    done = forks("train", "bad.yaml", cwd=place)
    assert done.returncode == 2
    lines = done.stderr.removeprefix("error: ").splitlines()
    assert [line.partition(": ")[0] for line in lines[:-1]] == [f"bad.yaml:{n}" for n in (2, 5, 9, 10, 11, 12)]
    for line, words in zip(
        lines,
        ("tokenizer: tagging reads words", "did you mean 'valid'", "filtres", "'hidden'", "'crf'", "batch_size"),
        strict=False,
    ):
        assert words in line
    assert lines[-1].startswith("  hint: 6 mistakes in bad.yaml")
    assert not (place / "runs").exists()


@pytest.mark.parametrize(
    ("recipe", "changes", "status", "message"),
    [
        (
            "ner",
            ["data.tag=nre"],
            2,
            "--set data.tag=nre: data.tag: no column is named 'nre'; columns: word, pos, ner",
        ),
        ("ner", ["model.kind=taggr"], 2, "unknown model 'taggr'; did you mean 'tagger'?"),
        ("ner", ["model.cell=lstn"], 2, "did you mean 'lstm'"),
        ("ner", ["data.format=cnll"], 2, "'cnll' is not a format with tags"),
        ("ner", ["data.scheme=iob3"], 2, "data.scheme"),
        ("ner", ["data.restore=umlauts"], 2, "cannot restore 'umlauts'"),
        ("ner", ["tokenizer=char"], 2, "tokenizer: tagging reads words as the data has them: remove it"),
        ("counted", ["model.sufix=3"], 2, "did you mean 'suffix'"),
        ("fed", ["model.features=[psos]"], 1, "there is no column 'psos'\n  hint: did you mean 'pos'?"),
        ("fed", ["model.features=[ner]"], 1, "there is no column 'ner'\n  hint: known: pos"),
        ("pos", ["model.features=[pos]"], 1, "there is no column 'pos'\n  hint: the data has no further columns"),
        ("ner", ["data.train=ner-tain.conll"], 1, "did you mean 'ner-train.conll'"),
        ("ner", ["data.columns=[word, ner]"], 1, "ner-train.conll:1:1: 3 columns, expected 2 (word, ner)"),
        (
            "ner",
            ["data.train=plain.txt"],
            2,
            "plain.txt: cannot tell the format of this file\n  hint: set data.format",
        ),
        ("pos", ["data.format=jsonl"], 1, "pos-train.txt:1:1: not a JSON object"),
    ],
)
def test_mistakes(forks, place, recipe, changes, status, message):
    done = forks("train", f"{recipe}.yaml", *sets(*changes), cwd=place)
    assert done.returncode == status, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not [*place.glob("runs/*/*.safetensors")]


def test_a_bad_line_is_named(forks, place):
    with (place / "ner-valid.conll").open("a") as file:
        file.write("Ada NNP\n\n")
    lines = (place / "ner-valid.conll").read_text().count("\n")
    done = forks("train", "ner.yaml", cwd=place)
    assert done.returncode == 1
    assert f"ner-valid.conll:{lines - 1}:1: 2 columns, expected 3 (word, pos, ner): 'Ada NNP'" in done.stderr


def test_a_tag_of_the_validation_split_alone_is_no_mistake(forks, place):
    with (place / "ner-valid.conll").open("a") as file:
        file.write("Lisbon NNP B-GPE\n\n")
    forks.ok("train", "ner.yaml", *sets("train.steps=4"), cwd=place)
    scores = artifact.read_header(place / "runs/ner/model.safetensors")["scores"]
    assert scores["valid"]["counts"]["tokens of unknown tags"] == 1


def test_a_dry_run_trains_nothing(forks, place):
    done = forks.ok("train", "fed.yaml", "--dry-run", cwd=place)
    assert "# labels: B-LOC, B-ORG, B-PER, E-LOC" in done.stdout
    assert "features.0" in done.stdout
    assert "features: [pos]" in done.stdout
    assert not (place / "runs").exists()


# stopped and gone on with


def test_a_stopped_run_ends_with_the_same_bits(forks, place):
    args = ["train", "fed.yaml", *sets(*EVERYTHING, "train.evaluate_every=20", "train.steps=50")]
    forks.ok(*args, "--name", "alone", cwd=place)
    run = place / "runs" / "stopped"
    stops = ended_again_and_again(forks, args, run, signal.SIGTERM, saves(run, 20))
    assert stops, "it was stopped too seldom to prove anything"
    assert_same(place / "runs" / "alone", run)


def test_fine_tuning_begins_with_the_weights_and_the_vocabulary(forks, place, taggers):
    start = artifact.read(taggers / "runs/ner/model.safetensors")
    (place / "more.conll").write_text("Zoë NNP B-PER\nsaw VBD O\nBerlin NNP B-LOC\n\n" * 20)
    changes = sets("data.train=more.conll", "train.steps=1", "train.learning_rate=1e-12", "model.hidden=99")
    done = forks.ok("train", "ner.yaml", "--init-from", taggers / "runs/ner", *changes, cwd=place)
    assert "instead of the recipe: model.hidden" in done.stderr
    own = artifact.read(place / "runs/ner/model.safetensors")
    assert own.header["vocabulary"] == start.header["vocabulary"]
    for name, array in start.arrays.items():
        np.testing.assert_allclose(own.arrays[name], array, atol=1e-9, err_msg=name)


@pytest.mark.parametrize(
    ("recipe", "start", "message"),
    [
        ("ner", "pos", "the tags of the data are spans, but the model's are not"),
        ("pos", "ner", "error: "),
        ("ner", "spaces", "error: "),
    ],
)
def test_what_cannot_be_fine_tuned(forks, place, taggers, recipe, start, message):
    done = forks("train", f"{recipe}.yaml", "--init-from", taggers / "runs" / start, cwd=place)
    assert done.returncode in (1, 2), done.stderr
    assert message in done.stderr
    assert "hint: " in done.stderr
    assert "this is a bug" not in done.stderr


def test_new_tags_cannot_be_fine_tuned(forks, place, taggers):
    (place / "more.conll").write_text("Zoë NNP B-PER\nBerlin NNP B-GPE\n\n")
    args = ("--init-from", taggers / "runs/ner", *sets("data.train=more.conll"))
    done = forks("train", "ner.yaml", *args, cwd=place)
    assert done.returncode in (1, 2), done.stderr
    assert "B-GPE" in done.stderr
    assert "more.conll:2:12" in done.stderr
    assert "this is a bug" not in done.stderr


# what a run leaves


def test_a_run_says_how_it_did(taggers):
    for name, metric in (("pos", "accuracy"), ("ner", "span-f1"), ("spaces", "accuracy"), ("counted", "accuracy")):
        header = artifact.read_header(taggers / "runs" / name / "model.safetensors")
        scores = header["scores"]
        assert scores["baseline"]["metric"] == metric
        assert scores["baseline"]["margin"] == pytest.approx(
            scores["valid"][metric] - scores["baseline"][metric], abs=1e-9
        )
        assert 0 < scores["test"]["accuracy"] <= 1
        assert header["decoding"]["temperature"] > 0
        assert header["task"] == "tagging"


def test_the_commands_it_names_work(forks, place):
    for name, text in (("ner", "your text here"), ("counted", "your text here"), ("spaces", "Thisisatext,isn'tit?")):
        done = forks.ok("train", f"{name}.yaml", *sets("data.test=null"), cwd=place)
        assert f'echo "{text}" | seqcli tag -m runs/{name}' in done.stderr
        out = forks.ok("-q", "tag", "-m", f"runs/{name}", cwd=place, input=text + "\n").stdout
        assert "".join(out.split())
        metric = "span-f1" if name == "ner" else "accuracy"
        assert f"seqcli eval -m runs/{name} --metric {metric}" in done.stderr
        assert float(forks.ok("-q", "eval", "-m", f"runs/{name}", "--metric", metric, cwd=place).stdout) <= 1
        shown = forks.ok("inspect", f"runs/{name}", cwd=place).stdout
        assert "labels" in shown
        assert "baseline" in shown


def test_the_same_recipe_gives_the_same_model(forks, place, taggers):
    forks.ok("train", "ner.yaml", cwd=place)
    assert_same(taggers / "runs/ner", place / "runs/ner")


def test_sentences_from_standard_input(forks, place):
    text = (place / "pos-train.txt").read_text()
    changes = sets("data.train=-", "data.valid=0.1", "data.test=null", "train.steps=2")
    forks.ok("train", "pos.yaml", *changes, cwd=place, input=text)
    out = forks.ok("eval", "-m", "pos", "--metric", "accuracy", "--split", "train", cwd=place).stdout
    assert 0 <= float(out) <= 1


def test_a_column_of_a_longer_list_of_columns(forks, place):
    """Tags that are no spans, from a column that is not the last."""
    changes = sets("data.columns=[word, pos, _]", "train.steps=4")
    forks.ok("train", "ner.yaml", *changes, cwd=place)
    header = artifact.read_header(place / "runs/ner/model.safetensors")
    assert header["vocabulary"]["labels"] == [".", "CC", "NNP", "RB", "VBD"]
    assert header["data"]["scheme"] is None


def test_a_restoring_model_gives_its_text_in_json_too(forks, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("the cat sat on the mat\nthe dog ran\n" * 40)
    recipe = tmp_path / "spaces.yaml"
    recipe.write_text(
        "task: tagging\ndata: {train: text.txt, restore: spaces}\n"
        "model: {embedding: 8, characters: none, hidden: 16}\ntrain: {steps: 60, learning_rate: 0.02, threads: 1}\n"
    )
    said = forks.ok("train", "spaces.yaml", cwd=tmp_path).stderr
    assert "train 80 texts of 1,040 characters; 2 labels, 12 characters\n" in said
    done = forks.ok("tag", "--jsonl", input="thecatsat\n", cwd=tmp_path)
    record = json.loads(done.stdout)
    assert record["text"] == "thecatsat"
    assert record["seqcli"]["text"].replace(" ", "") == "thecatsat"
    assert [t["text"] for t in record["seqcli"]["tokens"]] == list("thecatsat")
    plain = forks.ok("tag", input="thecatsat\n", cwd=tmp_path)
    assert plain.stdout == record["seqcli"]["text"] + "\n"
