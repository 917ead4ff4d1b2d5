"""A sequence-to-sequence model that learns, the same to the last bit when interrupted, fine-tuned; a run's end."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.reversing import bound, recipe_of, rows, tsv

from seqcli import artifact
from seqcli.closing import margin
from seqcli.decoding.beam import Search
from seqcli.errors import UsageError
from seqcli.records import Pair
from seqcli.runs import Run
from seqcli.tasks.sequence_to_sequence.predict import Settings, Translator
from seqcli.tasks.sequence_to_sequence.score import evaluate, scored
from seqcli.tasks.sequence_to_sequence.train import Task
from seqcli.training.display import Display
from seqcli.training.loop import Trainer

torch = pytest.importorskip("torch")
pytest.importorskip("sacrebleu")


def trainer(task: Task, run: Run) -> Trainer:
    run.path.mkdir(exist_ok=True)
    header = {
        "kind": "model",
        "task": "sequence-to-sequence",
        "model": task.recipe.model.model_dump(mode="json"),
        "recipe": {"train": {}},
    }
    assert task.recipe.train is not None
    return Trainer(task, task.recipe.train, run, {**header, **task.header})


def fit(own: Trainer, until: float = float("inf")) -> Trainer:
    class Interrupt:
        @property
        def wanted(self) -> int:
            return 2 if own.progress.step >= until else 0

    own.fit(Display(own.task.watched), Interrupt())  # type: ignore[arg-type]
    return own


def stored(task: Task, path: Path) -> artifact.Artifact:
    """The untrained model, as a run would write it."""
    trainer(task, Run(path)).write_model(Run(path).model, {})
    return artifact.read(Run(path).model)


def test_it_learns_to_turn_letters_round_and_keeps_the_best(tmp_path: Path) -> None:
    made = recipe_of(
        tmp_path,
        model={"embedding": 16, "hidden": 16, "attention": "additive", "beam": 2},
        data={"train": "more.tsv", "valid": "valid.tsv"},
        train={"steps": 160, "batch_size": 32, "learning_rate": 0.03, "watch": "exact-match", "evaluate_every": 40},
    )
    (tmp_path / "more.tsv").write_text(tsv([r for r in rows(700, 3, longest=3) if r[0][0] > "9"]))
    (tmp_path / "valid.tsv").write_text(tsv([r for r in rows(40, 4, longest=3) if r[0][0] > "9"]))
    own = fit(trainer(Task.prepare(made, None, None), Run(tmp_path / "run")))
    history = own.progress.history
    assert own.progress.best == max(row["exact-match"] for row in history) > 0.8
    assert history[-1]["valid_loss"] < history[0]["valid_loss"] / 2
    kept = artifact.read(own.run.model)
    translator = Translator.open(kept)
    report = evaluate(translator, own.task.corpus.splits["valid"], Settings())  # type: ignore[attr-defined]
    assert report.metrics["exact-match"] == own.progress.best == kept.header["scores"]["exact-match"]
    assert translator.search == Search(beam=2, length_penalty=1.0)
    assert translator.answer([Pair("a b c")], Settings(translator.search))[0][0].text == "c b a"


VARIANTS: dict[str, dict[str, Any]] = {
    "gru": {
        "model": {"scheduled_sampling": 0.5, "free_running": 0.2, "input_feeding": True, "label_smoothing": 0.1},
        "train": {"accumulate": 2},
    },
    "copying": {
        "model": {"copy_source": True, "cell": "lstm", "layers": 2},
        "train": {"batch_tokens": 150, "watch": "bleu"},
        "target_tokenizer": {"kind": "word", "min_count": 4},
    },
    "transformer": {"model": {"kind": "transformer", "size": 8, "heads": 2, "layers": 1, "feedforward": 8}},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_stopping_changes_no_bit(tmp_path: Path, variant: str) -> None:
    about = VARIANTS[variant]
    keys = {**about, "model": {"dropout": 0.3, "word_dropout": 0.2, **about["model"]}}
    keys["train"] = {"epochs": 2, "evaluate_every": 3, "average": 0.9, "save_every": 1e9, **about.get("train", {})}
    made = recipe_of(tmp_path, **keys)
    whole = fit(trainer(Task.prepare(made, None, None), Run(tmp_path / "whole")))
    assert whole.progress.finished
    assert whole.progress.step > 7

    def records(own: Trainer) -> list[dict[str, Any]]:
        lines = map(json.loads, own.run.metrics.read_text().splitlines())
        return [{k: v for k, v in row.items() if k not in ("seconds", "tokens_per_second")} for row in lines]

    for stop in (1, 7):
        run = Run(tmp_path / f"stop{stop}")
        fit(trainer(Task.prepare(made, None, None), run), until=stop)
        saved = artifact.read(run.last)
        second = trainer(Task.prepare(made, saved, None), run)
        assert second.task.header == whole.task.header
        second.load(saved)
        fit(second)
        for name, weight in whole.weights.items():
            assert torch.equal(weight, second.weights[name]), (stop, name)
            assert torch.equal(whole.averaged[name], second.averaged[name]), (stop, name)  # type: ignore[index]
        assert records(second) == records(whole)
        kept, own = artifact.read(whole.run.model), artifact.read(run.model)
        assert all(np.array_equal(a, own.arrays[n]) for n, a in kept.arrays.items())
        assert kept.header["scores"] == own.header["scores"]


# fine-tuning


@pytest.mark.parametrize("kind", ["seq2seq", "transformer"])
def test_fine_tuning_keeps_tokenizers_and_shape(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = {"kind": kind, "beam": 3, "dropout": 0.1}
    small |= {"size": 8, "heads": 2, "layers": 1} if kind == "transformer" else {"layers": 1}
    made = recipe_of(tmp_path, model=small, target_tokenizer="char", data={"longest": 4})
    start = stored(Task.prepare(made, None, None), tmp_path / "start")
    (tmp_path / "new.tsv").write_text(tsv([("zebra a b c d e", "xylophone"), ("a", "b " * 30)]))
    again = {**small, "layers": 2, "dropout": 0.4, "beam": 7, "label_smoothing": 0.2}
    capsys.readouterr()
    made = recipe_of(tmp_path, model=again, data={"train": "new.tsv", "longest": 100}, target_tokenizer="byte")
    task = Task.prepare(made, None, start)
    said = capsys.readouterr().err
    assert "taken from" in said
    assert "model.layers" in said
    assert "and the tokenizers" in said
    own = task.recipe.model
    assert (own.dropout, own.beam, own.label_smoothing, own.layers) == (0.4, 7, 0.2, 1)
    assert all(np.array_equal(a, start.part("model")[n]) for n, a in task.model.arrays().items())
    for part in ("tokenizer", "target_tokenizer", "vocabulary"):
        assert task.header[part] == start.header[part]
    assert task.header["data"]["answer_ratio"] > start.header["data"]["answer_ratio"]
    assert [len(e.source) for e in task.train] == [7, 2]  # as much as the new recipe says is read
    assert np.isfinite(task.loss(bound(task), task.batch(0, 0), (), None)[0].item())
    tuned = stored(task, tmp_path / "tuned")
    translator = Translator.open(tuned)
    assert (translator.codec.longest, translator.search.beam) == (100, 7)


def test_a_model_of_another_kind_is_no_start(tmp_path: Path) -> None:
    start = stored(Task.prepare(recipe_of(tmp_path), None, None), tmp_path / "start")
    made = recipe_of(tmp_path, model={"kind": "transformer", "size": 8, "heads": 2})
    with pytest.raises(UsageError, match="is of the kind seq2seq; the recipe asks for transformer"):
        Task.prepare(made, None, start)


# the end of a run


@pytest.mark.parametrize("watch", [None, "exact-match", "ter", "edit-distance"])
def test_a_run_ends_with_scores_and_a_baseline(
    watch: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = rows(30, 5)
    (tmp_path / "test.tsv").write_text(tsv(found))
    made = recipe_of(tmp_path, model={"beam": 2}, data={"test": "test.tsv"}, train={"watch": watch} if watch else {})
    task = Task.prepare(made, None, None)
    kept = stored(task, tmp_path / "run")
    capsys.readouterr()
    task.closing(Run(tmp_path / "run"))
    said = capsys.readouterr().err
    scores = artifact.read(kept.path).header["scores"]
    headline = watch or "chrf"
    pairs = task.corpus.splits
    translator = Translator.open(artifact.read(kept.path))  # with the confidence, fitted at the end
    for split in ("valid", "test"):
        expected = evaluate(translator, pairs[split], Settings(Search(beam=2)), wanted=[headline])
        assert scores[split] == json.loads(json.dumps(expected.to_dict()))
        assert f"{split}: {headline} {expected.metrics[headline]:.4g}" in said
    frequent = max((p.target for p in pairs["train"]), key=[p.target for p in pairs["train"]].count)
    both = {
        "copied source": scored([p.text for p in pairs["valid"]], pairs["valid"], wanted=[headline]),
        "most frequent target": scored([frequent or ""] * 20, pairs["valid"], wanted=[headline]),
    }
    less = headline in ("ter", "edit-distance")
    values = {kind: report.metrics[headline] for kind, report in both.items()}
    kind = (min if less else max)(values, key=values.__getitem__)
    own = scores["valid"][headline]
    gained = values[kind] - own if less else own - values[kind]
    assert scores["baseline"] == {
        "kind": kind,
        "split": "valid",
        "metric": headline,
        headline: values[kind],
        "margin": pytest.approx(gained),
    }
    assert gained <= 0  # nobody has trained it
    verb = "ties with" if gained == 0 else "loses to"
    assert f"{verb} the {kind} ({headline} {values[kind]:.4g} on valid)" in said
    assert "\nexamples: source, answer, (reference)\n" in said
    for pair in pairs["valid"][:2]:
        (answer,) = translator.answer([pair], Settings(translator.search))[0]
        assert f"  {pair.text}\n    {answer.text}\n    ({pair.target})\n" in said
    assert f"seqcli generate -m {(tmp_path / 'run').as_posix()}" in said
    assert f"--metric {headline}" in said


def test_a_model_that_beats_both_baselines_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    task = Task.prepare(recipe_of(tmp_path, train={"watch": "exact-match"}), None, None)
    pairs = task.corpus.splits["valid"]
    perfect = scored([p.target or "" for p in pairs], pairs)
    ours = perfect.metrics["exact-match"]
    found = margin(ours, task.baseline("valid"), task.headline, "valid")
    assert found["margin"] == pytest.approx(1 - found["exact-match"])
    assert found["margin"] > 0
    assert (
        f"beats the {found['kind']} (exact-match {found['exact-match']:.4g} on valid) by" in capsys.readouterr().err
    )
    same = [replace(p, text=p.target or "") for p in pairs]  # nothing to do: to copy is perfect
    task.corpus.splits["valid"] = same
    assert margin(ours, task.baseline("valid"), task.headline, "valid") == {
        "kind": "copied source",
        "split": "valid",
        "metric": "exact-match",
        "exact-match": 1,
        "margin": 0,
    }


def test_without_a_split_to_score_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    task = Task.prepare(recipe_of(tmp_path, data={"valid": None}), None, None)
    kept = stored(task, tmp_path / "run")
    task.closing(Run(tmp_path / "run"))
    said = capsys.readouterr().err
    assert "neither the model nor a baseline was scored" in said
    assert "examples:" in said
    assert "baseline" not in artifact.read(kept.path).header["scores"]
