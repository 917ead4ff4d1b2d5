"""The model that a run began from (`--init-from`): its data, its scores, and what the run's file records of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from seqcli import artifact, console, registry
from seqcli.artifact import Artifact
from seqcli.closing import JUDGED, Headline
from seqcli.datasets.reading import Reading
from seqcli.datasets.sources import describe, locate
from seqcli.errors import SeqcliError, UsageError
from seqcli.recipe.paths import relative
from seqcli.recipe.schema import Recipe
from seqcli.report import Report
from seqcli.runs import Run
from seqcli.scoring import recipe_of

ORIGIN = "origin"  # its key in a header


@dataclass(frozen=True)
class Former:
    """The model that a run begins or began from, and whether it is to grow."""

    stored: Artifact
    grow: bool = False

    @classmethod
    def again(cls, header: Mapping[str, Any], run: Run) -> Former | None:
        """Return the former model of a run that is resumed; None if it had none, or, with a warning, if the file is
        gone or has changed."""
        if ORIGIN not in header:
            return None
        about = header[ORIGIN]
        path = (run.path / about["file"]).resolve()
        try:
            stored = artifact.read(path)
        except SeqcliError as error:
            console.warn(f"the model that this run began from: {error.message}")
            return None
        if stored.header["checksum"] != about["checksum"]:
            console.warn(f"{path} is no longer the model that this run began from")
            return None
        return cls(stored)

    @property
    def name(self) -> str:
        """The name of its run folder, or of its file."""
        path = Path(self.stored.path)
        return path.parent.name if path.name == "model.safetensors" and path.parent.name else path.name

    def header(self, run: Run, added: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a run's header records of it: name, checksum, path relative to the run, how many rows were
        added."""
        path = relative(Path(self.stored.path), run.path)
        own = {"name": self.name, "checksum": self.stored.header["checksum"], "file": path}
        return {
            **own,
            "data": self.stored.header["data"]["name"],
            "added": {k: len(v) for k, v in added.items() if v},
        }

    @cached_property
    def recipe(self) -> Recipe:
        """Its recipe. Raises SeqcliError if that is no longer valid."""
        return recipe_of(self.stored.header, Path(self.stored.path))

    @cached_property
    def corpus(self) -> Any:
        """The data that it was trained on, as they are now. Raises SeqcliError if they are gone."""
        how = {} if self.recipe.frames is None else {"numbers": True}
        return self._data.open_corpus(self.recipe.data, self.recipe.base, **how)

    @property
    def _data(self) -> Any:
        return registry.load(f"tasks/{self.stored.header['task']}", "data")

    def same(self, split: str) -> bool:
        """Whether a split of its data is unchanged since it was trained."""
        about = self.stored.header["data"]["splits"].get(split, {})
        return about.get("sha256") == self.corpus.sha256(split, self.stored.header)

    def training(self, spec: Mapping[str, Any], base: Path) -> tuple[str, Any]:
        """Return the name and the records of the data to replay: the files that `data.replay` names, else its own
        training data. Raises SeqcliError if they cannot be read or have changed."""
        if files := spec["train"]:
            read = getattr(self._data, "read_replayed", self._data.read_scored)
            return describe(files), read(self.stored.header, locate(files, base), Reading())
        hint = "say where they are now: data.replay: {share: 0.25, train: FILES}"
        try:
            corpus = self.corpus
        except SeqcliError as error:
            raise SeqcliError(
                f"data.replay: the data of {self.name} cannot be read: {error.message}", hint=hint
            ) from None
        if not self.same("train"):
            raise SeqcliError(
                f"data.replay: the training data of {self.name} have changed since it was trained", hint=hint
            )
        return corpus.name, corpus.splits["train"]

    def texts(self, read: Callable[[Any], Iterable[str]]) -> Callable[[], Iterable[str]] | None:
        """Return a function that reads its training texts by applying `read` to its corpus; None if its training data
        are gone or have changed."""
        try:
            return (lambda: read(self.corpus)) if self.same("train") else None
        except SeqcliError:
            return None

    @cached_property
    def predictor(self) -> Any:
        """The model, opened as a predictor."""
        return registry.load(f"tasks/{self.stored.header['task']}", "predict").Predictor.open(self.stored)


def replaying(corpus: Any, recipe: Recipe, former: Former | None) -> Any:
    """Return a corpus with the replayed records as a further split, if the recipe asks for that. Raises
    SeqcliError."""
    if (spec := recipe.data.replay) is None:
        return corpus
    if former is None:
        raise UsageError(
            "data.replay needs the model that the run begins from, to know how earlier data are read",
            hint="give --init-from MODEL; to resume a run, put back the model that it began from",
        )
    return corpus.replaying(*former.training(spec, recipe.base))


Scored = Callable[[Any, Any, str], Report]  # a predictor, a corpus, a split


def before_and_after(
    former: Former, corpus: Any, reports: Mapping[str, Report], predictor: Any, scored: Scored, headline: Headline
) -> dict[str, Any]:
    """Score the model that a run began from and the one that it made, on the old data and on the new; print a table
    and return what the model file keeps of it. `reports` are those of the new model on its own data."""
    metric, columns = headline.metric, {}
    if split := _judged(reports):
        columns["new"] = {
            "data": corpus.called(split),
            "before": _figure("the new data", metric, lambda: scored(former.predictor, corpus, split)),
            "after": reports[split].metrics.get(metric),
        }
    try:
        old = former.corpus
        if (split := _judged(old.splits)) and not _same(former, old, corpus, split):
            own: Any = (
                former.stored.header.get("scores", {}).get(split, {}).get(metric) if former.same(split) else None
            )
            if own is None:
                own = _figure("the old data", metric, lambda: scored(former.predictor, old, split))
            after = _figure("the old data", metric, lambda: scored(predictor, old, split))
            columns = {"old": {"data": old.called(split), "before": own, "after": after}, **columns}
    except SeqcliError as error:
        console.warn(f"the data of {former.name} are not scored again: {error.message}")
    if columns:
        console.say(_table(former.name, columns, headline))
    return {kind: {**own, "metric": metric} for kind, own in columns.items()}


def _judged(splits: Mapping[str, Any]) -> str:
    """Return the split that the table shows: test, else valid, else ""."""
    return next((split for split in reversed(JUDGED) if split in splits), "")


def _same(former: Former, old: Any, corpus: Any, split: str) -> bool:
    """Whether a split has the same data in the old corpus and the new one."""
    header = former.stored.header
    return split in corpus.splits and old.sha256(split, header) == corpus.sha256(split, header)


def _figure(what: str, metric: str, scored: Callable[[], Report]) -> float | None:
    """Return a score, or None, with a warning, if it cannot be measured."""
    try:
        return scored().metrics.get(metric)
    except SeqcliError as error:
        console.warn(f"{what} cannot be scored: {error.message}")
        return None


def _table(name: str, columns: Mapping[str, Mapping[str, Any]], headline: Headline) -> str:
    """Return the table: a line for the scores before, one for those after."""
    heads = [f"{kind} ({own['data']})" for kind, own in columns.items()]
    first = [headline.metric, f"before ({name})", "after"]
    wide = max(map(len, first))
    lines = [f"{first[0]:<{wide}}  {'  '.join(heads)}"]
    for title, key in zip(first[1:], ("before", "after"), strict=True):
        figures = ["-" if own[key] is None else f"{own[key]:{headline.digits}}" for own in columns.values()]
        cells = [f"{figure:>{len(head)}}" for figure, head in zip(figures, heads, strict=True)]
        lines.append(f"{title:<{wide}}  {'  '.join(cells)}")
    return "\n  ".join(lines)
