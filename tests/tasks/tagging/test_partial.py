"""Tags that are known in part: what they allow, how they are read, learnt from and scored, and what is refused."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
from support.inprocess import seqcli

from seqcli import load
from seqcli.errors import SeqcliError
from seqcli.recipe.load import load_recipe
from seqcli.records import Sentence
from seqcli.tasks.tagging import data as dataset
from seqcli.tasks.tagging import partial
from seqcli.tasks.tagging.labels import Labels
from seqcli.tasks.tagging.train import Task

NAMES = ["B-LOC", "B-PER", "E-LOC", "E-PER", "I-LOC", "I-PER", "O", "S-LOC", "S-PER"]
WORDS = {"DET": ["the", "a", "every"], "NOUN": ["dog", "tree", "town"], "VERB": ["sees", "likes", "has"]}
RECIPE = """task: tagging
data: {train: train.conll, valid: valid.conll, partial: true, columns: [word, tag]}
model: {embedding: 8, characters: none, hidden: 8}
train: {steps: 60, evaluate_every: 30, batch_size: 16, learning_rate: 2e-2, threads: 1}
"""


def furnish(folder: Path, hidden: float = 0.5) -> None:
    rng = random.Random(1)
    for split, count in (("train", 120), ("valid", 30)):
        rows, full = [], []
        for _ in range(count):
            tags = ["DET", "NOUN", "VERB", "DET", "NOUN"]
            words = [rng.choice(WORDS[tag]) for tag in tags]
            shown = [tag if rng.random() > hidden else rng.choice(["_", "_", f"{tag}|X", "!PUNCT"]) for tag in tags]
            rows.append("".join(f"{w}\t{t}\n" for w, t in zip(words, shown, strict=True)) + ".\tPUNCT\n")
            full.append("".join(f"{w}\t{t}\n" for w, t in zip(words, tags, strict=True)) + ".\tPUNCT\n")
        (folder / f"{split}.conll").write_text("\n".join(rows))
        (folder / f"{split}-full.conll").write_text("\n".join(full))
    (folder / "part.yaml").write_text(RECIPE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("partial")
    furnish(found)
    for name, changes in {"crf": [], "softmax": ["--set", "model.head=softmax"]}.items():
        done = seqcli("train", "part.yaml", "--name", name, *changes, cwd=found)
        assert done.returncode == 0, done.stderr
    return found


@pytest.mark.parametrize(
    ("outside", "tag", "meant"),
    [
        ("iobes", "_", NAMES),
        ("iobes", "O", ["O"]),
        ("iob2", "B-PER", ["B-PER", "S-PER"]),
        ("iob2", "I-PER", ["E-PER", "I-PER"]),
        ("iob1", "I-PER", ["B-PER", "E-PER", "I-PER", "S-PER"]),
        ("iobes", "PER|LOC", [n for n in NAMES if n != "O"]),
        ("iobes", "!PER", ["B-LOC", "E-LOC", "I-LOC", "O", "S-LOC"]),
        ("iobes", "!PER|LOC", ["O"]),
        ("iobes", "O|S-PER", ["O", "S-PER"]),
    ],
)
def test_what_a_tag_allows(outside: str, tag: str, meant: list[str]) -> None:
    found = partial.allowed(Labels(NAMES, "iobes", outside), Sentence(text="x", words=["x"], tags=[tag]))
    assert [name for name, may in zip(NAMES, found[0], strict=True) if may] == meant


def test_a_name_that_is_none_is_named_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "part.yaml").write_text(RECIPE.replace(", valid: valid.conll", ""))
    (tmp_path / "train.conll").write_text("the\tDET\ndog\tNOUN\n\nthe\t_\ndog\tNOUN\n")
    task = Task.prepare(load_recipe(tmp_path / "part.yaml"), None, None)
    odd = Sentence(
        text="a b", words=["a", "b"], tags=["DET", "!NOUM"], source="f", line=3, tag_places=[(3, 3), (4, 3)]
    )
    with pytest.raises(SeqcliError, match=r"f:4:3: there is no tag 'NOUM'"):
        task._allowed(odd)


@pytest.mark.parametrize("head", ["crf", "softmax"])
def test_with_all_tags_known_the_loss_is_the_usual_one(folder: Path, head: str) -> None:
    sets = [f"model.head={head}", "data.train=train-full.conll", "data.valid=valid-full.conll"]
    losses = []
    for flag in ("true", "false"):
        task = Task.prepare(load_recipe(folder / "part.yaml", [*sets, f"data.partial={flag}"]), None, None)
        batch = task.batch(0, 0)
        assert ("allowed" in batch) == (flag == "true")
        losses.append(float(task.loss(task.model, batch, (), None)[0]))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


@pytest.mark.parametrize("name", ["crf", "softmax"])
def test_half_of_the_tags_are_enough_where_the_rest_can_be_told(folder: Path, name: str) -> None:
    own = load(folder / "runs" / name)
    assert own.tags == ["DET", "NOUN", "PUNCT", "VERB", "X"]
    report = own.evaluate(folder / "valid-full.conll")
    assert report.metrics["accuracy"] == 1.0
    shown = own.evaluate(folder / "valid.conll")
    lines = (folder / "valid.conll").read_text().split("\n")
    unknown = sum(partial.is_open(line.partition("\t")[2]) for line in lines if line)
    assert shown.counts["tokens with a tag known in part"] == unknown > 30
    assert shown.metrics["accuracy"] == 1.0
    assert shown.counts["tokens of unknown tags"] == 0
    assert shown.metrics["cross-entropy"] < report.metrics["cross-entropy"] + 1e-6  # the rest is not asked for
    assert own.temperature != 1.0


def test_scores_count_known_tokens_alone(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "a.conll").write_text("the\tDET\ndog\tVERB\nsees\t_\nthe\t!NOUN\ndog\tNOUN|VERB\n.\tPUNCT\n")
    report = load(folder / "runs/crf").evaluate(tmp_path / "a.conll")
    assert report.metrics["accuracy"] == pytest.approx(2 / 3)
    assert report.counts["tokens with a tag known in part"] == 3


def test_json_has_null_and_lists(folder: Path, tmp_path: Path) -> None:
    rows = [
        {"tokens": ["the", "dog", "sees"], "tags": ["DET", ["NOUN", "VERB"], None]},
        {"tokens": ["Ann", "saw", "Rome"], "tags": ["B-PER", "O", "O"], "annotated": ["PER"]},
        {"tokens": ["Ann"], "tags": ["O"], "annotated": []},
    ]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = dataset.Config(train="a.jsonl", partial=True, scheme="none")
    found = [s.tags for s in dataset.open_corpus(config, tmp_path).splits["train"]]
    assert found == [["DET", "NOUN|VERB", "_"], ["B-PER", "!PER", "!PER"], ["_"]]
    with pytest.raises(SeqcliError, match="not a string"):
        dataset.open_corpus(dataset.Config(train="a.jsonl", scheme="none"), tmp_path)


def test_spans_of_some_kinds_alone_leave_the_others_open(tmp_path: Path) -> None:
    (tmp_path / "train.conll").write_text(
        "Ann\tB-PER\nLee\tI-PER\nsaw\tO\nRome\t_\n\nRome\tB-LOC\nsaw\tO\nAnn\tB-PER\n"
    )
    recipe = RECIPE.replace(", valid: valid.conll", "").replace("partial: true", "partial: true, annotated: [PER]")
    (tmp_path / "part.yaml").write_text(recipe)
    task = Task.prepare(load_recipe(tmp_path / "part.yaml"), None, None)
    assert task.corpus.scheme == "iob2"
    assert [s.tags for s in task.corpus.splits["train"]] == [
        ["B-PER", "I-PER", "!PER", "_"],
        ["B-LOC", "!PER", "B-PER"],
    ]
    assert task.vocabulary.labels == NAMES
    first = task._allowed(task.corpus.splits["train"][0])
    assert np.flatnonzero(first[2]).tolist() == [i for i, name in enumerate(NAMES) if "PER" not in name]
    assert first[3].all()
    assert np.isfinite(float(task.loss(task.model, task.batch(0, 0), (), None)[0]))


def test_an_open_tag_within_a_span_does_not_hide_its_scheme() -> None:
    assert partial.closed(["B-PER", "_", "I-PER", "!LOC", "O"]) == ["B-PER", "I-PER", "I-PER", "O", "O"]
    assert partial.closed(["_", "B", "_", "E"]) == ["O", "B", "I", "E"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["data.partial=false", "data.annotated=[PER]"], "set partial: true too"),
        (["data.annotated=[PER]"], "the tags mark no spans"),
        (["data.tag=[tag, word]"], "do not go with several targets"),
        (["data.tag=tag", "data.edits=[tag]"], "do not go with edits"),
    ],
)
def test_what_does_not_go_together_is_refused(folder: Path, changes: list[str], said: str) -> None:
    sets = [part for change in changes for part in ("--set", change)]
    done = seqcli("train", "part.yaml", "--name", "no", *sets, cwd=folder)
    assert done.returncode in (1, 2)
    assert said in done.stderr
