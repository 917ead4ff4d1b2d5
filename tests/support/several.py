"""What several processes do together that train one model; `main` is each of them, in a folder that it is given."""

from __future__ import annotations

import math
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from support.resuming import assert_same
from support.tiny import TINY, tiny_recipe

from seqcli import artifact, registry
from seqcli.errors import SeqcliError, UsageError
from seqcli.runs import Run
from seqcli.training.display import Display
from seqcli.training.group import Group
from seqcli.training.loop import Trainer
from seqcli.training.processes import joined

PLAIN = ("train.optimizer=sgd", "train.momentum=0.5", "train.learning_rate=0.3", "train.clip_norm=0.5")
CASES = [
    *((name, "train.accumulate=2") for name in TINY),
    ("language-model", "train.batch_size=1"),  # fewer rows than processes
    ("tagging", "train.batch_size=1"),
    ("classification", "train.batch_size=3", "train.optimizer=adamw", "train.learning_rate=1e-3"),
]
DROPPING = ("model.dropout=0.3", "model.weight_drop=0.2", "train.average=0.9")


class StopAt:
    """An interrupt that is wanted from a step on."""

    def __init__(self, trainer: Trainer, step: float):
        self.trainer, self.step = trainer, step

    @property
    def wanted(self) -> int:
        return signal.SIGTERM if self.trainer.progress.step >= self.step else 0


def trainer(folder: Path, name: str, group: Group, *changes: str) -> Trainer:
    """One that has not begun, in a folder of its own."""
    data = folder.parent / os.environ["RANK"]
    data.mkdir(exist_ok=True)
    recipe = tiny_recipe(data, name, *changes)
    task = registry.load(f"tasks/{name}", "train").Task.prepare(recipe, None, None)
    folder.mkdir(exist_ok=True)
    header = {"kind": "model", "task": name, "recipe": {"train": {}}}
    assert recipe.train is not None
    return Trainer(task, recipe.train, Run(folder), header, group)


def fit(made: Trainer, until: float = math.inf, saved: Path | None = None) -> int:
    """Train, from a checkpoint if there is one, until a step; what ended it."""
    if saved is not None:
        made.load(artifact.read(saved))
    return made.fit(Display(made.task.watched), StopAt(made, until))  # type: ignore[arg-type]


def assert_close(one: Trainer, other: Trainer) -> None:
    """The weights, but for rounding."""
    for name, weight in one.weights.items():
        torch.testing.assert_close(
            weight, other.weights[name], rtol=2e-5, atol=2e-6, msg=f"{one.task.recipe.task} {name}"
        )


def steps_are_those_of_one_process(folder: Path, group: Group) -> None:
    """Losses, gradient norms, tokens and weights, step by step."""
    for name, *changes in CASES:
        both, alone = (trainer(folder / "x", name, who, *PLAIN, *changes) for who in (group, Group()))
        for _ in range(4):
            figures = [torch.tensor(made.step()) for made in (both, alone)]
            torch.testing.assert_close(*figures, rtol=2e-5, atol=1e-6)
        assert both.progress.tokens == alone.progress.tokens
        assert_close(both, alone)
        print(f"{name} {' '.join(changes)}: {figures[0].tolist()}", file=sys.stderr)


def a_stopped_run_goes_on(folder: Path, group: Group) -> None:
    """One process gets a signal, all stop; with as many as before it ends bit for bit as the run that did not stop."""
    options: Any = (
        "language-model",
        group,
        *DROPPING,
        "train.steps=14",
        "train.evaluate_every=3",
        "train.batch_size=5",
    )
    whole, stopped = trainer(folder / "whole", *options), trainer(folder / "stopped", *options)
    assert fit(whole) == 0
    assert fit(stopped, 7 if group.rank == 1 else math.inf) == signal.SIGTERM
    assert stopped.progress.step == 7
    group.same(None)  # it has been written
    again = trainer(folder / "stopped", *options)
    assert fit(again, saved=again.run.last) == 0
    group.same(None)
    assert_same(folder / "whole", folder / "stopped")


def another_number_goes_on(folder: Path, group: Group) -> None:
    """With the same batches and carried states: without dropout it ends where one process alone does."""
    options = (*PLAIN, "train.steps=9", "train.evaluate_every=3", "train.batch_size=5")
    assert fit(trainer(folder / "handed", "language-model", group, *options), 5) == signal.SIGTERM
    group.same(None)
    if group.first:
        alone = trainer(folder / "alone", "language-model", Group(), *options)
        fit(alone)
        rest = trainer(folder / "handed", "language-model", Group(), *options)
        fit(rest, saved=rest.run.last)
        assert_close(rest, alone)
        stop = trainer(folder / "back", "language-model", Group(), *options)
        fit(stop, 5)
    group.same(None)
    both = trainer(folder / "back", "language-model", group, *options)
    assert fit(both, saved=both.run.last) == 0
    if group.first:
        assert_close(both, alone)


def evaluations_and_ends_are_shared(folder: Path, group: Group) -> None:
    """Every task to its end; budgets of a clock and of patience end all at the same step, with the same best."""
    minutes = ("train.minutes=0.01", "train.steps=null", "train.evaluate_every=7")
    patience = ("train.patience=2", "train.learning_rate=1e-9", "train.steps=1000", "train.evaluate_every=2")
    for name, *changes in [*((name,) for name in TINY), ("language-model", *minutes), ("language-model", *patience)]:
        made = trainer(folder / "end", name, group, *changes)
        assert fit(made) == 0
        assert made.progress.best is not None
        group.same([made.progress.step, made.progress.best, made.progress.stale])
    assert made.progress.stale == 2


def what_differs_or_lacks_is_told(group: Group) -> None:
    """Other data on one machine; a device for each."""
    with pytest.raises(SeqcliError, match="rank 1 of 2 has a different recipe, data or checkpoint"):
        group.same({"data": group.rank})
    for name, said in (
        ("mps", "mps serves one process"),
        ("cuda", "2 processes, but this machine has 0 CUDA devices"),
    ):
        if name == "mps" or not torch.cuda.device_count():
            with pytest.raises(UsageError, match=said):
                group.device(name)
    assert group.device("cpu") == "cpu"


def main() -> None:
    """Do all of it."""
    folder = Path(sys.argv[1])
    with joined() as group:
        assert group.size == 2
        steps_are_those_of_one_process(folder, group)
        a_stopped_run_goes_on(folder, group)
        another_number_goes_on(folder, group)
        evaluations_and_ends_are_shared(folder, group)
        what_differs_or_lacks_is_told(group)
    if group.first:
        print("done")
