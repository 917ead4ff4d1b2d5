"""Small trainers on random ids, ready to step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqcli.datasets.streams import Streams
from seqcli.models import language_model
from seqcli.recipe.schema import Recipe, TrainConfig
from seqcli.runs import Run
from seqcli.tasks.language_model.train import Task
from seqcli.training.loop import Trainer

VOCABULARY = 7


def ids_of(length: int, seed: int = 0) -> np.ndarray:
    """A stream with something to learn: each id is often the one before plus one."""
    rng = np.random.default_rng(seed)
    jumps = np.where(rng.random(length) < 0.7, 1, rng.integers(0, VOCABULARY, length))
    return (np.cumsum(jumps) % VOCABULARY).astype(np.uint8)


@pytest.fixture(scope="session")
def make_ids() -> Callable[..., np.ndarray]:
    """`make_ids(length, seed)`."""
    return ids_of


@pytest.fixture
def trainer(tmp_path: Path) -> Callable[..., Trainer]:
    """`trainer(name, model={...}, ids={...}, **train)`: a Trainer whose run is the folder `name`."""

    def make(
        name: str = "run", model: dict[str, Any] | None = None, ids: dict[str, np.ndarray] | None = None, **train: Any
    ) -> Trainer:
        run = Run(tmp_path / name)
        run.path.mkdir(exist_ok=True)
        options = {"sequence_length": 5, "batch_size": 3, "learning_rate": 0.05, "save_every": 1e9}
        options |= {"device": "cpu", "precision": "float32", "threads": 1, **train}
        if not {"epochs", "steps", "minutes"} & options.keys():
            options["epochs"] = 100
        config = TrainConfig(**options)
        kind = language_model.Config(**{"cell": "lstm", "embedding": 4, "hidden": 6, **(model or {})})
        fresh = language_model.Model.create(kind, VOCABULARY, np.random.default_rng(3))
        header = {"kind": "model", "task": "language-model", "recipe": {"train": {}}}
        if ids is None:
            ids = {"train": ids_of(120), "valid": ids_of(40, 1)}
        recipe = Recipe("test", "language-model", kind, train=config)
        streams = Streams(ids["train"], config.batch_size, config.sequence_length, config.seed)
        return Trainer(Task(recipe, fresh, {}, ids=ids, streams=streams), config, run, header)

    return make
