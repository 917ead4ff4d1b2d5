"""Average a run's last snapshots; the mean replaces the best model if it scores better on the validation split.

Weights of neighbouring steps scatter around a point that is often better than each of them (Polyak & Juditsky 1992;
averaged checkpoints: Vaswani et al. 2017, 6.1). The step and the recipe alone decide which snapshots are averaged, so
a resumed run ends with the same model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from seqcli import artifact, console
from seqcli.errors import SeqcliError, UsageError
from seqcli.reader import filed
from seqcli.recipe.schema import TrainConfig
from seqcli.task import BaseTask
from seqcli.training import device

if TYPE_CHECKING:
    from seqcli.training.loop import Trainer


def check(config: TrainConfig, task: BaseTask) -> None:
    """Raise UsageError if there is no validation split on which to judge the mean."""
    if config.average_snapshots and task.watched == "train_loss":
        raise UsageError(
            "train.average_snapshots: the mean is kept if it scores better on a validation split; set data.valid"
        )


def steps(last: int, every: int, number: int) -> list[int]:
    """Return the steps of the last `number` snapshots up to step `last`, earliest first: multiples of `every`."""
    return list(range(last - last % every, 0, -every)[:number])[::-1]


def mean(paths: Sequence[Path], names: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the mean, in float32, of the named arrays of model files, summed in float64 in the order of the files.

    Raises SeqcliError for a file that cannot be read, KeyError for one that lacks an array.
    """
    total: dict[str, np.ndarray] = {}
    for path in paths:
        arrays = artifact.read(path).arrays
        for name in names:
            own = arrays[filed(name)].astype(np.float64)
            total[name] = total[name] + own if name in total else own
    return {name: (array / len(paths)).astype(np.float32) for name, array in total.items()}


def average(trainer: Trainer) -> None:
    """Score the mean of a run's last snapshots at its end, log and report it; keep it if it beats the best model.

    A finished run that is resumed is not judged again.
    """
    config, p = trainer.config, trainer.progress
    if not (config.average_snapshots and config.snapshot_every):
        return
    judged = [p.step, config.snapshot_every, config.average_snapshots]
    if p.judged == judged:
        return
    found = _own(trainer, steps(p.step, config.snapshot_every, config.average_snapshots))
    if len(found) < config.average_snapshots:
        there = {0: "are none", 1: "is only 1"}.get(len(found), f"are only {len(found)}")
        console.warn(
            f"train.average_snapshots is {config.average_snapshots}, but there {there} by step {p.step:,}"
            + ("" if found else ": nothing is averaged")
        )
    if found:
        _judge(trainer, found)
    p.judged = judged


def _own(trainer: Trainer, wanted: Sequence[int]) -> list[Path]:
    """Return the paths of the readable snapshots that this run wrote at the steps `wanted`."""
    found = []
    for path in map(trainer.run.snapshot, wanted):
        if not path.exists():
            continue
        try:
            header = artifact.read(path).header
        except SeqcliError as error:
            console.warn(f"{error.message}: this snapshot is left out")
            continue
        if header.get("created") == trainer.header.get("created"):  # another run may have left a snapshot there
            found.append(path)
    return found


def _judge(trainer: Trainer, paths: Sequence[Path]) -> None:
    p = trainer.progress
    made = mean(paths, list(trainer.weights))
    weights = {name: torch.from_numpy(made[name]).to(w.device) for name, w in trainer.weights.items()}
    with torch.no_grad():
        found = trainer.task.evaluate(device.bind(trainer.task.model, weights, "float32"))
    assert found is not None, "`check` asked for a validation split"
    score = found.scores[found.watched]
    finite = all(map(math.isfinite, found.scores.values()))
    better = finite and (p.best is None or (score > p.best if found.more_is_better else score < p.best))
    name = found.watched.replace("_loss", " loss")
    said = f"the mean of the last {len(paths)} snapshots" if len(paths) > 1 else "the last snapshot"
    said += f": {name} {score:.4f}"
    if p.best is not None:
        said += f", {'better' if better else 'no better'} than {p.best:.4f} at step {p.best_step:,}"
    console.say(f"{said}: {'it is kept' if better else 'that model stays'}")
    if better:
        p.best, p.best_step, p.mean_of = score, p.step, len(paths)
        trainer.write_model(trainer.run.model, {**found.scores, "averaged": len(paths)}, weights)
    scores = {key: value if math.isfinite(value) else None for key, value in found.scores.items()}
    trainer.log({"averaged": len(paths), **scores}, better)
