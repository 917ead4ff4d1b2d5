"""`seqcli train` on labelled texts: mistakes in recipes, runs that stop and go on, and using what was trained."""

from __future__ import annotations

import random
import re
import shutil
import signal
from pathlib import Path

import pytest
from support.resuming import assert_same, ended_again_and_again, saves, sets

from seqcli import artifact

COMMON = (
    "train.save_every=1e-9",
    "train.evaluate_every=10",
    "train.accumulate=2",
    "train.average=0.9",
    "train.steps=50",
)
EVERYTHING = {  # that has a state: dropout, word dropout, averaging, several batches a step, epochs shorter than the run
    "remarks": ("model.dropout=0.2", "model.word_dropout=0.2", "model.layers=2", "model.class_weights=balanced"),
    "trees": ("model.dropout=0.2", "model.word_dropout=0.2", "train.batch_size=4"),
}
RUNS = ("remarks", "topics", "names", "octets", "pieces", "bag", "linear", "trees")


@pytest.fixture
def place(classifiers, tmp_path) -> Path:
    """A folder of one's own with the recipes and data of `classifiers`, and no runs."""
    folder = tmp_path / "place"
    shutil.copytree(classifiers, folder, ignore=shutil.ignore_patterns("runs"))
    return folder


FEW = sets("train.steps=2")


# mistakes


def test_all_mistakes_are_reported_at_once(forks, place):
    (place / "bad.yaml").write_text("""\
task: classification
tokenizer: {kind: word, splt: rule}
data:
  train: remarks-train.tsv
  vaild: remarks-valid.tsv
  format: tvs
  label_from: files
model:
  pooling: attn
  hiden: 8
  class_weights: balance
train: {steps: 60, batch_size: none}
""")
    done = forks("train", "bad.yaml", cwd=place)
    assert done.returncode == 2
    lines = done.stderr.removeprefix("error: ").splitlines()
    assert [line.partition(": ")[0] for line in lines[:-1]] == [f"bad.yaml:{n}" for n in (2, 5, 6, 7, 9, 10, 11, 12)]
    words = (
        "'split'",
        "'valid'",
        "'tvs' is not a format",
        "'file'",
        "'attention'",
        "'hidden'",
        "'balanced'",
        "batch_size",
    )
    for line, word in zip(lines, words, strict=False):
        assert word in line
    assert lines[-1].startswith("  hint: 8 mistakes in bad.yaml")
    assert not (place / "runs").exists()


@pytest.mark.parametrize(
    ("recipe", "changes", "status", "message"),
    [
        ("remarks", ["model.kind=clasifier"], 2, "unknown model 'clasifier'; did you mean 'classifier'?"),
        ("remarks", ["model.cell=lstn"], 2, "did you mean 'lstm'"),
        ("remarks", ["model.kind=ngram-linear"], 2, "tokenizer: this kind of model needs no tokenizer for classification"),
        ("remarks", ["train.sequence_length=32"], 2, "classification trains on whole texts; data.longest truncates"),
        ("remarks", ["data.encoding=latin-2x"], 2, "unknown encoding 'latin-2x'"),
        ("remarks", ["data.label_separator=';'"], 2, "applies to texts with several labels; set multi_label too"),
        ("remarks", ["data.phrases=true"], 2, "data.phrases is for trees; remarks-train.tsv is tsv"),
        ("trees", ["data.phrases=true"], 2, "model.kind: recursive learns from every node of whole trees"),
        ("remarks", ["model.class_weights={postive: 2}"], 2, "no label 'postive'\n  hint: did you mean 'positive'?"),
        ("remarks", ["model.class_weights={positive: 0}"], 2, "model.class_weights.positive: must be a number greater than 0"),
        ("trees", ["model.class_weights={'3': 2}"], 2, "model.class_weights: the data has no label '3'"),
        ("trees", ["data.multi_label=true"], 2, "recursive gives every node one label"),
        ("trees", ["tokenizer=char"], 2, "tokenizer.kind: the leaves of trees are words; use word"),
        ("remarks", ["data.train=remarks-tran.tsv"], 1, "did you mean 'remarks-train.tsv'"),
        ("remarks", ["data.train=one.tsv"], 1, "the train split has only the label 'positive': there is nothing to tell apart"),
        ("topics", ["data.train=void.jsonl"], 1, "the train split has no label: there is nothing to tell apart"),
        ("remarks", ["data.labels={positive: null}"], 1, "the train split has only the label 'negative'"),
        ("remarks", ["data.train=empty.tsv"], 1, "the train split has no records with a text (empty.tsv)\n  hint: it was read as tsv"),
        ("remarks", ["data.train=odd.tsv"], 1, "odd.tsv:3:1: the record has no label"),
        ("remarks", ["data.valid=odd.tsv"], 1, "odd.tsv:3:1: the record has no label"),
        ("remarks", ["data.train=bytes.tsv"], 1, "bytes.tsv:3:11: byte 0xe9 is not valid UTF-8"),
        ("remarks", ["data.text=txt"], 1, "remarks-train.tsv:1:1: no column is named 'txt'\n  hint: did you mean 'text'?"),
        ("remarks", ["data.label=4"], 1, "remarks-train.tsv:1:1: there is no column 4"),
        ("topics", ["data.multi_label=false"], 1, "topics-train.jsonl:"),
        ("trees", ["data.train=names-train.txt", "data.format=trees"], 1, "names-train.txt:1:1: not a tree"),
        ("remarks", ["data.vectors=no.vec"], 1, "no such file: no.vec"),
    ],
)  # fmt: skip
def test_mistakes(forks, place, recipe, changes, status, message):
    (place / "one.tsv").write_text("label\ttext\npositive\ta film\npositive\ta book\n")
    (place / "void.jsonl").write_text('{"text": "a film", "labels": []}\n')
    (place / "empty.tsv").write_text("label\ttext\n")
    (place / "odd.tsv").write_text("label\ttext\npositive\ta film\n\ta book\n")
    (place / "bytes.tsv").write_bytes(b"label\ttext\nx\ta\npositive\ta\xe9\n")
    done = forks("train", f"{recipe}.yaml", *sets(*changes), cwd=place)
    assert done.returncode == status, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert "this is a bug" not in done.stderr
    assert done.stdout == ""
    assert not [*place.glob("runs/*/*.safetensors")]


def test_a_label_of_the_validation_split_alone_is_no_mistake(forks, place):
    with (place / "remarks-valid.tsv").open("a") as file:
        file.write("neutral\tit is a film\n")
    forks.ok("train", "remarks.yaml", *FEW, cwd=place)
    header = artifact.read_header(place / "runs/remarks/model.safetensors")
    assert header["scores"]["valid"]["counts"] == {"texts": 81, "labels": 2, "unknown labels": 1}
    assert header["vocabulary"]["labels"] == ["negative", "positive"]


def test_a_dry_run_trains_nothing(forks, place):
    done = forks.ok("train", "remarks.yaml", "--dry-run", cwd=place)
    assert "# labels: negative 1" in done.stdout
    assert "# train: 300 texts\n# valid: 80 texts\n# test: 80 texts" in done.stdout
    assert "targets (16,)" in done.stdout
    assert "attention.context" in done.stdout
    assert "pooling: attention" in done.stdout
    linear = forks.ok("train", "linear.yaml", "--dry-run", cwd=place).stdout
    assert "kind: ngram-linear" in linear
    assert "# parameters" not in linear
    assert (
        "positive"
        in forks.ok("train", "trees.yaml", "--dry-run", *sets("data.labels={'2': positive}"), cwd=place).stdout
    )
    assert not (place / "runs").exists()


# stopped and gone on with


@pytest.mark.parametrize(("recipe", "number"), [("remarks", signal.SIGTERM), ("trees", signal.SIGKILL)])
def test_a_stopped_run_ends_with_the_same_bits(forks, place, recipe, number):
    args = ["train", f"{recipe}.yaml", *sets(*COMMON, *EVERYTHING[recipe])]
    forks.ok(*args, "--name", "alone", cwd=place)
    run = place / "runs" / "stopped"
    stops = ended_again_and_again(forks, args, run, number, saves(run, 20))
    assert stops, "it was stopped too seldom to prove anything"
    assert_same(place / "runs" / "alone", run)


def test_the_data_and_the_recipe_of_a_run_that_goes_on(forks, place, classifiers):
    forks.ok("train", "remarks.yaml", *FEW, cwd=place)
    again = ("train", "remarks.yaml", "--resume", *sets("train.steps=4"))
    assert "another recipe: model.pooling" in forks(*again, *sets("model.pooling=max"), cwd=place).stderr
    assert "another recipe: data.longest" in forks(*again, *sets("data.longest=5"), cwd=place).stderr
    assert "another recipe: data.multi_label" in forks(*again, *sets("data.multi_label=true"), cwd=place).stderr
    (place / "remarks-test.tsv").write_text("label\ttext\npositive\tnothing else\n")
    assert "the data has changed since runs/remarks started: test" in forks(*again, cwd=place).stderr
    shutil.copy(classifiers / "remarks-test.tsv", place)
    assert "resumed at step 2" in forks.ok(*again, cwd=place).stderr
    counted = forks("train", "linear.yaml", "--resume", cwd=place)
    assert "ngram-linear model is counted in one pass: there is nothing to resume" in counted.stderr


# what a run leaves


@pytest.mark.parametrize("name", RUNS)
def test_a_run_keeps_how_it_did(forks, classifiers, name):
    header = artifact.read_header(classifiers / "runs" / name / "model.safetensors")
    scores, metric = header["scores"], "micro-f1" if name == "topics" else "accuracy"
    assert (scores["baseline"]["kind"], scores["baseline"]["metric"]) == ("ngram-linear", metric)
    assert scores["baseline"]["margin"] == pytest.approx(scores["valid"][metric] - scores["baseline"][metric])
    assert 0 < scores["test"][metric] <= 1
    assert 0.1 <= header["decoding"]["temperature"] <= 20
    assert set(header["decoding"].get("label_thresholds", {})) == (
        {"food", "music", "sport"} if name == "topics" else set()
    )
    assert header["task"] == "classification"
    shown = forks.ok("inspect", name, cwd=classifiers).stdout
    for label in header["vocabulary"]["labels"]:
        assert label in shown
    for part in (
        "temperature",
        f"test score  {'micro-f1' if name == 'topics' else 'accuracy'} ",
        "baseline    ngram-linear",
    ):
        assert part in shown


def test_a_run_says_how_it_did(forks, place):
    """The baseline's margin; where the network loses, a warning whose advice works."""
    said = forks.ok("train", "remarks.yaml", *FEW, cwd=place).stderr
    assert re.search(
        r"^remarks-train.tsv: train 300, valid 80, test 80 texts; 2 labels, vocabulary of \d+$", said, re.M
    )
    assert re.search(r"^model: 1 x 8 lstm, both directions, attention pooling, [\d,]+ parameters; ", said, re.M)
    assert re.search(r"^test: accuracy 0\.\d{4}, macro F1 0\.\d{4}, calibration error 0\.\d{4}$", said, re.M)
    found = re.search(
        r"^warning: loses to the ngram-linear baseline \(accuracy (\S+) on valid\) by \S+: (.*) trains",
        said,
        re.M,
    )
    assert found
    advice = forks.ok("train", "remarks.yaml", "--name", "advice", *found[2].split(), cwd=place).stderr
    assert f"valid: accuracy {found[1]}, " in advice
    assert "baseline" not in advice
    (place / "far.tsv").write_text(far(200))
    changes = ("data={train: far.tsv, valid: 0.2}", "model.pooling=max", "model.hidden=16", "train.steps=200")
    won = forks.ok("train", "remarks.yaml", "--name", "far", *sets(*changes), cwd=place).stderr
    found = re.search(r"^beats the ngram-linear baseline \(accuracy (\S+) on valid\) by (\S+)$", won, re.M)
    assert found
    valid = artifact.read_header(place / "runs/far/model.safetensors")["scores"]["valid"]["accuracy"]
    assert float(found[1]) + float(found[2]) == pytest.approx(valid, abs=1e-4)
    assert valid > 0.9 > float(found[1])


def far(count: int) -> str:
    """Texts whose label is whether two words far from each other agree: no sum over n-grams tells it."""
    draw = random.Random(1)

    def line(first: bool, second: bool) -> str:
        rest = [draw.choice(["la", "lo", "lu"]) for _ in range(8)]
        rest[5:5], rest[8:8] = ["up" if first else "down"], ["in" if second else "out"]
        return f"{'yes' if first == second else 'no'}\t{' '.join(rest)}\n"

    return "".join(line(draw.random() < 0.5, draw.random() < 0.5) for _ in range(count))


def test_without_a_validation_split_nothing_is_fitted(forks, place):
    done = forks.ok("train", "remarks.yaml", *FEW, *sets("data.valid=null", "data.test=null"), cwd=place)
    header = artifact.read_header(place / "runs/remarks/model.safetensors")
    assert "decoding" not in header
    assert "baseline" not in header["scores"]
    assert "neither a valid nor a test split: neither the model nor a baseline was scored" in done.stderr
    asked = forks("classify", "-m", "remarks", "--target-precision", 0.9, cwd=place, input="a\n")
    assert asked.returncode == 2
    assert "the run has no valid split\n  hint: it has: train" in asked.stderr


def test_the_commands_it_names_work(forks, place):
    for name, metric in (
        ("remarks", "accuracy"),
        ("topics", "micro-f1"),
        ("linear", "accuracy"),
        ("trees", "accuracy"),
    ):
        done = forks.ok("train", f"{name}.yaml", *([] if name == "linear" else FEW), cwd=place)
        assert f'echo "your text here" | seqcli classify -m runs/{name}' in done.stderr
        assert "\t" in forks.ok("classify", "-m", f"runs/{name}", cwd=place, input="your text here\n").stdout
        assert f"seqcli eval -m runs/{name} --metric {metric}" in done.stderr
        assert float(forks.ok("-q", "eval", "-m", f"runs/{name}", "--metric", metric, cwd=place).stdout) <= 1
        assert f"seqcli inspect runs/{name}" in done.stderr
        assert done.stdout == f"runs/{name}/model.safetensors\n"


@pytest.mark.parametrize("name", ["remarks", "pieces", "linear", "trees"])  # each way to learn
def test_the_same_recipe_gives_the_same_model(forks, place, classifiers, name):
    forks.ok("train", f"{name}.yaml", cwd=place)
    assert_same(classifiers / "runs" / name, place / "runs" / name)
