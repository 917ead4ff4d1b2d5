"""Readers that are trained further: what they read in the graph, its gradients, whose turn it is, what is written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.inprocess import seqcli

from seqcli import artifact, layers, load
from seqcli.reader import READERS, Reader, filed
from seqcli.recipe.load import load_recipe
from seqcli.records import Sentence
from seqcli.runs import Run

torch = pytest.importorskip("torch")

from seqcli.training import averaging, device, session  # noqa: E402

LM = """task: language-model
tokenizer: {kind: char, unk: true}
data: {train: a.txt}
model: {cell: lstm, embedding: 5, hidden: 7, layers: 2}
train: {steps: 10, sequence_length: 16, batch_size: 4, threads: 1}
"""
TAG = """task: tagging
data: {train: train.conll, valid: valid.conll}
model: {embedding: 8, hidden: 6, characters: null, reader: [runs/f, runs/b]}
train: {epochs: 6, batch_size: 8, learning_rate: 1e-2, threads: 1, reader_rate: 0.5, precision: float32}
"""
CLASSIFY = """task: classification
tokenizer: word
data: {train: train.tsv, valid: valid.tsv}
model: {embedding: 8, hidden: 6, reader: runs/f}
train: {epochs: 6, batch_size: 8, learning_rate: 1e-2, threads: 1, reader_rate: 0.5, precision: float32}
"""
TAGS = {"the": "DET", "a": "DET", "dog": "NOUN", "cat": "NOUN", "barks": "VERB", "sleeps": "VERB"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found, rng = tmp_path_factory.mktemp("tuned"), np.random.default_rng(1)
    (found / "a.txt").write_text("the dog barks.\na cat doesn't bark!\nthe cats and dogs sleep, all of them.\n" * 12)
    for name, text in (("lm", LM), ("tag", TAG), ("classify", CLASSIFY)):
        (found / f"{name}.yaml").write_text(text)
    for split, count in (("train", 40), ("valid", 10)):
        sentences = [rng.choice([*TAGS], rng.integers(1, 7)).tolist() for _ in range(count)]
        blocks = ["".join(f"{w}\t{TAGS[w]}\n" for w in words) for words in sentences]
        (found / f"{split}.conll").write_text("\n".join(blocks) + "\n")
        labelled = [f"{' '.join(words)}\t{'yes' if 'dog' in words else 'no'}\n" for words in sentences]
        (found / f"{split}.tsv").write_text("text\tlabel\n" + "".join(labelled))
    trained(found, "lm", "f")
    trained(found, "lm", "b", "data.reversed=true", "model={cell: gru, embedding: 4, hidden: 5}")
    return found


def trained(folder: Path, recipe: str, name: str, *sets: str, more: tuple[str, ...] = ()) -> str:
    changes = (a for s in sets for a in ("--set", s))
    done = seqcli("train", f"{recipe}.yaml", "--name", name, *changes, *more, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    return folder


def prepared(recipe: str, *sets: str) -> Any:
    return session.prepare(load_recipe(f"{recipe}.yaml", [*sets]), Run(Path("runs/none")), session.Options()).task


def arrays(run: str, name: str = "model") -> dict[str, np.ndarray]:
    return artifact.read(f"runs/{run}/{name}.safetensors").arrays


RECORDS = [
    Sentence(["the", "dog", "doesn't"]),
    Sentence(["do", "n't", "bark"], offsets=[(8, 10), (10, 13), (15, 19)], text="the dog don't  bark, or so"),
    Sentence(["Ünknown", "☃", "a"]),
    Sentence([]),
    Sentence(["x" * 70]),
]


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_states_in_the_graph_are_those_that_are_kept(here: Path, library: str) -> None:
    reader = Reader.named(["runs/f", "runs/b"])
    model = replace(prepared("tag").model, readers=reader.models)
    batch = reader.batch(RECORDS, 4)
    if library == "torch":
        model = device.bind(model, device.leaves(model, "cpu"), "float32")
        batch = {name: torch.from_numpy(a) for name, a in batch.items()}
    found = np.asarray(model.read_through(batch).detach() if library == "torch" else model.read_through(batch))
    assert found.shape == (4, len(RECORDS), 12)
    np.testing.assert_allclose(found, reader.padded(RECORDS, 4), atol=1e-6)


def test_what_stands_behind_the_last_word_is_not_read(here: Path) -> None:
    reader = Reader.named(["runs/f"])
    long = Sentence(["the"], offsets=[(0, 3)], text="the " + "cat " * 99)
    assert reader.batch([long], 4)["symbols0"].shape == (16, 1)
    np.testing.assert_array_equal(reader.batch([long], 4)["ends0"], [[3], [16], [16], [16]])


@pytest.mark.parametrize("recipe", ["tag", "classify"])
def test_gradients_are_those_of_finite_differences(here: Path, recipe: str) -> None:
    task = prepared(recipe)
    leaves: dict[str, Any] = {
        n: w.double().detach().requires_grad_() for n, w in device.leaves(task.model, "cpu").items()
    }
    batch = task.batch(0, 0)

    def loss() -> Any:
        return task.loss(layers.replace(task.model, leaves), batch, (), None)[0]

    loss().backward()
    rng, seen = np.random.default_rng(1), 0
    for name in (n for n in leaves if n.startswith(READERS) and "output" not in n):
        weight = leaves[name]
        i = tuple(int(rng.integers(n)) for n in weight.shape)
        i = np.unravel_index(int(weight.grad.abs().argmax()), weight.shape) if rng.random() < 0.7 else i
        with torch.no_grad():
            at = weight[i].item()
            found = []
            for step in (1e-5, -1e-5):
                weight[i] = at + step
                found.append(loss().item())
            weight[i] = at
        assert weight.grad[i].item() == pytest.approx((found[0] - found[1]) / 2e-5, rel=1e-4, abs=1e-9), name
        seen += weight.grad.abs().max().item() > 1e-6
    assert seen > 5


def test_every_part_of_a_reader_but_its_output_has_a_gradient(here: Path) -> None:
    task = prepared("tag")
    leaves = device.leaves(task.model, "cpu")
    task.loss(device.bind(task.model, leaves, "bfloat16"), task.batch(0, 0), (), None)[0].backward()
    without = {n for n, w in leaves.items() if n.startswith(READERS) and w.grad is None}
    assert {n.rpartition(".")[2] for n in without} == {"output_weight", "output_bias"}


def test_losses_stay_on_a_device_without_numbers(here: Path) -> None:
    task = prepared("classify")
    leaves = {n: torch.empty(a.shape, device="meta").requires_grad_() for n, a in layers.arrays(task.model).items()}
    loss, _ = task.loss(device.bind(task.model, leaves, "float32"), task.batch(0, 0), (), None)
    assert loss.device.type == "meta"
    loss.backward()


@pytest.mark.parametrize(("recipe", "verb"), [("tag", "tag"), ("classify", "classify")])
def test_the_file_holds_what_was_tuned(here: Path, recipe: str, verb: str) -> None:
    """It scores in use as it did in training, its readers are others than those that it began with, and it is used,
    looked at and tuned again as any other."""
    said = trained(here, recipe, recipe)
    names = ("f", "b")[: 2 if recipe == "tag" else 1]
    own = arrays(recipe)
    assert not any("readers." in n for n in own)
    for i, name in enumerate(names):
        before = {n: a for n, a in arrays(name).items() if n.startswith("model.")}
        assert {n for n in own if n.startswith(f"reader{i}.model.")} == {f"reader{i}.{n}" for n in before}
        same = {n for n, a in before.items() if np.array_equal(a, own[f"reader{i}.{n}"])}
        assert same == {"model.output_weight", "model.output_bias"}
    best = [json.loads(line) for line in (here / f"runs/{recipe}/metrics.jsonl").read_text().splitlines()]
    best = [r for r in best if r["best"]][-1]
    found = json.loads(seqcli("eval", "-m", f"runs/{recipe}", "--split", "valid", "--json", cwd=here).text)
    assert found["accuracy"] == pytest.approx(best["accuracy"], abs=1e-6), said
    assert "runs/f, lstm, char, forward, trained further" in seqcli("inspect", f"runs/{recipe}", cwd=here).text
    lines = ["the dog barks", "", "a ☃ sleeps"]
    together = seqcli(verb, "-m", f"runs/{recipe}", input="\n".join(lines) + "\n", cwd=here)
    assert together.returncode == 0, together.stderr
    assert together.text == "".join(
        seqcli(verb, "-m", f"runs/{recipe}", input=f"{line}\n", cwd=here).text for line in lines
    )
    trained(here, recipe, f"{recipe}-again", "train.reader_rate=0", "train.epochs=1", more=("--init-from", f"runs/{recipe}"))  # fmt: skip
    again = arrays(f"{recipe}-again")
    for name in (n for n in own if n.startswith("reader")):
        np.testing.assert_array_equal(again[name], own[name])


def test_states_that_were_kept_are_not_taken_for_those_of_other_weights(here: Path, monkeypatch: Any, tmp_path: Path) -> None:  # fmt: skip
    """A model whose readers were tuned is fine-tuned with them frozen: its states are of its own readers."""
    monkeypatch.setenv("SEQCLI_CACHE", str(tmp_path))
    trained(here, "tag", "frozen", "train.reader_rate=0", "train.epochs=1")
    trained(here, "tag", "first", "train.epochs=2")
    task = session.prepare(
        load_recipe("tag.yaml", ["train.reader_rate=0"]), Run(Path("runs/none")), session.Options(init_from="runs/first")
    ).task  # fmt: skip
    own = load("runs/first")
    records = task.splits["train"][:5]
    kept = [np.array(r.states) for r in records]
    for record, states in zip(records, kept, strict=True):
        record.states = None
        np.testing.assert_array_equal(own.model.states([record])[0], states)
    assert len(list((tmp_path / "states").glob("*.bin"))) == 2


def test_readers_stay_as_they_are_until_their_turn(here: Path) -> None:
    """A layer more every two epochs: bit for bit the same until then, and trained from then on."""
    task = prepared("tag", "train.unfreeze_every=2")
    assert (len(task.depth.groups), task.depth.own) == (4, 1)
    assert [("states" in task.batch(e, 0), "symbols0" in task.batch(e, 0)) for e in (1, 2)] == [(True, False), (False, True)]  # fmt: skip
    steps = task.batches
    trained(here, "tag", "turns", "train.unfreeze_every=2", "train.epochs=7", f"train.snapshot_every={steps}")
    told = [artifact.read_header(Run(Path("runs/turns")).snapshot(steps * e))["reader"] for e in range(1, 8)]
    assert [all(own.get("tuned", False) for own in each) for each in told] == [False] * 2 + [True] * 5
    found = [
        {n: a for n, a in artifact.read(path).arrays.items() if n.startswith(("reader", "model."))}
        for path in (Run(Path("runs/turns")).snapshot(steps * e) for e in range(1, 8))
    ]
    began = {filed(n): np.asarray(a) for n, a in layers.arrays(task.model).items()}
    for turn, group in enumerate(task.depth.groups):
        for name in (n for n in map(filed, group) if "output" not in n or turn == 0):
            same = [np.array_equal(began[name], arrays[name]) for arrays in found]
            assert same == [True] * (2 * turn) + [False] * (7 - 2 * turn), name


@pytest.mark.parametrize("stopped", [3, 13])
def test_a_run_that_was_stopped_ends_as_one_that_was_not(here: Path, stopped: int) -> None:
    """Before the readers' turn and behind it."""
    sets = ["train.unfreeze_every=2", "train.schedule=constant"]
    if not (here / "runs/whole").exists():
        trained(here, "tag", "whole", *sets)
    trained(here, "tag", f"part{stopped}", *sets, f"train.steps={stopped}")
    trained(here, "tag", f"part{stopped}", *sets, "train.steps=null", more=("--resume",))
    parts = [arrays(run, "last") for run in ("whole", f"part{stopped}")]
    assert parts[0].keys() == parts[1].keys()
    for name, array in parts[0].items():
        np.testing.assert_array_equal(array, parts[1][name], err_msg=name)


def test_pieces_of_a_long_sentence_are_read_behind_the_words_before_them(here: Path) -> None:
    task = prepared("tag", "data.longest=2", "train.batch_size=200")
    model, pieces = task.model, task.buckets.batch(0, 0)
    found = model.read_through(task.batch(0, 0))
    wholes = {tuple(s.words): task.vocabulary.reader([s])[0] for s in task.splits["train"]}
    seen = 0
    for b, piece in enumerate(pieces):
        if piece.offsets is None:
            np.testing.assert_allclose(found[: len(piece.words), b], wholes[tuple(piece.words)], atol=1e-6)
            continue
        words = tuple(piece.text.split())
        first = piece.text[: piece.offsets[0][0]].count(" ")
        seen += first > 0
        np.testing.assert_allclose(
            found[: len(piece.words), b], wholes[words][first : first + len(piece.words)], atol=1e-6
        )
    assert seen > 10


def test_the_mean_of_snapshots_is_of_the_readers_too(here: Path) -> None:
    trained(here, "tag", "mean", "train.epochs=2", "train.snapshot_every=5", "train.average_snapshots=2")
    paths = [Run(Path("runs/mean")).snapshot(step) for step in (5, 10)]
    names = [*layers.arrays(prepared("tag").model)]
    assert any(name.startswith(READERS) for name in names)
    for name, mean in averaging.mean(paths, names).items():
        both = [artifact.read(path).arrays[filed(name)].astype(np.float64) for path in paths]
        np.testing.assert_array_equal(mean, ((both[0] + both[1]) / 2).astype(np.float32))


def test_fine_tuning_by_layers(here: Path) -> None:
    """The first step of plain gradient descent moves a layer by its share of the rate; what sleeps stays."""
    trained(here, "tag", "base", "train.reader_rate=0", "train.epochs=1")
    once = ["optimizer=sgd", "weight_decay=0", "steps=1", "clip_norm=null", "learning_rate=1", "reader_rate=0"]
    found = {}
    for name, change in (("even", "layer_rate=1"), ("less", "layer_rate=0.5"), ("head", "unfreeze_every=1")):
        trained(here, "tag", name, *(f"train.{key}" for key in (*once, change)), more=("--init-from", "runs/base"))
        found[name] = arrays(name, "last")
    base = arrays("base")
    for array, share in (("output_weight", 1), ("stack.cells.0.0.weight_hh", 0.5), ("embedding", 0.25)):
        before, even, less, head = (own[f"model.{array}"] for own in (base, *found.values()))
        assert np.abs(even - before).max() > 1e-4
        np.testing.assert_allclose(less - before, share * (even - before), atol=1e-6)
        np.testing.assert_array_equal(head, even if share == 1 else before)


def test_language_models_are_fine_tuned_by_layers_too(here: Path) -> None:
    sets = ["train.unfreeze_every=4", "train.layer_rate=0.4", "train.epochs=7", "train.steps=null"]
    trained(here, "lm", "slow", *sets, more=("--init-from", "runs/f"))
    before, behind = arrays("f"), arrays("slow", "last")
    same = {n for n in before if n.startswith("model.") and np.array_equal(before[n], behind[n])}
    assert same == {"model.embedding", *(n for n in same if n.startswith("model.stack.cells.0.0."))}
    assert len(same) == 5


def test_a_fine_tuned_run_goes_on_by_layers(here: Path) -> None:
    """That it was fine-tuned is known when it is resumed, without the model that it began with."""
    if not (here / "runs/base").exists():
        trained(here, "tag", "base", "train.reader_rate=0", "train.epochs=1")
    sets = ["train.unfreeze_every=1", "train.layer_rate=0.4", "train.schedule=constant", "train.reader_rate=0"]
    trained(here, "tag", "all", *sets, more=("--init-from", "runs/base"))
    trained(here, "tag", "some", *sets, "train.steps=8", more=("--init-from", "runs/base"))
    trained(here, "tag", "some", *sets, "train.steps=null", more=("--resume",))
    one, other = arrays("all", "last"), arrays("some", "last")
    assert one.keys() == other.keys()
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name], err_msg=name)


@pytest.mark.parametrize(
    ("recipe", "sets", "said"),
    [
        ("tag", ["model.reader=[]"], "train.reader_rate: this model has no reader"),
        ("lm", ["train.reader_rate=0.1"], "train.reader_rate: this model has no reader"),
        ("lm", ["train.layer_rate=0.5"], "train.layer_rate: the whole model is new"),
        ("tag", ["train.reader_rate=0", "train.unfreeze_every=1"], "train.unfreeze_every: the whole model is new"),
        ("tag", ["train.reader_rate=1.5"], "train.reader_rate"),
    ],
)
def test_what_has_nothing_to_tune_is_refused(folder: Path, recipe: str, sets: list[str], said: str) -> None:
    done = seqcli("train", f"{recipe}.yaml", "--name", "no", *(a for s in sets for a in ("--set", s)), cwd=folder)
    assert done.returncode == 2
    assert said in done.stderr
