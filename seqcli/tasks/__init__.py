"""Tasks: what is trained, on what, how it is judged; one a file. This module is the contract.

A task's file offers `Task`, a subclass of `BaseTask`, whose `prepare` turns a recipe into data, a fresh model and all
that its artifact needs beside the weights. The training loop asks it for batches, for a loss, and for an evaluation;
it knows nothing else of tasks. Nothing here imports torch: a model's arrays may be torch's, and `ops` puts what goes
to it where they are.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from seqcli import artifact, console
from seqcli.artifact import Artifact
from seqcli.errors import UsageError
from seqcli.recipe.schema import Recipe
from seqcli.runs import Run

Batch = Any  # arrays, in a tuple or by name
State = Any  # what a batch hands on to the next; () where nothing is


@dataclass(frozen=True)
class Evaluation:
    """What a model in training scores on the validation split."""

    scores: Mapping[str, float]  # "valid_loss" in nats, and metrics by name
    watched: str = "valid_loss"  # the one that decides which model is kept
    more_is_better: bool = False


@dataclass
class BaseTask(ABC):
    """A recipe made ready: data read, vocabulary learnt, model created."""

    recipe: Recipe
    model: Any  # untrained, of NumPy arrays; None for a counted kind
    header: dict[str, Any]  # of the artifact: tokenizer or labels, vocabulary, data
    arrays: dict[str, np.ndarray] = field(default_factory=dict)  # of the artifact, beside the model's

    batches = 1  # an epoch
    unit = "token"
    judged = "token"  # what a loss is the mean of
    watched = "train_loss"  # what a display draws; "valid_loss" or a metric where there is a validation split

    @classmethod
    @abstractmethod
    def prepare(cls, recipe: Recipe, saved: Artifact | None, start: Artifact | None) -> Self:
        """Make ready; `saved` is the checkpoint of a run that goes on, `start` a model to fine-tune.

        Raises SeqcliError.
        """

    # gradient-trained kinds

    @abstractmethod
    def batch(self, epoch: int, index: int) -> Batch:
        """A batch, a function of the recipe's seed and its place alone."""

    @abstractmethod
    def size(self, batch: Batch) -> int:
        """How many units (tokens) a batch trains on."""

    def initial_state(self, model: Any) -> State:
        """What the first batch of an epoch begins with."""
        return ()

    @abstractmethod
    def loss(self, model: Any, batch: Batch, state: State, rng: Any) -> tuple[Any, State]:
        """Mean nats a unit of a batch, and what is handed on. `rng` draws what is dropped; None drops nothing."""

    def evaluate(self, model: Any) -> Evaluation | None:
        """Score the validation split with a model of float32 arrays of either library; None where there is none."""
        return None

    # counted kinds

    def count(self, kind: Any) -> Any:
        """Fit a counted kind of model in one pass; the model."""
        raise UsageError(f"a {self.recipe.model.kind} model is trained by gradient descent")

    # what a person sees

    @abstractmethod
    def opening(self) -> str:
        """One line: the data."""

    @abstractmethod
    def closing(self, run: Run) -> None:
        """Score the kept model on every split, and a baseline beside it; write the scores; show what it does."""

    @abstractmethod
    def details(self) -> list[str]:
        """Lines for --dry-run: sizes, and the shapes of a batch."""

    def activations(self) -> float:
        """About how many numbers a batch keeps for its gradients."""
        return 0.0


def add_scores(stored: Artifact, scores: Mapping[str, Any]) -> None:
    """Write scores into a model file."""
    kept = {**stored.header["scores"], **scores}
    artifact.write(stored.path, {**stored.header, "scores": kept}, stored.arrays)


def architecture(recipe: Recipe, start: Artifact, kept: tuple[str, ...], also: str) -> Any:
    """The configuration to fine-tune with: the stored one's shape, the recipe's keys named in `kept`."""
    stored = start.header["model"]
    if stored["kind"] != recipe.model.kind:
        raise UsageError(f"{start.path} is a {stored['kind']} model; the recipe asks for {recipe.model.kind}")
    own = recipe.model.model_dump(mode="json")
    mine = {k: v for k, v in own.items() if k in kept}
    shape = {k: v for k, v in stored.items() if k not in mine}
    if odd := [k for k, v in shape.items() if own.get(k) != v]:
        console.warn(f"taken from {start.path} instead of the recipe: model.{', model.'.join(odd)}, and {also}")
    return type(recipe.model)(**shape, **mine)
