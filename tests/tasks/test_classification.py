"""Classification as a task: what is prepared, batches, weights, losses, scores, what goes on and is fine-tuned."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqcli import artifact, layers, ops, registry
from seqcli.datasets.vocabulary import UNKNOWN
from seqcli.errors import SeqcliError, UsageError
from seqcli.recipe.load import resolve_recipe
from seqcli.recipe.schema import Recipe
from seqcli.records import Example
from seqcli.runs import Run
from seqcli.tasks.classification.fitting import HIGHEST, LOWEST
from seqcli.tasks.classification.labels import counts as counts_of
from seqcli.tasks.classification.predict import Classifier
from seqcli.tasks.classification.reading import Reading
from seqcli.tasks.classification.score import evaluate
from seqcli.tasks.classification.train import Task, fitted
from seqcli.training import device

torch = pytest.importorskip("torch")

GOOD, BAD, EVEN = ["fine", "lovely", "shines"], ["dull", "slow", "drags"], ["film", "is", "plot", "the"]
SMALL = {"embedding": 6, "hidden": 5}
TREES = "(2 (1 (0 dull) (2 film)) (3 (2 it) (4 shines)))\n(0 (2 so) (0 (0 very) (1 slow)))\n(4 lovely)\n" * 6


def rows(count: int, seed: int, share: float = 0.7) -> list[tuple[str, str]]:
    """(label, text): a text has a word of its label's."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(count):
        label = "good" if rng.random() < share else "bad"
        words = [*rng.choice(EVEN, rng.integers(0, 6)), str(rng.choice(GOOD if label == "good" else BAD))]
        found.append((label, " ".join(rng.permutation(words).tolist())))
    return found


def tsv(found: list[tuple[str, str]]) -> str:
    return "text\tlabel\n" + "".join(f"{text}\t{label}\n" for label, text in found)


@pytest.fixture
def recipe(tmp_path: Path) -> Callable[..., Recipe]:
    """`recipe(model={...}, data={...}, tokenizer=..., **train)`: of 60 training and 20 validation texts."""
    (tmp_path / "train.tsv").write_text(tsv(rows(60, 1)))
    (tmp_path / "valid.tsv").write_text(tsv(rows(20, 2)))

    def make(model: Any = None, data: Any = None, tokenizer: Any = "word", **train: Any) -> Recipe:
        keys = model or {}
        if keys.get("kind") == "ngram-linear":
            tokenizer = None
        elif "kind" not in keys:
            keys = {**SMALL, **keys}
        own: dict[str, Any] = {"train": "train.tsv", "valid": "valid.tsv", **(data or {})}
        options: dict[str, Any] = (
            {} if keys.get("kind") == "ngram-linear" else {"batch_size": 8, "epochs": 2, **train}
        )
        value = {"task": "classification", "data": {k: v for k, v in own.items() if v is not None}, "model": keys}
        if tokenizer is not None:
            value["tokenizer"] = tokenizer
        return resolve_recipe({**value, "train": options}, name="test", base=tmp_path)

    return make


def several(tmp_path: Path) -> dict[str, Any]:
    """The keys of data in which a text has any number of labels, some of them by chance."""
    lucky = np.random.default_rng(4).random(50) < 0.3
    lines = [
        {"text": text, "label": [label] + ["long"] * bool(by or len(text) > 20)}
        for (label, text), by in zip(rows(50, 3), lucky, strict=True)
    ]
    lines += [{"text": "the plot", "label": []}] * 4
    (tmp_path / "s.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return {"train": "s.jsonl", "valid": "s.jsonl", "multi_label": True}


def bound(task: Task) -> Any:
    return device.bind(task.model, device.leaves(task.model, "cpu"), "float32")


def stored(task: Task, path: Path, model: Any = None) -> artifact.Artifact:
    """A model's file as a run writes it."""
    model = model or task.model
    header = {"kind": "model", "task": "classification", "model": task.recipe.model.model_dump(mode="json")}
    arrays = {f"model.{n}": ops.to_numpy(a) for n, a in model.arrays().items()}
    artifact.write(path, {**header, "scores": {}, **task.header}, {**task.arrays, **arrays})
    return artifact.read(path)


def texts_of(task: Task, batch: dict[str, np.ndarray]) -> list[tuple[str, str]]:
    """(label, text) of a batch's records, in words that are known."""
    known, found = ["?", *task.vocabulary.words], []
    for b, n in enumerate(batch["lengths"]):
        words = [known[batch["ids"][i]] for i in batch["index"][:n, b]]
        found.append((task.vocabulary.labels[batch["targets"][b]], " ".join(words)))
    return found


# preparing


def test_what_is_known_is_the_training_splits(recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    (tmp_path / "valid.tsv").write_text(tsv([("awful", "zebra film")]))
    task = Task.prepare(recipe({"characters": {"kind": "cnn", "filters": 3}}), None, None)
    v = task.vocabulary
    assert set(v.words) == {*GOOD, *BAD, *EVEN}
    assert v.labels == ["bad", "good"]
    assert set(v.characters) == set("".join(v.words))
    assert v.word_ids(["zebra"]).tolist() == [UNKNOWN]
    assert Task.prepare(recipe(), None, None).vocabulary.characters == []


@pytest.mark.parametrize("kind", ["char", "byte", "sentencepiece", "word"])
def test_what_training_never_shows_is_unknown(recipe: Callable[..., Recipe], kind: str) -> None:
    """A byte, a piece or a character that is new has the row that stays zero, and not one that stays random."""
    spec = {"kind": kind, **({"size": 300} if kind == "sentencepiece" else {})}
    task = Task.prepare(recipe(tokenizer=spec), None, None)
    trained = {w for e in task.examples for w in e.words or []}
    assert sorted(task.vocabulary.words) == sorted(trained)
    assert "<unk>" not in trained
    new = (task.reading(Example("film Ж")).words or [])[len(task.reading(Example("film ")).words or []) :]
    assert len(new) == (2 if kind in ("byte", "sentencepiece") else 1)
    assert (task.vocabulary.word_ids(new) == UNKNOWN).all()
    assert (task.vocabulary.word_ids(trained) != UNKNOWN).all()
    assert not task.model.embedding[UNKNOWN].any()


def test_the_artifacts_parts_restore_the_vocabulary(recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    task = Task.prepare(recipe(tokenizer={"kind": "word", "split": "rule", "lowercase": True}), None, None)
    again = Classifier.open(stored(task, tmp_path / "m.safetensors"))
    assert again.vocabulary.header() == task.vocabulary.header()
    assert again.vocabulary.words == task.vocabulary.words
    examples = [task.reading(Example(text)) for text in ("FINE film", "", "isn't it")]
    assert [again.ready(Example(e.text)) for e in examples] == examples
    np.testing.assert_array_equal(again.model.logits(examples), task.model.logits(examples))
    assert json.loads(json.dumps(task.header)) == task.header
    assert task.opening() == "train.tsv: train 60, valid 20 texts; 2 labels, vocabulary of 10"


@pytest.mark.parametrize("kind", ["word", "char", "sentencepiece"])
def test_trees_are_read_as_the_tokenizer_reads(recipe: Callable[..., Recipe], tmp_path: Path, kind: str) -> None:
    """Leaves are words; characters and pieces are read from the text, in training and in scoring alike."""
    (tmp_path / "t.trees").write_text(TREES)
    spec = {"kind": kind, **({"size": 300} if kind == "sentencepiece" else {})}
    for phrases in (False, True):
        made = recipe(data={"train": "t.trees", "valid": "t.trees", "phrases": phrases}, tokenizer=spec)
        task = Task.prepare(made, None, None)
        assert len(task.examples) == (13 if phrases else 18)
        for example in (*task.examples, *map(task.reading, task.corpus.splits["valid"])):
            words = task.reading.words(example.text) if kind != "word" else example.text.split()
            assert example.words == words
            assert (task.vocabulary.word_ids(words) != UNKNOWN).all()
        assert task.evaluate(task.model) is not None
        assert ("13 phrases" in task.opening()) == phrases


def test_vectors_and_characters(recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text("film 1 2\nshines 3 4\nunused 5 6\n")
    task = Task.prepare(recipe({"characters": {"kind": "rnn", "hidden": 3}}, {"vectors": "v.txt"}), None, None)
    assert sorted(task.vocabulary.vector_words) == ["film", "shines"]
    batch = task.batch(0, 0)
    assert batch["vectors"].shape == (len(batch["ids"]), 2) == (len(batch["characters"]), 2)
    assert np.isfinite(task.loss(bound(task), batch, (), None)[0].item())


# batches


def test_batches_hold_every_text_once_with_its_label(recipe: Callable[..., Recipe]) -> None:
    task = Task.prepare(recipe(), None, None)
    orders = []
    for epoch in range(2):
        seen = [row for i in range(task.batches) for row in texts_of(task, task.batch(epoch, i))]
        assert sorted(seen) == sorted(rows(60, 1))
        orders.append(seen)
    assert orders[0] != orders[1]
    batch = task.batch(0, 0)
    assert task.size(batch) == batch["lengths"].sum()
    assert batch["weights"].tolist() == [1.0] * 8
    short = Task.prepare(recipe(data={"longest": 2}), None, None)
    assert max(short.batch(0, i)["lengths"].max() for i in range(short.batches)) == 2


def test_a_batch_is_its_seeds_and_its_places_alone(recipe: Callable[..., Recipe]) -> None:
    one, two = (Task.prepare(recipe({"word_dropout": 0.4}), None, None) for _ in range(2))
    other = Task.prepare(recipe({"word_dropout": 0.4}, seed=2), None, None)
    one.batch(3, 1)
    a, b, c = one.batch(1, 2), two.batch(1, 2), two.batch(2, 2)
    assert list(a) == list(b)
    assert all(np.array_equal(part, b[name]) for name, part in a.items())
    for elsewhere in (c, other.batch(1, 2)):
        assert any(not np.array_equal(part, elsewhere[name]) for name, part in a.items())
    whole = Task.prepare(recipe({"word_dropout": 0.4}, batch_size=60), None, None)
    assert len({(whole.batch(e, 0)["ids"] == UNKNOWN).tobytes() for e in range(20)}) > 10  # drawn anew each epoch


def test_targets_of_several_labels(recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    task = Task.prepare(recipe(data=several(tmp_path)), None, None)
    assert (task.vocabulary.labels, task.watched) == (["bad", "good", "long"], "micro-f1")
    seen = np.zeros(3)
    for i in range(task.batches):
        batch = task.batch(0, i)
        assert (batch["targets"].dtype, batch["targets"].shape) == (np.float32, (len(batch["lengths"]), 3))
        seen += batch["targets"].sum(axis=0)
    assert dict(zip(task.vocabulary.labels, seen, strict=True)) == counts_of(task.corpus.splits["train"])
    found = task.evaluate(bound(task))
    assert found is not None and set(found.scores) == {"micro-f1", "valid_loss"}  # noqa: PT018
    assert np.isfinite(task.loss(bound(task), batch, (), None)[0].item())


@pytest.mark.parametrize("wanted", ["balanced", {"bad": 4.0}, {"bad": 0.5, "good": 3.0}])
def test_weights_of_classes_have_a_mean_of_one_record(recipe: Callable[..., Recipe], wanted: Any) -> None:
    task = Task.prepare(recipe({"class_weights": wanted}), None, None)
    counts = counts_of(task.examples)
    batches = [task.batch(0, i) for i in range(task.batches)]
    assert np.concatenate([b["weights"] for b in batches]).mean() == pytest.approx(1)
    by_label = dict(zip(task.vocabulary.labels, task.weights, strict=True))
    for b in batches:
        assert b["weights"].tolist() == [by_label[task.vocabulary.labels[t]] for t in b["targets"]]
    if wanted == "balanced":
        assert by_label["bad"] * counts["bad"] == pytest.approx(by_label["good"] * counts["good"])
    else:
        assert by_label["bad"] / by_label["good"] == pytest.approx(wanted["bad"] / wanted.get("good", 1))


# losses and scores


@pytest.mark.parametrize("kind", ["classifier", "bag"])
def test_a_batchs_loss_is_what_evaluation_measures(recipe: Callable[..., Recipe], kind: str) -> None:
    keys = SMALL if kind == "classifier" else {"kind": "bag", "embedding": 6}
    task = Task.prepare(recipe(keys, {"valid": "train.tsv"}, batch_size=60), None, None)
    loss, state = task.loss(bound(task), task.batch(0, 0), task.initial_state(task.model), None)
    report = evaluate(Classifier(task.model, task.vocabulary, task.reading), task.corpus.splits["train"])
    assert state == ()
    assert loss.item() == pytest.approx(report.metrics["cross-entropy"], rel=1e-5)
    for model in (task.model, bound(task)):
        found = task.evaluate(model)
        assert found is not None
        assert (found.watched, found.more_is_better) == ("accuracy", True)
        assert found.scores["accuracy"] == report.metrics["accuracy"]
        assert found.scores["valid_loss"] == pytest.approx(loss.item(), rel=1e-5)


@pytest.mark.parametrize("model", [{}, {"kind": "ngram-linear"}])
@pytest.mark.parametrize("multi_label", [False, True])
def test_closing_writes_what_is_fitted_scores_and_a_baseline(
    recipe: Callable[..., Recipe], tmp_path: Path, capsys: Any, model: dict[str, Any], multi_label: bool
) -> None:
    pytest.importorskip("scipy")
    data = several(tmp_path) if multi_label else {"test": "valid.tsv"}
    task = Task.prepare(recipe(model, data), None, None)
    kind, run = registry.load("models", "ngram-linear"), Run(tmp_path)
    linear = (
        task.count(kind) if model else Task.prepare(recipe({"kind": "ngram-linear"}, data), None, None).count(kind)
    )
    assert (task.recipe.tokenizer is None, task.model is None, task.vocabulary.words == []) == (bool(model),) * 3
    stored(task, run.model, linear if model else None)
    task.closing(run)
    written = artifact.read(run.model)
    scores, decoding = written.header["scores"], written.header["decoding"]
    metric = "micro-f1" if multi_label else "accuracy"
    again = Classifier.open(written)
    assert set(scores) == {"baseline", *task.corpus.splits} - {"train"}
    for split in set(scores) - {"baseline"}:
        assert scores[split] == evaluate(again, task.corpus.splits[split]).to_dict()
    about = scores["baseline"]
    assert (about["kind"], about["split"], about["metric"]) == ("ngram-linear", "valid", metric)
    assert about["margin"] == pytest.approx(0 if model else scores["valid"][metric] - about[metric])
    baseline = Classifier(linear, task.vocabulary, Reading(None, 1000), multi_label)
    baseline, _ = fitted(baseline, task.corpus.splits["valid"])
    assert about[metric] == evaluate(baseline, task.corpus.splits["valid"]).metrics[metric] > 0.7
    assert LOWEST <= decoding["temperature"] <= HIGHEST
    assert ("label_thresholds" in decoding) == multi_label
    said = " ".join(capsys.readouterr().err.split())
    assert "an example:" in said and "seqcli classify -m" in said  # noqa: PT018
    assert ("loses to the ngram-linear baseline" in said) == (about["margin"] < 0 and not model)
    assert ("ties with the ngram-linear baseline" in said) == (about["margin"] == 0 and not model)


# going on, and fine-tuning


def test_a_run_that_goes_on_knows_what_it_knew(recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    made = recipe({"characters": {"kind": "cnn", "filters": 3}})
    first = Task.prepare(made, None, None)
    saved = stored(first, tmp_path / "last.safetensors")
    again = Task.prepare(made, saved, None)
    assert (again.header, list(again.arrays)) == (first.header, list(first.arrays))
    for index in range(first.batches):
        b = again.batch(1, index)
        assert all(np.array_equal(part, b[name]) for name, part in first.batch(1, index).items())


def test_fine_tuning_keeps_the_shape_and_takes_the_recipes_habits(
    recipe: Callable[..., Recipe], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = Task.prepare(recipe({"pooling": "mean"}, seed=5), None, None)
    start = stored(first, tmp_path / "m.safetensors")
    (tmp_path / "more.tsv").write_text(tsv([("good", "zebra shines"), ("bad", "so slow")] * 10))
    made = recipe({"hidden": 9, "dropout": 0.3, "class_weights": "balanced"}, {"train": "more.tsv"})
    task = Task.prepare(made, None, start)
    assert (task.recipe.model.hidden, task.recipe.model.pooling, task.recipe.model.dropout) == (5, "mean", 0.3)
    said = " ".join(capsys.readouterr().err.split())
    assert "instead of the recipe: model.hidden, model.pooling, and the vocabulary" in said
    assert task.vocabulary.words == first.vocabulary.words
    assert task.vocabulary.word_ids(["zebra"]).tolist() == [UNKNOWN]
    assert all(np.array_equal(a, layers.arrays(first.model)[n]) for n, a in layers.arrays(task.model).items())
    with pytest.raises(UsageError, match="is of the kind classifier; the recipe asks for bag"):
        Task.prepare(recipe({"kind": "bag"}), None, start)
    (tmp_path / "more.tsv").write_text(tsv([("good", "shines"), ("awful", "slow")] * 10))
    with pytest.raises(SeqcliError, match=r"more\.tsv:3:6: the model does not know the label 'awful'"):
        Task.prepare(recipe(data={"train": "more.tsv"}), None, start)


# mistakes


def test_one_label_is_nothing_to_tell_apart(recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    (tmp_path / "one.tsv").write_text(tsv([("good", "a film")] * 5))
    with pytest.raises(SeqcliError, match="only the label 'good'"):
        Task.prepare(recipe(data={"train": "one.tsv"}), None, None)
    (tmp_path / "none.jsonl").write_text('{"text": "a", "label": []}\n' * 5)
    with pytest.raises(SeqcliError, match="the train split has no label"):
        Task.prepare(recipe(data={"train": "none.jsonl", "valid": None, "multi_label": True}), None, None)


def test_a_weight_of_no_label(recipe: Callable[..., Recipe]) -> None:
    with pytest.raises(UsageError, match=r"model\.class_weights: the data has no label 'god'") as error:
        Task.prepare(recipe({"class_weights": {"god": 2.0}}), None, None)
    assert "did you mean 'good'?" in error.value.hint


def test_the_recursive_kind_reads_words_and_gives_one_label(recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    small = {"kind": "recursive", "embedding": 4, "hidden": 3}
    with pytest.raises(UsageError, match="gives every node one label"):
        Task.prepare(recipe(small, several(tmp_path)), None, None)
    with pytest.raises(UsageError, match="the leaves of trees are words"):
        Task.prepare(recipe(small, tokenizer="char"), None, None)
    (tmp_path / "t.trees").write_text(TREES)
    task = Task.prepare(recipe(small, {"train": "t.trees", "valid": "t.trees"}), None, None)
    assert np.isfinite(task.loss(bound(task), task.batch(0, 0), (), None)[0].item())
    assert task.evaluate(task.model) is not None
