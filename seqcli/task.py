"""The contract of a task in training: what is trained, on which data, and how it is judged.

A task's `train.py` has `Task`, a subclass of `BaseTask`, whose `prepare` turns a recipe into data, a fresh model and
everything that its model file needs beside the weights. The training loop asks it for batches, a loss and an
evaluation, and knows nothing else of tasks. Nothing here imports torch: a model's arrays may be torch's, and `ops`
moves its inputs to where they are.
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
State = Any  # the state that a batch passes on to the next; () if there is none


@dataclass(frozen=True)
class Evaluation:
    """The scores of a model in training on the validation split."""

    scores: Mapping[str, float]  # "valid_loss" in nats, and metrics by name
    watched: str = "valid_loss"  # the score that decides which model is kept
    more_is_better: bool = False


@dataclass
class BaseTask(ABC):
    """A recipe made ready to train: data read, vocabulary learnt, model created."""

    recipe: Recipe
    model: Any  # untrained, of NumPy arrays; None for a kind that is counted
    header: dict[str, Any]  # of the model file: tokenizer or labels, vocabulary, data
    arrays: dict[str, np.ndarray] = field(default_factory=dict)  # of the model file, beside the model's
    rows: slice = field(default_factory=lambda: slice(None), kw_only=True)  # this process's rows of every batch
    former: Former | None = field(default=None, kw_only=True)  # the model that the run began from
    growth: Growth | None = field(default=None, kw_only=True)  # how that model has grown
    fresh: bool = field(default=True, kw_only=True)  # whether the run began with new weights

    batches = 1  # per epoch
    unit = "token"
    judged = "token"  # the unit over which a loss is the mean
    checked: ClassVar[Mapping[str, Any]] = {}  # how the validation split is scored in training

    @property
    def watched(self) -> str:
        """The figure that decides and that a display draws: a metric or "valid_loss"; "train_loss" without a
        validation split."""
        if "valid" not in self.splits:
            return "train_loss"
        return "valid_loss" if self.recipe.train and self.recipe.train.watch == "loss" else self.headline.metric

    def check_watched(self) -> None:
        """Raise UsageError if `train.watch` is neither the loss nor the headline metric, or has no validation
        split."""
        assert self.recipe.train is not None
        watch, figure = self.recipe.train.watch, self.headline.metric
        if watch not in (None, "loss", figure):
            raise UsageError(
                f"train.watch: {watch!r} cannot decide which model is kept here",
                hint=f"known: {figure} (default), loss",
            )
        if watch == figure and "valid" not in self.splits:
            raise UsageError(f"train.watch: {watch} is measured on a validation split; set data.valid")

    @classmethod
    @abstractmethod
    def prepare(
        cls, recipe: Recipe, saved: Artifact | None, start: Artifact | None, former: Former | None = None
    ) -> Self:
        """Make a recipe ready to train. `saved` is the checkpoint of a run that is resumed, `start` a model to
        fine-tune; `former` is that model with its data, for a resumed run as well.

        Raises SeqcliError.
        """

    # gradient-trained kinds

    @property
    def tuned(self) -> bool:
        """Whether the language models of the model's reader are trained too."""
        return bool(getattr(self.model, "readers", ()))

    @cached_property
    def depth(self) -> Depth:
        """The depth of each of the model's arrays; those of a fresh model are one group."""
        return Depth.of(layers.arrays(self.model), self.recipe.train, fresh=self.fresh)

    def check_depth(self) -> None:
        """Raise UsageError for keys of `train` about trained layers or readers if there are none."""
        train = self.recipe.train
        assert train is not None
        if train.reader_rate and not self.tuned:
            raise UsageError("train.reader_rate: this model has no reader to train", hint="see model.reader")
        if self.tuned and train.epochs and self.depth.learning(train.epochs) <= self.depth.own:
            console.warn(
                f"train.reader_rate: {train.epochs:g} epochs end before the readers train: see train.unfreeze_every"
            )
        for key, given in (("layer_rate", train.layer_rate != 1), ("unfreeze_every", train.unfreeze_every)):
            if given and len(self.depth.groups) == 1:
                raise UsageError(
                    f"train.{key}: the whole model is new: it has no trained layers",
                    hint="use it when you fine-tune a model (--init-from) or readers (train.reader_rate)",
                )

    def read(self, reader: Any, records: Sequence[Any], steps: int, place: tuple[int, int]) -> dict[str, np.ndarray]:
        """Return the reader's `states` of the words of the batch at `place` (epoch, index), padded to `steps`; once
        the readers are being trained, the arrays that they read."""
        epoch, index = place
        if self.tuned and self.depth.learning(epoch + index / self.batches) > self.depth.own:
            return reader.batch(records, steps)
        return {"states": reader.padded(records, steps)}

    @abstractmethod
    def batch(self, epoch: int, index: int) -> Batch | None:
        """Return the `rows` of a batch, which depends on the recipe's seed and its place alone; None if it has
        none."""

    @property
    def draws(self) -> int:
        """The number that selects the random draws of a batch: 1 for a whole batch, else this process's own."""
        return 1 + (self.rows.start or 0)

    @abstractmethod
    def size(self, batch: Batch) -> int:
        """Return how many units (tokens) a batch trains on."""

    def weight(self, batch: Batch) -> float:
        """Return the number that a batch's loss is divided by, which is its weight among the processes' batches."""
        return self.size(batch)

    def initial_state(self, model: Any) -> State:
        """Return the state with which the first batch of an epoch begins."""
        return ()

    @abstractmethod
    def loss(self, model: Any, batch: Batch, state: State, rng: Any) -> tuple[Any, State]:
        """Return a batch's loss, in mean nats per unit, and the state to pass on. `rng` draws the dropout; None drops
        nothing."""

    def predictor(self, model: Any) -> Any:
        """Return the predictor of a model of NumPy arrays."""
        return model

    def evaluate(self, model: Any) -> Evaluation | None:
        """Score the validation split with a model of float32 arrays of either library; None without such a split."""
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

    # what a person sees

    @abstractmethod
    def opening(self) -> str:
        """Return one line that describes the data."""

    def doubts(self) -> list[str]:
        """Return warnings about the data to check before its scores are trusted."""
        corpus = getattr(self, "corpus", None)
        return corpus.doubts() if corpus is not None and hasattr(corpus, "doubts") else []

    # the end of a run

    @property
    @abstractmethod
    def headline(self) -> Headline:
        """The metric that decides."""

    @abstractmethod
    def finish(self, stored: Artifact) -> Ending:
        """Open the kept model as a predictor, with everything that is fitted on the validation split."""

    def scored(self, predictor: Any, split: str) -> Report:
        """Return the report on a split."""
        return predictor.score(self.splits[split], what=f"scoring {split}")

    def scored_on(self, predictor: Any, corpus: Any, split: str) -> Report:
        """Return the report on a split of another corpus."""
        return replace(self, corpus=corpus).scored(predictor, split)  # type: ignore[call-arg]

    @abstractmethod
    def figures(self, report: Report) -> str:
        """Return the figures of a report that fit on one line."""

    @abstractmethod
    def baseline(self, split: str) -> Baseline | None:
        """Return the score of a cheap model of the same data on a split; None if the model is that one itself."""

    @abstractmethod
    def example(self, predictor: Any) -> str:
        """Return an example of the model's answers, to be printed when training ends; "" if there is none."""

    @abstractmethod
    def use(self) -> str:
        """Return the command that uses the model, with MODEL in place of its path."""

    def compared(self, report: Report | None) -> Headline:
        """Return the metric by which two models, whose tokens may differ, are compared; `report` is this model's."""
        return self.headline

    def closing(self, run: Run) -> None:
        """Score the kept model and a baseline; write the scores to the model file; print an example and next
        commands."""
        for record in (r for split in self.splits.values() for r in split) if self.tuned else ():
            record.states = None  # computed by the readers before they were trained
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
            console.say("neither a valid nor a test split: neither the model nor a baseline was scored")
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
        """Return the lines of --dry-run: sizes, and the shapes of a batch."""

    def activations(self) -> float:
        """Return roughly how many numbers a batch keeps for its gradients."""
        return 0.0


def without_stdin(recipe: Recipe, kept: Path) -> Recipe:
    """Return a recipe that reads the cached copy of its data, as standard input cannot be read again."""
    if recipe.data.train not in ("-", ["-"]):
        return recipe
    return replace(recipe, data=recipe.data.model_copy(update={"train": str(kept)}))


def adapted(recipe: Recipe, start: Artifact | None, kept: tuple[str, ...], also: str) -> Recipe:
    """Return the recipe to fine-tune `start` with: the stored model's shape, but the recipe's own values of the keys
    of `model` in `kept`. Without `start`, the recipe is unchanged."""
    if start is None:
        return recipe
    stored = start.header["model"]
    if stored["kind"] != recipe.model.kind:
        raise UsageError(f"{start.path} is of the kind {stored['kind']}; the recipe asks for {recipe.model.kind}")
    own = recipe.model.model_dump(mode="json")
    mine = {k: v for k, v in own.items() if k in kept}
    shape = {k: v for k, v in stored.items() if k not in mine}
    usual = {k: f.get_default(call_default_factory=True) for k, f in type(recipe.model).model_fields.items()}
    unsaid = {"reader"} if not own.get("reader") else set()  # the model keeps its reader unless another one is given
    said = [k for k in {**shape, **own} if k not in mine and k not in unsaid]
    if odd := [k for k in said if own.get(k) != stored.get(k, usual.get(k))]:
        console.warn(f"taken from {start.path} instead of the recipe: model.{', model.'.join(odd)}, and {also}")
    if getattr(recipe.data, "vectors", None):
        console.warn("data.vectors is not read: the model that is fine-tuned keeps its own vectors")
    return replace(recipe, model=type(recipe.model)(**shape, **mine))


def beginning(recipe: Recipe, vocabulary: Any, start: Artifact | None, growth: Growth | None = None) -> Any:
    """Return the model that training begins with: the one to fine-tune, grown if `growth` is given, or one with fresh
    weights; None for a counted kind."""
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
    """Return a model that trains its reader's language models too, if the recipe asks for it."""
    return replace(model, readers=reader.models) if reader and train and train.reader_rate else model


def grows(start: Artifact | None, former: Former | None) -> bool:
    """Whether the model to fine-tune is to grow."""
    return start is not None and former is not None and former.grow


def without_vectors(recipe: Recipe) -> Recipe:
    """Return a recipe that reads no word vectors, as a model that is fine-tuned keeps its own."""
    return replace(recipe, data=recipe.data.model_copy(update={"vectors": None}))


def say_lacking(former: Former | None, added: Mapping[str, Sequence[str]]) -> None:
    """Print what in the training split the model to fine-tune does not know, and how to add it."""
    if former is not None and (what := told({k: v for k, v in added.items() if "label" not in k})):
        console.say(f"{former.name} does not know {what} of the training split: --grow adds them")
