"""Sequence to sequence as a task: what is prepared and left out, batches, losses, what is watched; what goes wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.reversing import bound, recipe_of, rows, tsv

from seqcli import ops
from seqcli.errors import SeqcliError, UsageError
from seqcli.records import Pair
from seqcli.tasks.sequence_to_sequence.batches import FILLED, STEPS, Encoded, answer_ratio
from seqcli.tasks.sequence_to_sequence.predict import Settings, Translator
from seqcli.tasks.sequence_to_sequence.score import evaluate, scored
from seqcli.tasks.sequence_to_sequence.train import CHECKED, Task, check_watched

torch = pytest.importorskip("torch")
pytest.importorskip("sacrebleu")

COPYING = {"model": {"copy_source": True}, "tokenizer": {"kind": "word", "min_count": 2}, "target_tokenizer": {"kind": "word", "min_count": 4}}  # fmt: skip
RECIPES: dict[str, dict[str, Any]] = {
    "shared": {},
    "separate": {"tokenizer": "char", "target_tokenizer": "word", "train": {"batch_tokens": 150}},
    "transformer": {"model": {"kind": "transformer", "size": 8, "heads": 2, "layers": 1, "feedforward": 12}},
    "copying": COPYING,
}


def prepared(folder: Path, **keys: Any) -> Task:
    return Task.prepare(recipe_of(folder, **keys), None, None)


def texts_of(task: Task, batch: dict[str, np.ndarray]) -> list[tuple[str, str]]:
    """(source, target) of a batch's pairs, as their tokenizers give them back."""
    codec, found = task.codec, []
    for b, (S, T) in enumerate(zip(batch["source_lengths"], batch["target_lengths"], strict=True)):
        source, target = batch["source"][b, : S - 1], batch["inputs"][b, 1:T]
        found.append((codec.source.decode(source), codec.target.decode(target)))
    return found


# preparing


def test_vocabularies_are_the_training_splits(tmp_path: Path) -> None:
    (tmp_path / "valid.tsv").write_text(tsv([("zebra a", "a zebra")]))
    task = prepared(tmp_path, tokenizer="word", target_tokenizer="char", valid=None)
    words = {w for source, _ in rows(60, 1) for w in source.split()}
    assert set(task.codec.source.vocabulary()) == words | {"<unk>", "<eos>"}
    assert task.codec.source.unk_id in task.codec.source_ids("zebra")
    letters = set("".join(target for _, target in rows(60, 1)))
    assert set(task.codec.target.decode(range(task.codec.target.size - 1))) == letters | {"\n"}
    assert task.codec.target.unk_id is not None  # characters are read as <unk>, whatever the recipe says
    shared = prepared(tmp_path, tokenizer="word")
    assert shared.codec.own_target is None
    assert set(shared.codec.source.vocabulary()) == words | {"<unk>", "<eos>"}


@pytest.mark.parametrize("name", RECIPES)
def test_what_a_run_keeps_of_it(name: str, tmp_path: Path) -> None:
    task = prepared(tmp_path, **RECIPES[name])
    header = task.header
    assert json.loads(json.dumps(header)) == header
    assert header["vocabulary"] == {
        n: s for n, s in task.codec.sizes._asdict().items() if n not in ("dimensions", "columns")
    }
    assert (
        ("target_tokenizer" in header) == (task.codec.own_target is not None) == ("target_tokenizer" in RECIPES[name])
    )
    facts = header["data"]
    assert (facts["longest"], facts["ratio"], facts["bleu_tokenize"], facts["answer_ratio"]) == (
        500,
        None,
        "13a",
        facts["answer_ratio"],
    )
    assert {s: (v["records"], len(v["sha256"])) for s, v in facts["splits"].items()} == {
        "train": (60, 64),
        "valid": (20, 64),
    }
    assert task.opening().startswith("train.tsv: train 60, valid 20 pairs; ")
    assert task.opening().endswith("symbols")
    assert task.details()[:2] == ["train: 60 pairs", "valid: 20 pairs"]
    assert f"batches: {task.batches} an epoch, as source (" in task.details()[-1]
    assert task.activations() > 0


def test_answers_may_be_half_as_long_again_as_any_in_training() -> None:
    def of(S: int, T: int) -> Encoded:
        return Encoded(np.zeros(S, np.int64), np.zeros(T, np.int64))

    assert answer_ratio([of(4, 4), of(8, 3)]) == 2.0
    assert answer_ratio([of(4, 4), *[of(3, 10)] * 3]) == 5.0
    assert answer_ratio([*[of(4, 4)] * 999, of(1, 400)]) == 2.0  # one odd pair frees nobody


# what is left out


def test_long_and_uneven_pairs_are_left_out_and_it_is_said(tmp_path: Path, capsys: Any) -> None:
    found = [("a b c", "a b c"), ("a b c d", "a"), ("a", "a b c d"), ("a b", "a b"), ("a b c", "a"), ("a", "a b c")]
    (tmp_path / "odd.tsv").write_text(tsv(found))
    task = prepared(tmp_path, tokenizer="word", data={"train": "odd.tsv", "longest": 3})
    assert sorted(texts_of(task, task.batch(0, 0))) == sorted(f for f in found if "d" not in "".join(f))
    assert "2 of 6 training pairs are left out: a side has more than 3 tokens" in capsys.readouterr().err
    assert len(prepared(tmp_path, tokenizer="word", data={"train": "odd.tsv", "longest": 4}).train) == 6
    assert capsys.readouterr().err == ""
    task = prepared(tmp_path, tokenizer="word", data={"train": "odd.tsv", "longest": 3, "ratio": 2})
    assert sorted(texts_of(task, task.batch(0, 0))) == [("a b", "a b"), ("a b c", "a b c")]
    said = capsys.readouterr().err
    assert "2 of 6 training pairs are left out: a side has more than 3 tokens" in said
    assert "2 of 6 training pairs are left out: one side is more than 2 times as long" in said
    with pytest.raises(SeqcliError, match="no training pair is left") as caught:
        prepared(tmp_path, tokenizer="word", data={"train": "odd.tsv", "longest": 1})
    assert caught.value.hint


def test_a_line_end_is_no_token_of_its_own(tmp_path: Path) -> None:
    lines = [{"s": "a\nb c", "t": "x\ny z"}, {"s": "a", "t": "x"}]
    (tmp_path / "x.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    data = {"train": "x.jsonl", "valid": None, "source": "s", "target": "t", "longest": 3}
    task = prepared(tmp_path, tokenizer="word", data=data)
    assert sorted(texts_of(task, task.batch(0, 0))) == [("a", "x"), ("a b c", "x y z")]


def test_long_pairs_of_valid_are_scored_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "valid.tsv").write_text(tsv([("a b " * 9, "b a " * 9), ("a", "a")]))
    task = prepared(tmp_path, tokenizer="word", data={"longest": 8}, valid=None)
    assert [(len(e.source), len(e.target)) for e in task.valid] == [(9, 19), (2, 2)]
    found = task.evaluate(task.model)
    assert found is not None
    assert np.isfinite(found.scores["valid_loss"])


# batches


@pytest.mark.parametrize("name", RECIPES)
def test_batches_have_every_pair_once_and_the_arrays_that_models_read(name: str, tmp_path: Path) -> None:
    task = prepared(tmp_path, **RECIPES[name])
    codec, pairs, shapes, orders = task.codec, task.corpus.splits["train"], [], []
    for epoch in range(2):
        seen: list[int] = []
        shapes.append(set())
        for i in range(task.batches):
            batch = task.batch(epoch, i)
            (B, S), T = batch["source"].shape, batch["inputs"].shape[1]
            shapes[-1].add((B, S, T))
            assert S % STEPS == T % STEPS == len(batch["places"]) % FILLED == 0
            assert (batch["source_lengths"].max() > S - STEPS) and (batch["target_lengths"].max() > T - STEPS)  # noqa: PT018
            total = int(batch["total"])
            assert total == batch["target_lengths"].sum() == batch["weights"].sum()
            assert task.size(batch) == total + batch["source_lengths"].sum()
            assert batch["weights"].tolist() == [1.0] * total + [0.0] * (len(batch["places"]) - total)
            assert len(batch["gold"]) == len(batch["weights"]) == len(batch["places"])
            assert ("copies" in batch) == (name == "copying")
            assert "sampling" not in batch
            at = 0
            for b, n in enumerate(batch["target_lengths"].tolist()):
                own = batch["source"][b, : batch["source_lengths"][b]]
                gold = batch["gold"][at : at + n]
                assert batch["places"][at : at + n].tolist() == [b * T + t for t in range(n)]
                fed = np.where(gold < codec.sizes.target, gold, codec.unknown)
                assert batch["inputs"][b, :n].tolist() == [codec.bos, *fed[:-1].tolist()]
                assert gold[-1] == codec.eos
                pair = pairs[task.plan.batch(epoch, i)[b]]
                assert own.tolist() == codec.source_ids(pair.text).tolist()
                if name == "copying":
                    copies, extra = codec.copies(pair.text)
                    assert batch["copies"][b].tolist() == [*copies.tolist(), *[-1] * (S - len(copies))]
                    assert gold.tolist() == codec.copied_targets(pair.target or "", extra).tolist()
                else:
                    assert gold.tolist() == codec.target_ids(pair.target or "").tolist()
                seen.append(pair.line)
                at += n
        assert sorted(seen) == [p.line for p in pairs]
        orders.append(seen)
    assert shapes[0] == shapes[1]
    assert orders[0] != orders[1]
    if name == "copying":
        assert any((task.batch(0, i)["gold"] >= codec.sizes.target).any() for i in range(task.batches))


def test_a_budget_of_tokens_bounds_a_batch(tmp_path: Path) -> None:
    task = prepared(tmp_path, train={"batch_tokens": 150, "batch_size": 1})
    found = [task.batch(0, i) for i in range(task.batches)]
    assert all(b["source"].size + b["inputs"].size <= 150 for b in found)
    assert max(len(b["source"]) for b in found) > 4


@pytest.mark.parametrize(
    ("epochs", "rates"),
    [({"epochs": 5}, [0, 0.1, 0.2, 0.3, 0.4, 0.4]), ({"epochs": 1}, [0, 0.4]), ({"steps": 9}, [0.4])],
)
def test_scheduled_sampling_grows_over_the_epochs(epochs: dict[str, int], rates: list[float], tmp_path: Path) -> None:
    task = prepared(tmp_path, model={"scheduled_sampling": 0.4}, train=epochs)
    assert [float(task.batch(e, 0)["sampling"]) for e in range(len(rates))] == pytest.approx(rates)


# losses and scores


@pytest.mark.parametrize("name", RECIPES)
def test_a_batchs_loss_is_what_evaluation_measures(name: str, tmp_path: Path) -> None:
    keys = {**RECIPES[name], "train": {"batch_size": 60}}
    task = prepared(tmp_path, valid="train.tsv", **keys)
    model = bound(task)
    loss, state = task.loss(model, task.batch(0, 0), (), None)
    assert state == ()
    for own in (model, task.model):  # torch's and NumPy's
        with torch.no_grad():
            found = task.evaluate(own)
        assert found is not None
        assert found.scores == {"valid_loss": pytest.approx(loss.item(), rel=1e-4)}
        assert (found.watched, found.more_is_better) == ("valid_loss", False)
    translator = Translator(task.model, task.codec, 2.0)

    total, tokens = map(sum, zip(*translator.costs(task.corpus.splits["train"]), strict=True))
    assert total / tokens == pytest.approx(loss.item(), rel=1e-4)


@pytest.mark.parametrize(
    ("watch", "more"), [("bleu", True), ("exact-match", True), ("ter", False), ("edit-distance", False)]
)
def test_what_is_watched_is_scored_on_greedy_answers(watch: str, more: bool, tmp_path: Path) -> None:
    task = prepared(tmp_path, train={"watch": watch})
    assert (task.watched, task.headline.metric) == (watch, watch)
    with torch.no_grad():
        found = task.evaluate(bound(task))
    assert found is not None
    assert (found.watched, found.more_is_better, set(found.scores)) == (watch, more, {watch, "valid_loss"})
    own = Translator(task.model, task.codec, task.header["data"]["answer_ratio"])
    expected = evaluate(own, task.corpus.splits["valid"], Settings(), wanted=[watch])
    assert expected.protocol == "greedy"
    assert found.scores[watch] == expected.metrics[watch]


def test_only_so_many_pairs_are_answered_in_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqcli.tasks.sequence_to_sequence.train.CHECKED", 5)
    task = prepared(tmp_path, train={"watch": "exact-match"})
    asked = []

    def report(translator: Translator, pairs: list[Pair], search: Any) -> Any:
        asked.append(len(pairs))
        return scored([""] * len(pairs), pairs)

    monkeypatch.setattr(task, "_report", report)
    task.evaluate(task.model)
    assert asked == [5] < [CHECKED]


def test_what_cannot_be_watched(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"train\.watch: 'blue' is no score of this task") as caught:
        prepared(tmp_path, train={"watch": "blue"})
    assert "did you mean 'bleu'?" in caught.value.hint
    with pytest.raises(UsageError, match=r"bleu is measured on a validation split; set data.valid"):
        prepared(tmp_path, data={"valid": None}, train={"watch": "bleu"})
    assert check_watched(None) == check_watched("loss") == "loss"
    unwatched = prepared(tmp_path, data={"valid": None})
    assert (unwatched.watched, unwatched.evaluate(unwatched.model)) == ("train_loss", None)


def test_what_is_copied_must_be_a_symbol_of_both_sides(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"model\.copy_source: .* their tokenizers are word and char"):
        prepared(tmp_path, **{**COPYING, "target_tokenizer": {"kind": "char"}})


def test_batches_reach_torch_as_they_are(tmp_path: Path) -> None:
    task = prepared(tmp_path, **COPYING)
    model = bound(task)
    batch = {n: ops.put(a, model.output_bias) for n, a in task.batch(0, 0).items()}
    assert torch.equal(model.loss(batch), task.loss(model, task.batch(0, 0), (), None)[0])
    assert batch["weights"].dtype == torch.float32
    assert {a.dtype for n, a in batch.items() if n != "weights"} == {torch.int64}
