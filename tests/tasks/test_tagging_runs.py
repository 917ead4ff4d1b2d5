"""A tagger that learns, the same to the last bit when it is interrupted, fine-tuned; what a run says at its end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqcli import artifact
from seqcli.errors import SeqcliError, UsageError
from seqcli.recipe.schema import Recipe
from seqcli.runs import Run
from seqcli.tasks.tagging.predict import Tagger
from seqcli.tasks.tagging.score import evaluate
from seqcli.tasks.tagging.train import Task
from seqcli.training import device
from seqcli.training.display import Display
from seqcli.training.loop import Trainer

torch = pytest.importorskip("torch")


def bound(task: Task) -> Any:
    return device.bind(task.model, device.leaves(task.model, "cpu"), "float32")


# training


def trainer(task: Task, run: Run) -> Trainer:
    run.path.mkdir(exist_ok=True)
    header = {"kind": "model", "task": "tagging", "model": task.recipe.model.model_dump(mode="json"), "recipe": {"train": {}}}  # fmt: skip
    assert task.recipe.train is not None
    return Trainer(task, task.recipe.train, run, {**header, **task.header})


def fit(own: Trainer, until: float = float("inf")) -> Trainer:
    class Interrupt:
        @property
        def wanted(self) -> int:
            return 2 if own.progress.step >= until else 0

    own.fit(Display(own.task.watched), Interrupt())  # type: ignore[arg-type]
    return own


def test_thirty_steps_lower_the_loss_and_find_the_spans(recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    own = fit(trainer(Task.prepare(recipe(steps=30), None, None), Run(tmp_path / "run")))
    history = own.progress.history
    assert history[-1]["train_loss"] < history[0]["train_loss"] / 2
    assert history[-1]["valid_loss"] < history[0]["valid_loss"] / 2
    assert own.progress.best is not None
    assert own.progress.best > 0.9
    stored = artifact.read(own.run.model)
    tagger = Tagger.open(stored)
    report = evaluate(tagger, own.task.corpus.splits["valid"])  # type: ignore[attr-defined]
    assert report.metrics["span-f1"] == own.progress.best == stored.header["scores"]["span-f1"]


VARIANTS: dict[str, dict[str, Any]] = {
    "crf": {"model": {"layers": 2, "features": ["pos"]}, "train": {"accumulate": 2}},
    "softmax": {"model": {"head": "softmax", "cell": "gru", "variational": True}, "train": {}},
    "rnn": {"model": {"characters": {"kind": "rnn", "hidden": 3}}, "train": {"optimizer": "sgd", "momentum": 0.5}},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_stopping_changes_no_bit(recipe: Callable[..., Recipe], tmp_path: Path, variant: str) -> None:
    about = VARIANTS[variant]
    model = {"dropout": 0.3, "word_dropout": 0.2, **about["model"]}
    made = recipe(model, steps=10, evaluate_every=3, average=0.9, **about["train"])
    whole = fit(trainer(Task.prepare(made, None, None), Run(tmp_path / "whole")))
    assert whole.progress.finished

    def records(own: Trainer) -> list[dict[str, Any]]:
        rows = map(json.loads, own.run.metrics.read_text().splitlines())
        return [{k: v for k, v in row.items() if k not in ("seconds", "tokens_per_second")} for row in rows]

    for stop in (1, 4, 6, 9):
        run = Run(tmp_path / f"stop{stop}")
        fit(trainer(Task.prepare(made, None, None), run), until=stop)
        saved = artifact.read(run.last)
        second = trainer(Task.prepare(made, saved, None), run)
        assert json.loads(json.dumps(second.task.header)) == json.loads(json.dumps(whole.task.header))
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


@pytest.fixture
def start(recipe: Callable[..., Recipe], tmp_path: Path) -> artifact.Artifact:
    task = Task.prepare(recipe({"features": ["pos"], "dropout": 0.1}), None, None)
    path = tmp_path / "start.safetensors"
    header = {"kind": "model", "task": "tagging", "model": task.recipe.model.model_dump(mode="json"), **task.header}
    artifact.write(path, header, {f"model.{n}": a for n, a in task.model.arrays().items()} | task.arrays)
    return artifact.read(path)


def test_fine_tuning_begins_with_the_stored_model(
    make_rows: Any,
    write_rows: Any,
    recipe: Callable[..., Recipe],
    start: artifact.Artifact,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = recipe({"features": ["pos"], "dropout": 0.4, "hidden": 9})
    write_rows(tmp_path / "train.conll", make_rows(20, 5), "iobes")
    task = Task.prepare(made, None, start)
    assert (task.recipe.model.dropout, task.recipe.model.hidden, task.model.dropout) == (0.4, 5, 0.4)
    assert "model.hidden" in capsys.readouterr().err
    assert all(np.array_equal(a, start.part("model")[n]) for n, a in task.model.arrays().items())
    assert task.vocabulary.header() == start.header["vocabulary"]
    assert task.corpus.scheme == "iobes"
    assert np.isfinite(task.loss(bound(task), task.batch(0, 0), (), None)[0].item())


def test_fine_tuning_on_other_labels_is_refused(
    recipe: Callable[..., Recipe], start: artifact.Artifact, tmp_path: Path
) -> None:
    made = recipe({"features": ["pos"]})
    (tmp_path / "train.conll").write_text("we\tW\tO\nRome\tP\tB-GPE\n\n")
    with pytest.raises(SeqcliError, match=r"train\.conll:2:8: .*start\.safetensors has no label for the tag 'B-GPE'"):
        Task.prepare(made, None, start)
    (tmp_path / "train.conll").write_text("we\tW\tPRON\nRome\tP\tNOUN\n\n")
    with pytest.raises(UsageError, match="are spans, but the data's are not"):
        Task.prepare(made, None, start)


def test_closing_scores_calibrates_and_compares(
    recipe: Callable[..., Recipe], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = fit(trainer(Task.prepare(recipe(steps=12, data={"test": 0.1}), None, None), Run(tmp_path / "run")))
    own.task.closing(own.run)
    stored = artifact.read(own.run.model)
    scores, temperature = stored.header["scores"], stored.header["decoding"]["temperature"]
    assert Tagger.open(stored).temperature == temperature
    for split in ("valid", "test"):
        report = evaluate(Tagger.open(stored), own.task.corpus.splits[split])  # type: ignore[attr-defined]
        assert scores[split] == json.loads(json.dumps(report.to_dict()))
    baseline = scores["baseline"]
    assert (baseline["kind"], baseline["metric"], baseline["split"]) == ("frequency-tagger", "span-f1", "valid")
    assert baseline["margin"] == pytest.approx(scores["valid"]["span-f1"] - baseline["span-f1"])
    said = capsys.readouterr().err
    assert "the most-frequent-tag baseline" in said
    assert "seqcli tag -m" in said
    assert "an example" in said
