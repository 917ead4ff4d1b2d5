"""Tasks: what to train, on which data, and how to evaluate it; one a folder. This module is the contract.

The module `train` of a task has `Task`, a subclass of `BaseTask`, whose `prepare` turns a recipe into data, a new
model and all that its artifact needs besides the weights. The training loop asks it for batches, a loss, and an
evaluation, and knows nothing else about tasks. Nothing here imports torch: a model's arrays may be torch tensors, and
`ops` moves data to their device.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from seqcli import artifact, console, layers, ops, registry
from seqcli.artifact import Artifact
from seqcli.closing import JUDGED, Baseline, Ending, Headline, margin, next_commands
from seqcli.errors import UsageError
from seqcli.former import Former, before_and_after
from seqcli.growing import Growth, told
from seqcli.layers.depth import Depth
from seqcli.recipe.schema import Recipe
from seqcli.report import Report
from seqcli.runs import Run

Batch = Any  # arrays, in a tuple or by name
State = Any  # what a batch passes on to the next; () for nothing


@dataclass(frozen=True)
class Evaluation:
    """The scores of a model in training on the validation split."""

    scores: Mapping[str, float]  # "valid_loss" in nats, and metrics by name
    watched: str = "valid_loss"  # the score that decides which model is kept
    more_is_better: bool = False


@dataclass
class BaseTask(ABC):
    """A recipe ready for training: data read, vocabulary learnt, model created."""

    recipe: Recipe
    model: Any  # untrained, of NumPy arrays; None for a counted kind
    header: dict[str, Any]  # of the artifact: tokenizer or labels, vocabulary, data
    arrays: dict[str, np.ndarray] = field(default_factory=dict)  # of the artifact, besides the model's
    rows: slice = field(default_factory=lambda: slice(None), kw_only=True)  # of every batch, for this process
    former: Former | None = field(default=None, kw_only=True)  # the model that the run began from
    growth: Growth | None = field(default=None, kw_only=True)  # how that model grew
    fresh: bool = field(default=True, kw_only=True)  # whether the run began with new weights

    batches = 1  # in an epoch
    unit = "token"
    judged = "token"  # the unit over which the loss is a mean
    checked: ClassVar[Mapping[str, Any]] = {}  # arguments for scoring the validation split in training

    @property
    def watched(self) -> str:
        """The figure that decides and is displayed: with a validation split a metric or "valid_loss", else
        "train_loss"."""
        if "valid" not in self.splits:
            return "train_loss"
        return "valid_loss" if self.recipe.train and self.recipe.train.watch == "loss" else self.headline.metric

    def check_watched(self) -> None:
        """Raise UsageError if `train.watch` is neither the loss nor the task's figure, or if that has no split."""
        assert self.recipe.train is not None
        watch, figure = self.recipe.train.watch, self.headline.metric
        if watch not in (None, "loss", figure):
            raise UsageError(
                f"train.watch: {watch!r} cannot decide which model is kept here",
                hint=f"known: {figure} (default), loss",
            )
        if watch == figure and "valid" not in self.splits:
            raise UsageError(f"train.watch: {watch} needs a validation split; set data.valid")

    @classmethod
    @abstractmethod
    def prepare(
        cls, recipe: Recipe, saved: Artifact | None, start: Artifact | None, former: Former | None = None
    ) -> Self:
        """Prepare a recipe for training. `saved` is the checkpoint of a run that is resumed, `start` a model to
        fine-tune; `former` is that model with its data, also for a run that is resumed.

        Raises SeqcliError.
        """

    # gradient-trained kinds

    @property
    def tuned(self) -> bool:
        """Whether the language models that read for the model are trained too."""
        return bool(getattr(self.model, "readers", ()))

    @cached_property
    def depth(self) -> Depth:
        """The depth groups of the model's arrays; those of a fresh model are one group."""
        return Depth.of(layers.arrays(self.model), self.recipe.train, fresh=self.fresh)

    def check_depth(self) -> None:
        """Raise UsageError for keys of `train` about pretrained layers, or readers, if there are none."""
        train = self.recipe.train
        assert train is not None
        if train.reader_rate and not self.tuned:
            raise UsageError("train.reader_rate: no language models read for this model", hint="see model.reader")
        if self.tuned and train.epochs and self.depth.learning(train.epochs) <= self.depth.own:
            console.warn(
                f"train.reader_rate: {train.epochs:g} epochs end before the readers' turn: see train.unfreeze_every"
            )
        for key, given in (("layer_rate", train.layer_rate != 1), ("unfreeze_every", train.unfreeze_every)):
            if given and len(self.depth.groups) == 1:
                raise UsageError(
                    f"train.{key}: the whole model is new: there are no trained layers",
                    hint="it is for models that are fine-tuned (--init-from) and readers (train.reader_rate)",
                )

    def read(self, reader: Any, records: Sequence[Any], steps: int, place: tuple[int, int]) -> dict[str, np.ndarray]:
        """Return the `states` of language models for the words of a batch (epoch, index), padded to `steps`; once
        they learn, their inputs."""
        epoch, index = place
        if self.tuned and self.depth.learning(epoch + index / self.batches) > self.depth.own:
            return reader.batch(records, steps)
        return {"states": reader.padded(records, steps)}

    @abstractmethod
    def batch(self, epoch: int, index: int) -> Batch | None:
        """Return the `rows` of a batch, which depend only on the recipe's seed and its place; None for no rows."""

    @property
    def draws(self) -> int:
        """The random stream for a batch: that of the whole batch, or of this process's rows."""
        return 1 + (self.rows.start or 0)

    @abstractmethod
    def size(self, batch: Batch) -> int:
        """Return how many units (tokens) a batch trains on."""

    def weight(self, batch: Batch) -> float:
        """Return the divisor of a batch's loss, which is the weight of its rows relative to other processes' rows."""
        return self.size(batch)

    def initial_state(self, model: Any) -> State:
        """Return the state for the first batch of an epoch."""
        return ()

    @abstractmethod
    def loss(self, model: Any, batch: Batch, state: State, rng: Any) -> tuple[Any, State]:
        """Return a batch's mean nats a unit, and the next state. `rng` draws dropout masks; None drops nothing."""

    def predictor(self, model: Any) -> Any:
        """Return the predictor of a model of NumPy arrays."""
        return model

    def evaluate(self, model: Any) -> Evaluation | None:
        """Score the validation split with a model of float32 arrays of either library; None if there is no split."""
        if "valid" not in self.splits:
            return None
        plain = layers.replace(model, {n: ops.to_numpy(a) for n, a in layers.arrays(model).items()})
        report = self.predictor(plain).score(self.splits["valid"], **self.checked)
        scores = {self.headline.metric: report.metrics[self.headline.metric]}
        if "cross-entropy" in report.metrics:
            scores["valid_loss"] = report.metrics["cross-entropy"]
        return Evaluation(scores, self.watched, self.headline.more_is_better and self.watched != "valid_loss")

    # counted kinds

    def count(self, kind: Any) -> Any:
        """Fit a counted kind of model in one pass, and return it."""
        raise UsageError(f"a {self.recipe.model.kind} model is trained by gradient descent")

    # what the user sees

    @abstractmethod
    def opening(self) -> str:
        """Return one line about the data."""

    def doubts(self) -> list[str]:
        """Return what should be checked in the data before its scores are trusted."""
        corpus = getattr(self, "corpus", None)
        return corpus.doubts() if corpus is not None and hasattr(corpus, "doubts") else []

    # the end of a run

    @property
    @abstractmethod
    def headline(self) -> Headline:
        """The figure that decides between models."""

    @abstractmethod
    def finish(self, stored: Artifact) -> Ending:
        """Return the kept model in use, with everything that is fitted on the validation split."""

    def scored(self, predictor: Any, split: str) -> Report:
        """Return the predictor's report on a split."""
        return predictor.score(self.splits[split], what=f"scoring {split}")

    def scored_on(self, predictor: Any, corpus: Any, split: str) -> Report:
        """Return a model's report on a split of another corpus."""
        return replace(self, corpus=corpus).scored(predictor, split)  # type: ignore[call-arg]

    @abstractmethod
    def figures(self, report: Report) -> str:
        """Return the main figures on one line."""

    @abstractmethod
    def baseline(self, split: str) -> Baseline | None:
        """Return the score of a cheap model of the same data on a split; None if the model is itself that."""

    @abstractmethod
    def example(self, predictor: Any) -> str:
        """Return an example of the model's answers, to show without a further command; `""` if there is none."""

    @abstractmethod
    def use(self) -> str:
        """Return the command that uses the model, with MODEL in place of its path."""

    def compared(self, report: Report | None) -> Headline:
        """Return the figure by which to compare two models, whose tokens may differ; `report` is this one's."""
        return self.headline

    def closing(self, run: Run) -> None:
        """Score the kept model and a baseline on every split, write the scores, and show an example."""
        for record in (r for split in self.splits.values() for r in split) if self.tuned else ():
            record.states = None  # they are those of the readers before training
        ending = self.finish(artifact.read(run.model))
        reports: dict[str, Report] = {}
        for split in (s for s in JUDGED if s in self.splits):
            reports[split] = self.scored(ending.predictor, split)
            console.say(f"{split}: {self.figures(reports[split])}")
        scores: dict[str, Any] = {split: report.to_dict() for split, report in reports.items()}
        mine = reports
        if ending.alone is not None:
            reports = {split: self.scored(ending.alone, split) for split in reports}
            for split, report in reports.items():
                console.say(f"the network alone: {split}: {self.figures(report)}")
            scores["alone"] = {split: report.to_dict() for split, report in reports.items()}
        if judged := next(iter(reports), None):
            ours = reports[judged].metrics[self.headline.metric]
            scores["baseline"] = margin(ours, self.baseline(judged) or self.recipe.model.kind, self.headline, judged)
        else:
            console.say("no valid and no test split: neither the model nor a baseline was scored")
        if self.former is not None:
            corpus: Any = self.corpus  # type: ignore[attr-defined]
            how = (ending.predictor, self.scored_on, self.compared(next(iter(mine.values()), None)))
            scores |= before_and_after(self.former, corpus, mine, *how)
        ending.keep(scores)
        if shown := self.example(ending.predictor):
            console.say(f"\n{shown}\n")
        next_commands(run, self.use(), self.headline.metric)

    @property
    @abstractmethod
    def splits(self) -> Mapping[str, Any]:
        """The splits of the data by name."""

    @abstractmethod
    def details(self) -> list[str]:
        """Return lines for --dry-run: sizes, and the shapes of a batch."""

    def activations(self) -> float:
        """Return about how many numbers a batch keeps for its gradients."""
        return 0.0


def without_stdin(recipe: Recipe, kept: Path) -> Recipe:
    """Return a recipe whose data come from the copy in the cache, because standard input cannot be read again."""
    if recipe.data.train not in ("-", ["-"]):
        return recipe
    return replace(recipe, data=recipe.data.model_copy(update={"train": str(kept)}))


def adapted(recipe: Recipe, start: Artifact | None, kept: tuple[str, ...], also: str) -> Recipe:
    """Return the recipe to fine-tune with: the stored model's shape, and the recipe's own keys of `model` named in
    `kept`; unchanged if nothing is fine-tuned."""
    if start is None:
        return recipe
    stored = start.header["model"]
    if stored["kind"] != recipe.model.kind:
        raise UsageError(f"{start.path} is a {stored['kind']} model; the recipe asks for {recipe.model.kind}")
    own = recipe.model.model_dump(mode="json")
    mine = {k: v for k, v in own.items() if k in kept}
    shape = {k: v for k, v in stored.items() if k not in mine}
    usual = {k: f.get_default(call_default_factory=True) for k, f in type(recipe.model).model_fields.items()}
    unsaid = {"reader"} if not own.get("reader") else set()  # readers stay unless the recipe names others
    said = [k for k in {**shape, **own} if k not in mine and k not in unsaid]
    if odd := [k for k in said if own.get(k) != stored.get(k, usual.get(k))]:
        console.warn(f"taken from {start.path} instead of the recipe: model.{', model.'.join(odd)}, and {also}")
    if getattr(recipe.data, "vectors", None):
        console.warn("data.vectors is ignored: the model that is fine-tuned keeps its own vectors")
    return replace(recipe, model=type(recipe.model)(**shape, **mine))


def beginning(recipe: Recipe, vocabulary: Any, start: Artifact | None, growth: Growth | None = None) -> Any:
    """Return the model that training begins with: the one to fine-tune, grown if required, or fresh weights; None for
    a counted kind."""
    kind = registry.load("models", recipe.model.kind)
    if kind.TRAINED == "counted":
        return None
    if start and growth:
        whole = kind.Model.restore(recipe.model, growth.before, start.part("model"))
        return kind.Model.restore(recipe.model, vocabulary, growth.arrays(layers.arrays(whole)))
    if start:
        return kind.Model.restore(recipe.model, vocabulary, start.part("model"))
    assert recipe.train is not None
    return kind.Model.create(recipe.model, vocabulary, np.random.default_rng(recipe.train.seed))


def with_readers(model: Any, reader: Any, train: Any) -> Any:
    """Return a model that also trains the language models that read for it, if the recipe says so."""
    return replace(model, readers=reader.models) if reader and train and train.reader_rate else model


def grows(start: Artifact | None, former: Former | None) -> bool:
    """Whether the model to fine-tune should grow."""
    return start is not None and former is not None and former.grow


def without_vectors(recipe: Recipe) -> Recipe:
    """Return a recipe without word vectors: a model that is fine-tuned keeps its own."""
    return replace(recipe, data=recipe.data.model_copy(update={"vectors": None}))


def say_lacking(former: Former | None, added: Mapping[str, Sequence[str]]) -> None:
    """Print what of the training split a model to fine-tune does not know, and how it would learn it."""
    if former is not None and (what := told({k: v for k, v in added.items() if "label" not in k})):
        console.say(f"{former.name} does not know {what} of the training split: --grow gives them rows")
