"""The mean of the last snapshots: by hand, kept only where it is better, the same bits in a run that was stopped."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from seqcli import artifact
from seqcli.errors import SeqcliError, UsageError
from seqcli.recipe.load import resolve_recipe
from seqcli.task import Evaluation
from seqcli.training import averaging, report
from seqcli.training.display import Display
from seqcli.training.loop import Trainer

AVERAGED = {"steps": 20, "snapshot_every": 3, "average_snapshots": 4, "evaluate_every": 5, "schedule": "constant"}


def fit(trainer: Trainer, until: float = math.inf) -> Trainer:
    class Stop:
        @property
        def wanted(self) -> int:
            return 2 if trainer.progress.step >= until else 0

    trainer.fit(Display(trainer.task.watched), Stop())  # type: ignore[arg-type]
    return trainer


def records(trainer: Trainer) -> list[dict]:
    clocks = ("seconds", "tokens_per_second")
    lines = trainer.run.metrics.read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k not in clocks} for line in lines]


def judged(trainer: Trainer, score: float, *, more: bool = False) -> Trainer:
    """A trainer whose mean of snapshots scores that; other models score 1, 2, 3 …, or where more is better -1, -2 …"""
    own, seen = trainer.task.evaluate, []

    def evaluate(model: object) -> Evaluation:
        seen.append(own(model))  # the mean is the last one that is asked for
        mean = trainer.progress.step == trainer.config.steps and len(seen) > 4
        number = score if mean else float(-len(seen) if more else len(seen))
        return Evaluation({"accuracy" if more else "valid_loss": number, **({"valid_loss": 1.0} if more else {})},
                          "accuracy" if more else "valid_loss", more)  # fmt: skip

    trainer.task.evaluate = evaluate  # type: ignore[method-assign]
    return trainer


def test_which_snapshots():
    assert averaging.steps(20, 3, 4) == [9, 12, 15, 18]
    assert averaging.steps(18, 3, 2) == [15, 18]
    assert averaging.steps(7, 3, 9) == [3, 6]
    assert averaging.steps(2, 3, 1) == []


@pytest.mark.parametrize("ema", [0.0, 0.7])
def test_the_mean_is_kept_where_it_is_better(trainer, capsys, ema):
    """By hand: the weights (or their running average) at steps 9, 12, 15 and 18, added up in float64."""
    own = judged(trainer(**AVERAGED, average=ema), 0.5)
    taken = []
    step = own.step

    def watched() -> tuple[float, float, float]:
        found = step()
        if own.progress.step in (9, 12, 15, 18):
            taken.append({n: w.detach().numpy().astype(np.float64) for n, w in own.kept.items()})
        return found

    own.step = watched  # type: ignore[method-assign]
    fit(own)
    stored = artifact.read(own.run.model)
    assert len(taken) == 4
    for name in own.weights:
        expected = (((taken[0][name] + taken[1][name]) + taken[2][name]) + taken[3][name]) / 4
        array = stored.part("model")[name]
        assert array.dtype == np.float32
        assert np.array_equal(array, expected.astype(np.float32)), name
        assert not np.array_equal(array, own.kept[name].detach().numpy()), name
    assert stored.header["scores"] == {"valid_loss": 0.5, "averaged": 4, "step": 20, "epoch": 2.8571}
    assert records(own)[-1] == {"step": 20, "epoch": 2.8571, "averaged": 4, "valid_loss": 0.5, "best": True}
    assert (own.progress.best, own.progress.best_step, own.progress.mean_of) == (0.5, 20, 4)
    said = "the mean of the last 4 snapshots: valid loss 0.5000, better than 1.0000 at step 5: it is kept\n"
    assert said in capsys.readouterr().err
    session = SimpleNamespace(task=own.task)
    report.training(own.progress, session)  # type: ignore[arg-type]
    assert "best valid loss while training: 0.5000 nats/token, of the mean of 4 snapshots, at step 20" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("score", "more", "kept"),
    [(1.5, False, False), (math.nan, False, False), (-2.0, True, False), (-0.5, True, True)],
)
def test_more_or_less_may_be_better_and_no_number_never_is(trainer, capsys, score, more, kept):
    own = fit(judged(trainer(**AVERAGED), score, more=more))
    record, scores = records(own)[-1], artifact.read_header(own.run.model)["scores"]
    assert (record["averaged"], record["best"]) == (4, kept)
    assert scores["step"] == (20 if kept else 5)
    assert ("averaged" in scores) == (own.progress.mean_of == 4) == kept
    assert ("it is kept" if kept else "no better than") in capsys.readouterr().err
    assert record["accuracy" if more else "valid_loss"] == (None if math.isnan(score) else score)


def test_it_is_scored_as_any_model_is(trainer):
    """The logged score is that of the stored mean, read from the file and evaluated by the task."""
    own = fit(trainer(**{**AVERAGED, "steps": 120, "learning_rate": 0.3, "average_snapshots": 6}))
    record = records(own)[-1]
    assert record["averaged"] == 6
    made = averaging.mean([own.run.snapshot(s) for s in averaging.steps(120, 3, 6)], list(own.weights))
    model = own.task.model
    found = own.task.evaluate(
        averaging.device.bind(model, {n: torch.from_numpy(a) for n, a in made.items()}, "float32")
    )
    assert found is not None
    assert record["valid_loss"] == found.scores["valid_loss"]
    assert record["best"] == (found.scores["valid_loss"] < min(r["valid_loss"] for r in records(own)[:-1]))


def test_fewer_snapshots_than_wanted(trainer, capsys):
    own = fit(trainer("few", **{**AVERAGED, "steps": 7}))
    assert records(own)[-1]["averaged"] == 2
    assert "train.average_snapshots is 4, but there are only 2 by step 7\n" in capsys.readouterr().err
    own = fit(trainer("one", **{**AVERAGED, "steps": 4}))
    assert "there is only 1 by step 4\nthe last snapshot: " in capsys.readouterr().err
    own = fit(trainer("none", **{**AVERAGED, "steps": 2}))
    assert "there are none by step 2: nothing is averaged\n" in capsys.readouterr().err
    assert "averaged" not in records(own)[-1]


def test_snapshots_of_another_run_and_damaged_ones_are_left_out(trainer, capsys):
    own = trainer(**AVERAGED)
    fit(own, until=19)
    header = artifact.read(own.run.snapshot(9))
    artifact.write(own.run.snapshot(9), {**header.header, "created": "another"}, header.arrays)
    own.run.snapshot(12).write_bytes(own.run.snapshot(12).read_bytes()[:-5])
    fit(own)
    assert records(own)[-1]["averaged"] == 2
    assert "step-00000012.safetensors: not a readable model file" in capsys.readouterr().err
    with pytest.raises(SeqcliError):
        averaging.mean([own.run.snapshot(12)], list(own.weights))


def test_a_run_that_was_stopped_at_any_step_ends_with_the_same_bits(trainer):
    config = {**AVERAGED, "steps": 14, "learning_rate": 0.2, "average_snapshots": 3}
    whole = fit(trainer("whole", {"dropout": 0.2}, **config))
    kept = artifact.read(whole.run.model)
    for stop in range(1, 15):
        first = fit(trainer(f"stop{stop}", {"dropout": 0.2}, **config), until=stop)
        assert not any("averaged" in r for r in records(first)) if first.run.metrics.exists() else True
        for _ in range(2):  # and once more when it has ended: nothing is judged twice
            second = trainer(f"stop{stop}", {"dropout": 0.2}, **config)
            second.load(artifact.read(second.run.last))
            fit(second)
            assert records(second) == records(whole), stop
        own = artifact.read(second.run.model)
        assert own.header["scores"] == kept.header["scores"]
        assert all(np.array_equal(a, own.arrays[n]) for n, a in kept.arrays.items()), stop
    assert sum("averaged" in r for r in records(whole)) == 1


def test_a_run_killed_while_it_averages_ends_with_the_same_bits(trainer, monkeypatch):
    config = {**AVERAGED, "learning_rate": 0.2}
    whole = fit(judged(trainer("whole", **config), 0.5))
    first = judged(trainer("killed", **config), 0.5)
    monkeypatch.setattr(first.run.__class__, "log", _fails_at(first.run.__class__.log))
    with pytest.raises(KeyboardInterrupt):  # the model is written, the log and the checkpoint are not
        fit(first)
    monkeypatch.undo()
    assert artifact.read_header(first.run.model)["scores"]["averaged"] == 4
    saved = artifact.read(first.run.last)
    assert (saved.header["progress"]["step"], saved.header["progress"]["finished"]) == (20, False)
    second = trainer("killed", **config)
    second.task.evaluate = lambda model: Evaluation({"valid_loss": 0.5})  # type: ignore[method-assign]
    second.load(saved)
    fit(second)
    assert records(second) == records(whole)
    kept, own = (artifact.read(t.run.model) for t in (whole, second))
    assert kept.header["scores"] == own.header["scores"]
    assert all(np.array_equal(a, own.arrays[n]) for n, a in kept.arrays.items())


def _fails_at(log):
    def own(self, record):
        if "averaged" in record:
            raise KeyboardInterrupt
        return log(self, record)

    return own


def test_another_number_of_snapshots_can_be_tried_when_the_run_has_ended(trainer):
    fit(trainer(**AVERAGED))
    again = trainer(**{**AVERAGED, "average_snapshots": 2})
    again.load(artifact.read(again.run.last))
    fit(again)
    assert [r["averaged"] for r in records(again) if "averaged" in r] == [4, 2]
    assert again.progress.step == 20


def test_what_it_needs_is_asked_for(trainer, make_ids):
    with pytest.raises(UsageError, match=r"train\.average_snapshots: .* set data\.valid"):
        trainer(ids={"train": make_ids(120)}, **AVERAGED)
    recipe = {
        "task": "language-model", "tokenizer": "char", "data": {"train": "a.txt"}, "model": {},
        "train": {"average_snapshots": 5},
    }  # fmt: skip
    with pytest.raises(UsageError) as caught:
        resolve_recipe(recipe)
    assert "train.average_snapshots: there are no snapshots to average; set train.snapshot_every" in str(
        caught.value.message
    )
    train = resolve_recipe(recipe, ["train.snapshot_every=10"]).train
    assert train is not None
    assert (train.snapshot_every, train.average_snapshots) == (10, 5)
