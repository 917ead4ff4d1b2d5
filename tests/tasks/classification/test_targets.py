"""A classifier with several targets: each as if it were alone, together in every form, scored, and what is refused."""

from __future__ import annotations

import csv
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.alike import alike
from support.inprocess import seqcli

from seqcli import artifact, load
from seqcli.errors import SeqcliError, UsageError
from seqcli.layers import objective
from seqcli.recipe.load import load_recipe
from seqcli.tasks.classification import data as dataset
from seqcli.tasks.classification.predict import Classifier, Settings
from seqcli.tasks.classification.train import Task

WORDS = {"PLACE:river": "the Rhine flows", "PLACE:town": "Rome lies there", "PERSON:poet": "she wrote verse"}
WORDS |= {"PERSON:king": "he ruled long"}
RECIPE = """task: classification
tokenizer: word
data: {train: train.csv, valid: valid.csv, label: [coarse, fine], text: text}
model: {cell: gru, embedding: 8, hidden: 8, linear: true, targets: {fine: {weight: 0.5}}}
train: {steps: 40, evaluate_every: 20, batch_size: 16, learning_rate: 2e-2, threads: 1}
"""


def furnish(folder: Path) -> None:
    rng = random.Random(1)
    for split, count in (("train", 120), ("valid", 40)):
        fine = [rng.choice([*WORDS]) for _ in range(count)]
        texts = [" ".join([*rng.sample(WORDS[name].split(), 2), rng.choice("abc")]) for name in fine]
        coarse = [name.partition(":")[0] for name in fine]
        with (folder / f"{split}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("fine", "text", "coarse"), *zip(fine, texts, coarse, strict=True)])
        objects = [{"text": t, "fine": f, "coarse": c} for t, f, c in zip(texts, fine, coarse, strict=True)]
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(o) + "\n" for o in objects))
        lines = zip(fine, texts, strict=True)
        (folder / f"{split}.label").write_text("".join(f"{f} {t}\n" for f, t in lines))
        lines = zip(fine, texts, strict=True)
        (folder / f"{split}.ft").write_text("".join(f"__label__{f} {t}\n" for f, t in lines))
    (folder / "topic.yaml").write_text(RECIPE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("levels")
    furnish(found)
    done = seqcli("train", "topic.yaml", cwd=found)
    assert done.returncode == 0, done.stderr
    assert "coarse 2 labels, fine 4 labels" in done.stderr
    assert "best targets-mean on valid while training" in done.stderr
    return found


@pytest.fixture(scope="module")
def own(folder: Path) -> Classifier:
    return load(folder / "runs/topic")


def texts(folder: Path) -> list[Any]:
    config = dataset.Config(train="valid.csv", label=["coarse", "fine"], text="text")
    return dataset.open_corpus(config, folder).splits["train"]


def test_each_target_answers_as_it_does_alone(folder: Path, own: Classifier) -> None:
    examples = [own.ready(e) for e in texts(folder)]
    assert list(own.targets) == ["coarse", "fine"]
    together = own.answer(examples, Settings())
    for name in own.targets:
        alone = own.of(name).answer(examples, Settings())
        assert alike([a.further[name] if name in a.further else a._replace(further={}) for a in together], alone)
        assert own.of(name).packed()().answer(examples, Settings()) == alone  # as another process opens it
    coarse = [a.labels[0] for a in together]
    assert np.mean([a == e.labels[0] for a, e in zip(coarse, examples, strict=True)]) > 0.9
    assert own.of("fine").temperature == own.others["fine"].temperature != own.temperature
    assert own.of("fine").share > 0 < own.share  # a linear model beside each
    with pytest.raises(UsageError, match="no target 'fin'"):
        own.of("fin")


def test_the_loss_is_the_weighted_sum(folder: Path) -> None:
    task = Task.prepare(load_recipe(folder / "topic.yaml"), None, None)
    model = task.model
    batch = task.batch(0, 0)
    assert batch["further"].shape == (1, 16)
    whole, _ = task.loss(model, batch, (), None)
    logits = model.scores(*model.inputs(batch))
    coarse = objective.nats(logits[:, :2], batch["targets"], smoothing=0.0).mean()
    fine = objective.nats(logits[:, 2:], batch["further"][0], smoothing=0.0).mean()
    assert float(whole) == pytest.approx(float(coarse + 0.5 * fine), rel=1e-6)
    named = [task.vocabulary.further["fine"].labels[i] for i in batch["further"][0]]
    assert [n.partition(":")[0] for n in named] == [task.vocabulary.labels[i] for i in batch["targets"]]


def test_every_form_holds_all_targets(folder: Path, own: Classifier) -> None:
    ask = ("-q", "classify", "-m", "runs/topic")
    line = seqcli(*ask, cwd=folder, input="Rome lies a\n\n").text.splitlines()
    cells = line[0].split("\t")
    assert cells[::2] == ["PLACE", "PLACE:town"]
    assert line[1] == "-\t0.0000\t-\t0.0000"
    assert list(own.filter(["Rome lies a"])) == line[:1]
    found = json.loads(seqcli(*ask, "--jsonl", "--top", "2", cwd=folder, input="Rome lies a\n").text)["seqcli"]
    fine = found["further"]["fine"]
    assert [f"{fine['probability']:.4f}", len(fine["labels"]), fine["label"]] == [cells[3], 2, cells[2]]
    rows = seqcli(*ask, "valid.csv", cwd=folder).text.splitlines()
    assert rows[0] == "fine,text,coarse,predicted,probability,predicted-fine,probability-fine"
    assert seqcli(*ask, "--batch-size", "1", "valid.csv", cwd=folder).text.splitlines() == rows
    new = seqcli(*ask, cwd=folder, input="text\nRome lies a\n").text  # a filter needs no column of labels
    assert new.splitlines()[-1] == line[0]
    explained = json.loads(seqcli(*ask, "--explain", "--jsonl", cwd=folder, input="Rome lies a\n").text)["seqcli"]
    assert [token["text"] for token in explained["explanation"]] == ["Rome", "lies", "a"]
    refused = seqcli("classify", "-m", "runs/topic", "--target-precision", "0.9", cwd=folder, input="a\n")
    assert (refused.returncode, refused.stdout) == (2, b"")
    assert "--target-precision is for one target: this model gives coarse, fine" in refused.stderr


def test_scores_are_each_target_s_and_those_together(folder: Path, own: Classifier) -> None:
    examples = texts(folder)
    odd = [replace(e, labels=["PLACE"]) for e in examples]
    report = own.score(odd)
    alone = {name: own.of(name).score(odd) for name in own.targets}
    assert all(alike(report.targets[name].metrics, r.metrics) for name, r in alone.items())
    given = own.answer([own.ready(e) for e in examples], Settings())
    right = [
        a.labels == ["PLACE"] and a.further["fine"].labels == e.targets[0][1] for a, e in zip(given, odd, strict=True)
    ]
    assert report.metrics["targets-all"] == pytest.approx(np.mean(right))
    assert report.metrics["targets-mean"] == pytest.approx(np.mean([r.metrics["accuracy"] for r in alone.values()]))
    files = {name: own.evaluate(folder / name) for name in ("valid.csv", "valid.jsonl")}
    assert files["valid.csv"].metrics == files["valid.jsonl"].metrics == own.evaluate(split="valid").metrics
    assert alike(own.evaluate(folder / "valid.csv", label="fine").metrics, files["valid.csv"].targets["fine"].metrics)
    assert alike(own.evaluate(split="valid", label="fine").metrics, files["valid.csv"].targets["fine"].metrics)
    shown = seqcli("-q", "eval", "-m", "runs/topic", "--split", "valid", "--confusion", cwd=folder)
    assert (shown.returncode, "--label coarse scores one target alone" in shown.stderr) == (2, True)
    same = seqcli(
        "-q", "eval", "--compare", "runs/topic", "runs/topic", "--label", "fine", "--json", "valid.csv", cwd=folder
    )
    assert json.loads(same.text)["metrics"]["accuracy"]["first"] == alone["fine"].metrics["accuracy"] != 0


@pytest.mark.parametrize("name", ["train.label", "train.ft", "train.jsonl", "train.csv"])
def test_levels_of_one_label_are_targets_too(folder: Path, name: str) -> None:
    levels = {"label_until": ":"} if not name.endswith(("jsonl", "csv")) else {}
    config = dataset.Config(
        train=name, format="label-text" if "label" in name else None, label=["coarse", "fine"], **levels
    )
    corpus = dataset.open_corpus(config, folder)
    plain = dataset.open_corpus(dataset.Config(train="train.csv", label=["coarse", "fine"]), folder)
    assert [dataset.Corpus.row(e) for e in corpus.splits["train"]] == [
        dataset.Corpus.row(e) for e in plain.splits["train"]
    ]
    first, second = corpus.splits["train"][0], corpus.of("fine").splits["train"][0]
    assert second.labels == first.targets[0][1]
    where = (folder / name).read_text().splitlines()[int(second.place(label=True).split(":")[-2]) - 1]
    column = int(second.place(label=True).split(":")[-1])
    assert where[column - 1 :].startswith(second.labels[0])


def test_a_run_of_levels_scores_files_of_levels_and_of_columns(folder: Path) -> None:
    changes = ["data.train=train.label", "data.valid=valid.label", "data.text=null", "data.label_until=':'"]
    changes += ["data.format=label-text", "model.linear=false"]
    sets = [part for change in changes for part in ("--set", change)]
    done = seqcli("train", "topic.yaml", "--name", "levels", *sets, cwd=folder)
    assert done.returncode == 0, done.stderr
    own = load(folder / "runs/levels")
    reports = [
        own.evaluate(folder / name, **({"text": "text"} if "csv" in name else {}))
        for name in ("valid.label", "valid.csv")
    ]
    assert reports[0].metrics == reports[1].metrics
    assert alike(own.evaluate(folder / "valid.label", label="fine").metrics, reports[0].targets["fine"].metrics)
    tuned = seqcli(
        "train",
        "topic.yaml",
        "--name",
        "tuned",
        "--init-from",
        "runs/levels",
        "--set",
        "model.linear=false",
        cwd=folder,
    )
    assert tuned.returncode == 0, tuned.stderr


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["data.label=[coarse, fin]"], "no column 'fin' for --label"),
        (["data.label=[coarse, coarse]"], "coarse is named twice, or is the text"),
        (["data.label=[coarse, text]"], "text is named twice, or is the text"),
        (["data.multi_label=true"], "several targets cannot be combined with multi_label"),
        (["model.targets={fin: {weight: 2}}"], "there is no target 'fin'"),
        (["train.watch=fine"], "'fine' cannot decide which model is kept here\n  hint: known: targets-mean"),
        (
            ["train.watch=targets-mean", "data.valid=null", "model.linear=false"],
            "targets-mean is measured on a validation split",
        ),
        (["model=ngram-linear", "tokenizer=null", "train=null"], "a ngram-linear has one target, not 2"),
        (["data.train=train.ft", "data.valid=null", "data.text=null"], "one label for a text, of at most two levels"),
        (["data.train=train.label", "data.format=trees", "data.valid=null"], "trees has neither"),
    ],
)
def test_what_several_targets_cannot_be_is_refused(folder: Path, changes: list[str], said: str) -> None:
    sets = [part for change in changes for part in ("--set", change)]
    done = seqcli("train", "topic.yaml", "--name", "no", *sets, cwd=folder)
    assert done.returncode in (1, 2)
    assert said in done.stderr


def test_the_linear_model_that_a_run_is_compared_with_is_trained_as_is_said(folder: Path) -> None:
    baseline = Task.prepare(load_recipe(folder / "topic.yaml"), None, None).baseline("valid")
    assert baseline is not None
    options = baseline.advice.rpartition(" trains ")[0].split()
    done = seqcli("train", "topic.yaml", "--name", "linear", *options, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "2 labels" in done.stderr


def test_a_record_without_a_further_label_is_named(folder: Path, tmp_path: Path) -> None:
    for name, text in (("a.csv", "coarse,fine,text\nPLACE,PLACE:town,Rome\nPLACE,,the Rhine\n"),):
        (tmp_path / name).write_text(text)
        with pytest.raises(SeqcliError, match=r"a\.csv:3:7: the record has no label of 'fine'"):
            dataset.open_corpus(dataset.Config(train=name, label=["coarse", "fine"], text="text"), tmp_path)
    (tmp_path / "a.jsonl").write_text('{"text": "Rome", "coarse": "PLACE", "fine": []}\n')
    with pytest.raises(SeqcliError, match=r"a\.jsonl:1:45: the record has no label of 'fine'"):
        dataset.open_corpus(dataset.Config(train="a.jsonl", label=["coarse", "fine"]), tmp_path)


def test_a_file_whose_further_shares_are_no_numbers_is_refused(folder: Path, tmp_path: Path) -> None:
    stored = artifact.read(folder / "runs/topic/model.safetensors")
    for broken in ({"linear_shares": {"fine": "2"}}, {"temperatures": {"fine": -1}}):
        header = {**stored.header, "decoding": {**stored.header["decoding"], **broken}}
        artifact.write(tmp_path / "m.safetensors", header, stored.arrays)
        with pytest.raises(SeqcliError, match="decoding"):
            load(tmp_path / "m.safetensors")


def test_a_target_that_is_scored_alone_is_read_as_in_training(tmp_path: Path) -> None:
    """Whole, where the first is cut at label_until, and under its own names."""
    rows = [("a b", "A:x", "A:x"), ("c d", "B:y", "B:y"), ("a d", "A:z", "neg"), ("c b", "B:x", "C:w")] * 8
    (tmp_path / "a.tsv").write_text("text\tone\ttwo\n" + "".join("\t".join(row) + "\n" for row in rows))
    data = "{train: a.tsv, valid: a.tsv, label: [one, two], label_until: ':', labels: {B: neg}}"
    lines = ["task: classification", "tokenizer: word", f"data: {data}"]
    lines += ["model: {cell: gru, embedding: 4, hidden: 4}", "train: {steps: 2, threads: 1}"]
    (tmp_path / "r.yaml").write_text("\n".join(lines) + "\n")
    done = seqcli("train", "r.yaml", "--name", "r", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    own = load(tmp_path / "runs/r")
    assert [own.of(name).labels for name in ("one", "two")] == [["A", "neg"], ["A:x", "B:y", "C:w", "neg"]]
    alone, whole = own.evaluate(tmp_path / "a.tsv", label="two"), own.evaluate(tmp_path / "a.tsv")
    assert alike(alone.metrics, whole.targets["two"].metrics)
    assert alone.counts["texts"] == 32
    with pytest.raises(UsageError, match="no target 'too'"):
        own.evaluate(split="valid", label="too")
    (tmp_path / "b.tsv").write_text("text\tone\ttwo\na b\tA:x\t\na b\tA:x\tA:x\n")
    ask = ("eval", "-m", "r", "b.tsv", "--json")
    assert "has no label of 'two'" in seqcli(*ask, cwd=tmp_path).stderr
    left = json.loads(seqcli("-q", *ask, "--unknown-label", "skip", cwd=tmp_path).text)
    assert left["counts"]["texts"] == 1


def test_two_models_are_compared_by_the_same_target(folder: Path) -> None:
    sets = ["--set", "data.label=[fine, coarse]", "--set", "model.linear=false", "--set", "train.steps=2"]
    done = seqcli("train", "topic.yaml", "--name", "turned", *sets, cwd=folder)
    assert done.returncode == 0, done.stderr
    ask = ("-q", "eval", "--compare", "runs/topic", "runs/turned", "--json", "valid.csv")
    found = json.loads(seqcli(*ask, cwd=folder).text)["metrics"]["accuracy"]
    wanted = [
        load(folder / f"runs/{name}").evaluate(folder / "valid.csv", label="coarse") for name in ("topic", "turned")
    ]
    assert [found["first"], found["second"]] == [r.metrics["accuracy"] for r in wanted]


def test_a_further_label_is_no_text_and_no_half_a_character(tmp_path: Path) -> None:
    row = {"utterance": "hello there", "intent": "greet", "sentence": "glad"}
    (tmp_path / "a.jsonl").write_text(json.dumps(row) + "\n")
    corpus = dataset.open_corpus(dataset.Config(train="a.jsonl", label=["intent", "sentence"]), tmp_path)
    assert corpus.splits["train"][0].text == "hello there"
    (tmp_path / "b.jsonl").write_text('{"text": "x", "intent": "a", "mood": "\\ud800"}\n')
    with pytest.raises(SeqcliError, match="half a character"):
        dataset.open_corpus(dataset.Config(train="b.jsonl", label=["intent", "mood"]), tmp_path)


def test_replayed_records_count_among_balanced_labels() -> None:
    """As many replayed as new ones: each label's records weigh as much as any other's, and the mean of all is 1."""
    from seqcli.datasets.vocabulary import Vocabulary
    from seqcli.records import Example
    from seqcli.tasks.classification.targets import class_weights

    own = [Example("x", labels=[label]) for label in ["pos"] * 50 + ["sport"] * 50]
    old = [Example("x", labels=[label]) for label in ["pos"] * 30 + ["neg"] * 30]
    known = Vocabulary([], [], {}, ["neg", "pos", "sport"])
    found = class_weights("balanced", own, known, old, 0.5)
    assert found == pytest.approx([4 / 3, 2 / 3, 4 / 3])
    assert class_weights("none", own, known, old, 0.5) == pytest.approx([1, 1, 1])
    assert class_weights("balanced", own[:80], known)[1:] == pytest.approx([0.8, 4 / 3])
