"""Tasks: what is trained, on what, how it is judged; one a file. This module is the contract.

A task's file offers `Task`, a subclass of `BaseTask`, whose `prepare` turns a recipe into data, a fresh model and all
that its artifact needs beside the weights. The training loop asks it for batches, for a loss, and for an evaluation;
it knows nothing else of tasks. Nothing here imports torch: a model's arrays may be torch's, and `ops` puts what goes
to it where they are.
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
    rows: slice = field(default_factory=lambda: slice(None), kw_only=True)  # of every batch, this process's
    former: Former | None = field(default=None, kw_only=True)  # what the run began from
    growth: Growth | None = field(default=None, kw_only=True)  # by what that grew
    fresh: bool = field(default=True, kw_only=True)  # whether the run began with new weights

    batches = 1  # an epoch
    unit = "token"
    judged = "token"  # what a loss is the mean of
    checked: ClassVar[Mapping[str, Any]] = {}  # how the validation split is scored in training

    @property
    def watched(self) -> str:
        """What decides, and a display draws: a metric, or "valid_loss", where there is a validation split."""
        if "valid" not in self.splits:
            return "train_loss"
        return "valid_loss" if self.recipe.train and self.recipe.train.watch == "loss" else self.headline.metric

    def check_watched(self) -> None:
        """Raise UsageError where `train.watch` is neither the loss nor the figure that decides, or has no split."""
        assert self.recipe.train is not None
        watch, figure = self.recipe.train.watch, self.headline.metric
        if watch not in (None, "loss", figure):
            raise UsageError(
                f"train.watch: {watch!r} does not decide which model is kept here",
                hint=f"known: {figure} (default), loss",
            )
        if watch == figure and "valid" not in self.splits:
            raise UsageError(f"train.watch: {watch} is measured on a validation split; set data.valid")

    @classmethod
    @abstractmethod
    def prepare(
        cls, recipe: Recipe, saved: Artifact | None, start: Artifact | None, former: Former | None = None
    ) -> Self:
        """Make ready; `saved` is the checkpoint of a run that goes on, `start` a model to fine-tune; `former` is that
        model, of a run that goes on too, with the data that it was trained on.

        Raises SeqcliError.
        """

    # gradient-trained kinds

    @property
    def tuned(self) -> bool:
        """Whether the language models that read for the model are trained too."""
        return bool(getattr(self.model, "readers", ()))

    @cached_property
    def depth(self) -> Depth:
        """How deep the model's arrays lie; those of a fresh one are a group."""
        return Depth.of(layers.arrays(self.model), self.recipe.train, fresh=self.fresh)

    def check_depth(self) -> None:
        """Raise UsageError for keys of `train` that ask for layers, or readers, where there is nothing trained."""
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
                    f"train.{key}: the model is new, all of it: there are no trained layers",
                    hint="it is for models that are fine-tuned (--init-from) and readers (train.reader_rate)",
                )

    def read(self, reader: Any, records: Sequence[Any], steps: int, place: tuple[int, int]) -> dict[str, np.ndarray]:
        """What language models make of the words of a batch (epoch, index), padded to `steps`: their `states`; once
        they learn, what they are to read."""
        epoch, index = place
        if self.tuned and self.depth.learning(epoch + index / self.batches) > self.depth.own:
            return reader.batch(records, steps)
        return {"states": reader.padded(records, steps)}

    @abstractmethod
    def batch(self, epoch: int, index: int) -> Batch | None:
        """The `rows` of a batch, a function of the recipe's seed and its place alone; None where there are none."""

    @property
    def draws(self) -> int:
        """Which numbers are drawn for a batch: those of the whole one, or those of this process."""
        return 1 + (self.rows.start or 0)

    @abstractmethod
    def size(self, batch: Batch) -> int:
        """How many units (tokens) a batch trains on."""

    def weight(self, batch: Batch) -> float:
        """What the loss of a batch is divided by: as much do its rows count beside others."""
        return self.size(batch)

    def initial_state(self, model: Any) -> State:
        """What the first batch of an epoch begins with."""
        return ()

    @abstractmethod
    def loss(self, model: Any, batch: Batch, state: State, rng: Any) -> tuple[Any, State]:
        """Mean nats a unit of a batch, and what is handed on. `rng` draws what is dropped; None drops nothing."""

    def predictor(self, model: Any) -> Any:
        """What answers with a model of NumPy arrays."""
        return model

    def evaluate(self, model: Any) -> Evaluation | None:
        """Score the validation split with a model of float32 arrays of either library; None where there is none."""
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
        """Fit a counted kind of model in one pass; the model."""
        raise UsageError(f"a {self.recipe.model.kind} model is trained by gradient descent")

    # what a person sees

    @abstractmethod
    def opening(self) -> str:
        """One line: the data."""

    def doubts(self) -> list[str]:
        """What of the data should be looked at before its scores are believed."""
        corpus = getattr(self, "corpus", None)
        return corpus.doubts() if corpus is not None and hasattr(corpus, "doubts") else []

    # the end of a run

    @property
    @abstractmethod
    def headline(self) -> Headline:
        """The one figure that decides."""

    @abstractmethod
    def finish(self, stored: Artifact) -> Ending:
        """The kept model in use, with what is fitted on the validation split."""

    def scored(self, predictor: Any, split: str) -> Report:
        """What it scores on a split."""
        return predictor.score(self.splits[split], what=f"scoring {split}")

    def scored_on(self, predictor: Any, corpus: Any, split: str) -> Report:
        """What a model scores on a split of another corpus."""
        return replace(self, corpus=corpus).scored(predictor, split)  # type: ignore[call-arg]

    @abstractmethod
    def figures(self, report: Report) -> str:
        """The figures that a line has room for."""

    @abstractmethod
    def baseline(self, split: str) -> Baseline | None:
        """What a cheap model of the same data scores on a split; None where the model is that itself."""

    @abstractmethod
    def example(self, predictor: Any) -> str:
        """What it does, shown, so that the first look at a model takes no command; empty where there is nothing."""

    @abstractmethod
    def use(self) -> str:
        """The command that uses the model, with MODEL in the place of its path."""

    def compared(self, report: Report | None) -> Headline:
        """The figure that two models are compared by, which may have other tokens; `report` is this one's."""
        return self.headline

    def closing(self, run: Run) -> None:
        """Score the kept model on every split, and a baseline beside it; write the scores; show what it does."""
        for record in (r for split in self.splits.values() for r in split) if self.tuned else ():
            record.states = None  # those of readers before they were trained
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
            console.say("no valid and no test split: nothing was measured, and no baseline beside it")
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
        """Lines for --dry-run: sizes, and the shapes of a batch."""

    def activations(self) -> float:
        """About how many numbers a batch keeps for its gradients."""
        return 0.0


def without_stdin(recipe: Recipe, kept: Path) -> Recipe:
    """A recipe whose data come from the copy in the cache, for standard input cannot be read again."""
    if recipe.data.train not in ("-", ["-"]):
        return recipe
    return replace(recipe, data=recipe.data.model_copy(update={"train": str(kept)}))


def adapted(recipe: Recipe, start: Artifact | None, kept: tuple[str, ...], also: str) -> Recipe:
    """The recipe to fine-tune with: the stored model's shape, and the recipe's own keys of `model` that are named in
    `kept`; as it is where nothing is fine-tuned."""
    if start is None:
        return recipe
    stored = start.header["model"]
    if stored["kind"] != recipe.model.kind:
        raise UsageError(f"{start.path} is a {stored['kind']} model; the recipe asks for {recipe.model.kind}")
    own = recipe.model.model_dump(mode="json")
    mine = {k: v for k, v in own.items() if k in kept}
    shape = {k: v for k, v in stored.items() if k not in mine}
    usual = {k: f.get_default(call_default_factory=True) for k, f in type(recipe.model).model_fields.items()}
    unsaid = (
        {"reader"} if not own.get("reader") else set()
    )  # what reads for the model stays, where nothing else is said
    said = [k for k in {**shape, **own} if k not in mine and k not in unsaid]
    if odd := [k for k in said if own.get(k) != stored.get(k, usual.get(k))]:
        console.warn(f"taken from {start.path} instead of the recipe: model.{', model.'.join(odd)}, and {also}")
    if getattr(recipe.data, "vectors", None):
        console.warn("data.vectors is not read: the vectors are those of the model that is fine-tuned")
    return replace(recipe, model=type(recipe.model)(**shape, **mine))


def beginning(recipe: Recipe, vocabulary: Any, start: Artifact | None, growth: Growth | None = None) -> Any:
    """The model that training begins with: the one to fine-tune, grown where it is to grow, or fresh weights; None of
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
    """A model that trains the language models that read for it too, where the recipe says so."""
    return replace(model, readers=reader.models) if reader and train and train.reader_rate else model


def grows(start: Artifact | None, former: Former | None) -> bool:
    """Whether the model to fine-tune is to grow."""
    return start is not None and former is not None and former.grow


def without_vectors(recipe: Recipe) -> Recipe:
    """A recipe that reads no word vectors: a model that is fine-tuned keeps its own."""
    return replace(recipe, data=recipe.data.model_copy(update={"vectors": None}))


def say_lacking(former: Former | None, added: Mapping[str, Sequence[str]]) -> None:
    """Say what of a training split a model to fine-tune does not know, and how it would."""
    if former is not None and (what := told({k: v for k, v in added.items() if "label" not in k})):
        console.say(f"{former.name} does not know {what} of the training split: --grow gives them rows")
