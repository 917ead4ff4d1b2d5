"""Tagging as a task: what is prepared, batches, losses, scores; mistakes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from seqcli import artifact, layers, ops, registry, schemes
from seqcli.datasets.batch import WORDS
from seqcli.datasets.vocabulary import UNKNOWN, Vocabulary
from seqcli.errors import SeqcliError
from seqcli.recipe.schema import Recipe
from seqcli.tasks.tagging.predict import Tagger
from seqcli.tasks.tagging.score import evaluate
from seqcli.tasks.tagging.train import Task
from seqcli.training import device

torch = pytest.importorskip("torch")


def bound(task: Task) -> Any:
    return device.bind(task.model, device.leaves(task.model, "cpu"), "float32")


# preparing


@pytest.mark.parametrize("scheme", [*schemes.SCHEMES])
@pytest.mark.parametrize("inside", ["iobes", "iob2"])
def test_labels_are_the_models_scheme_s_whatever_the_data_s(
    make_rows: Any, recipe: Callable[..., Recipe], scheme: str, inside: str
):
    task = Task.prepare(recipe({"scheme": inside}, scheme=scheme), None, None)
    parts = "BEIS" if inside == "iobes" else "BI"
    assert task.vocabulary.labels == [*(f"{p}-LOC" for p in parts if p < "O"), "O", *(["S-LOC"] * ("S" in parts))]
    assert (task.vocabulary.scheme, task.corpus.scheme, task.header["data"]["scheme"]) == (inside, scheme, scheme)
    gold = [schemes.convert([t for *_, t in row], "iob2", inside) for row in make_rows(60, 1)]
    own = [[task.vocabulary.labels[k] for k in task._labels(s)[0]] for s in task.corpus.splits["train"]]
    assert own == gold


def test_what_is_known_is_the_training_splits(recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    made = recipe({"features": ["pos"], "min_count": 2})
    (tmp_path / "valid.conll").write_text("zebra\tZ\tB-ANIMAL\n\n")
    task = Task.prepare(made, None, None)
    v = task.vocabulary
    assert v.word_ids(["zebra", "Rome"]).tolist()[0] == UNKNOWN
    assert v.features == {"pos": ["W", "P"]} or v.features == {"pos": ["P", "W"]}
    assert "B-ANIMAL" not in v.labels
    assert "z" not in v.characters
    assert task.watched == "span-f1"
    assert Task.prepare(recipe({"characters": None}), None, None).vocabulary.characters == []


def test_the_artifact_s_parts_restore_the_vocabulary(recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    task = Task.prepare(recipe(), None, None)
    path = tmp_path / "m.safetensors"
    artifact.write(path, {"kind": "model", "task": "tagging", **task.header}, task.arrays)
    again = Vocabulary.of(artifact.read(path))
    assert again.header() == task.vocabulary.header()
    assert again.words == task.vocabulary.words
    assert json.loads(json.dumps(task.header)) == task.header
    assert task.header["splitting"]["rule"]["version"] == 1
    assert set(task.header["data"]["splits"]) == {"train", "valid"}
    assert all(line for line in task.details())
    assert "60 sentences" in task.opening()
    assert task.activations() > 0


def test_one_kind_of_span_needs_no_name(recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    made = recipe()
    (tmp_path / "train.conll").write_text("a\tx\tB\nb\tx\tI\nc\tx\tI\nd\tx\tB\n\ne\tx\tB\nf\tx\tI\nf\tx\tI\n\n")
    (tmp_path / "valid.conll").write_text("a\tx\tB\n\n")
    task = Task.prepare(made, None, None)
    assert task.vocabulary.labels == ["B", "E", "I", "O", "S"]
    tagger = Tagger(task.model, task.vocabulary, task.corpus.scheme)
    assert tagger.tags == ["B", "I", "O"]
    assert set(tagger.answer(task.corpus.splits["train"])[0].tags) <= {"B", "I", "O"}
    assert evaluate(tagger, task.corpus.splits["valid"]).counts["tokens of unknown tags"] == 0


def test_seeds_decide_the_weights(recipe: Callable[..., Recipe]) -> None:
    one, two, other = (layers.arrays(Task.prepare(recipe(seed=s), None, None).model) for s in (1, 1, 2))
    assert all(np.array_equal(a, two[n]) for n, a in one.items())
    assert any((a != other[n]).any() for n, a in one.items())


def test_vectors_of_the_words_of_all_splits(
    recipe: Callable[..., Recipe], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "v.txt").write_text("rome 1 2\nRome 3 4\nunused 5 6\nwe 7 8\n")
    task = Task.prepare(recipe(data={"vectors": "v.txt"}), None, None)
    assert sorted(task.vocabulary.vector_words) == ["Rome", "rome", "we"]
    np.testing.assert_array_equal(task.vocabulary.vector_rows(["Rome", "We", "saw"]), [[3, 4], [7, 8], [0, 0]])
    assert "3 of 4 kept" in capsys.readouterr().err
    batch = task.batch(0, 0)
    assert batch["vectors"].shape[1] == 2
    loss, _ = task.loss(bound(task), task.batch(0, 0), (), None)
    assert np.isfinite(loss.item())


# batches


def test_batches_hold_every_sentence_with_its_labels(recipe: Callable[..., Recipe]) -> None:
    task = Task.prepare(recipe({"features": ["pos"]}, data={"longest": 4}), None, None)
    v, seen = task.vocabulary, []
    for index in range(task.batches):
        b = task.batch(0, index)
        T, B = b["index"].shape
        assert T % 4 == len(b["ids"]) % WORDS == 0
        assert b["features"].shape == (1, T, B)
        assert len(b["ids"]) == len(b["characters"]) == len(b["character_lengths"]) == len(b["vectors"])
        assert task.size(b) == b["lengths"].sum()
        spelt = ["".join(v.characters[i - 4] for i in row[1 : n - 1]) for row, n in zip(b["characters"], b["character_lengths"], strict=True)]  # fmt: skip
        np.testing.assert_array_equal(b["ids"][: len(set(spelt)) - 1], v.word_ids(spelt)[: len(set(spelt)) - 1])
        for s, n in enumerate(b["lengths"]):
            words = [spelt[i] for i in b["index"][:n, s]]
            tags = [v.labels[k] for k in b["tags"][:n, s]]
            pos = [v.features["pos"][i - 1] for i in b["features"][0, :n, s]]
            seen.append((words, tags, pos))
    wanted = [(p.words, schemes.convert(p.tags or [], "iob2", "iobes"), p.features["pos"]) for p in task.corpus.pieces("train")]  # fmt: skip
    assert sorted(seen) == sorted(wanted)
    assert max(len(words) for words, *_ in seen) == 4


def test_a_batch_is_its_place_s_alone(recipe: Callable[..., Recipe]) -> None:
    made = recipe({"word_dropout": 0.4})
    one, two = Task.prepare(made, None, None), Task.prepare(made, None, None)
    one.batch(3, 1)
    for a, b in zip(one.batch(1, 2).values(), two.batch(1, 2).values(), strict=True):
        np.testing.assert_array_equal(a, b)
    other = one.batch(2, 2)
    assert any(not np.array_equal(a, other[name]) for name, a in one.batch(1, 2).items())


def test_word_dropout_makes_words_unknown_and_nothing_else(recipe: Callable[..., Recipe]) -> None:
    full, dropped = (Task.prepare(recipe({"word_dropout": rate}, batch_size=60), None, None) for rate in (0.0, 0.3))
    lost, total, masks = 0, 0, set()
    for epoch in range(60):
        a, b = (task.batch(epoch, 0) for task in (full, dropped))
        known = a["ids"] != UNKNOWN
        lost, total = lost + int((b["ids"][known] == UNKNOWN).sum()), total + int(known.sum())
        assert ((b["ids"] == a["ids"]) | (b["ids"] == UNKNOWN)).all()
        assert all(np.array_equal(a[n], b[n]) for n in a if n != "ids")
        masks.add((b["ids"][:20] == UNKNOWN).tobytes())
    assert len(masks) > 50  # drawn anew each epoch
    assert lost / total == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / total))


# losses and scores


@pytest.mark.parametrize("head", ["crf", "softmax"])
def test_a_batchs_loss_is_the_mean_of_its_tokens(recipe: Callable[..., Recipe], head: str) -> None:
    """The same nats that evaluation measures, where nothing is dropped."""
    task = Task.prepare(recipe({"head": head, "features": ["pos"]}, batch_size=60), None, None)
    loss, state = task.loss(bound(task), task.batch(0, 0), task.initial_state(task.model), None)
    tagger = Tagger(task.model, task.vocabulary, task.corpus.scheme)
    report = evaluate(tagger, task.corpus.splits["train"], probabilities=False)
    assert state == ()
    if head == "crf":
        assert loss.item() == pytest.approx(report.metrics["cross-entropy"], rel=1e-5)
    else:  # in use the scheme is kept: what it forbids has no share
        assert loss.item() > report.metrics["cross-entropy"]
    assert task.loss(task.model, task.batch(0, 0), (), None)[0] == pytest.approx(loss.item(), rel=1e-5)


def test_the_validation_split_is_scored(recipe: Callable[..., Recipe]) -> None:
    task = Task.prepare(recipe(), None, None)
    own = evaluate(Tagger(task.model, task.vocabulary, "iob2"), task.corpus.splits["valid"], probabilities=False)
    for model in (task.model, bound(task)):
        found = task.evaluate(model)
        assert found is not None
        assert (found.watched, found.more_is_better) == ("span-f1", True)
        assert found.scores == {"span-f1": own.metrics["span-f1"], "valid_loss": own.metrics["cross-entropy"]}
    alone = Task.prepare(recipe(data={"valid": None}), None, None)
    assert alone.evaluate(alone.model) is None
    assert alone.watched == "train_loss"
    assert Task.prepare(recipe(data={"scheme": "none"}), None, None).watched == "accuracy"


# mistakes


@pytest.mark.parametrize(
    ("features", "hint"),
    [(["poss"], "did you mean 'pos'?"), (["ner"], "besides the words and the tags"), (["pos", "x"], "pos")],
)
def test_a_column_that_is_not_there(recipe: Callable[..., Recipe], features: list[str], hint: str) -> None:
    with pytest.raises(SeqcliError, match=rf"train\.conll:1:1: there is no column '{features[-1]}'") as error:
        Task.prepare(recipe({"features": features}), None, None)
    assert hint in error.value.hint


# counted models, and plain text


def test_a_counted_model(recipe: Callable[..., Recipe]) -> None:
    task = Task.prepare(recipe({"kind": "frequency-tagger"}), None, None)
    model = task.count(registry.load("models", "frequency-tagger"))
    report = evaluate(Tagger(model, task.vocabulary, "iob2"), task.corpus.splits["valid"])
    assert report.metrics["span-f1"] > 0.9
    assert task.model is None
    assert task.details()


def test_restoring_what_text_has_lost(recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    made = recipe(data={"restore": "case", "columns": None, "valid": 0.2})
    (tmp_path / "train.conll").write_text("We saw Rome\nit is In Bath\n" * 20)
    task = Task.prepare(made, None, None)
    assert task.header["splitting"] == {"restore": "case"}
    assert task.vocabulary.labels == ["-", "U"]
    assert (task.corpus.scheme, task.vocabulary.scheme, task.watched) == (None, None, "accuracy")
    assert np.isfinite(task.loss(bound(task), task.batch(0, 0), (), None)[0].item())


def test_parts_go_where_the_model_is(recipe: Callable[..., Recipe]) -> None:
    """Numbers in the type of the weights, integers as indices: under bfloat16 too."""
    task = Task.prepare(recipe(), None, None)
    seen: dict[str, Any] = {}
    half = torch.zeros(1, dtype=torch.bfloat16)
    model = SimpleNamespace(output_bias=half, loss=lambda batch, rng: seen.update(batch))
    task.loss(model, task.batch(0, 0), (), None)
    assert seen.keys() == task.batch(0, 0).keys()
    assert {n: a.dtype for n, a in seen.items() if n != "vectors"} == dict.fromkeys(
        set(seen) - {"vectors"}, torch.int64
    )
    assert seen["vectors"].dtype == torch.bfloat16
    assert ops.to_numpy(seen["lengths"]).tolist() == task.batch(0, 0)["lengths"].tolist()


def test_the_rule_for_raw_text_is_fitted_to_given_words_too(recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    """Columns have no raw text: words that the rule would cut otherwise are found all the same."""
    (tmp_path / "own.conll").write_text("I PRP O\ndon't VBP O\ngo VB O\n\n" * 4)
    task = Task.prepare(recipe(data={"train": str(tmp_path / "own.conll"), "valid": None, "test": None}), None, None)
    splitting = task.header["splitting"]
    assert splitting["rule"]["clitics"] is False or splitting["differing"] == {"don't": ["don't"]}
    assert splitting["agreement"] <= 1
