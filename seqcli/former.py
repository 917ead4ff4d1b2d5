"""The model that a run began from (`--init-from`): what it was trained on, what it scores, what a file says of it."""

from __future__ import annotations

import os
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
from seqcli.recipe.schema import Recipe
from seqcli.report import Report
from seqcli.runs import Run
from seqcli.scoring import recipe_of

ORIGIN = "origin"  # of a header


@dataclass(frozen=True)
class Former:
    """A model that a run begins from, or began from, and whether it is to grow."""

    stored: Artifact
    grow: bool = False

    @classmethod
    def again(cls, header: Mapping[str, Any], run: Run) -> Former | None:
        """That of a run which goes on; None where there is none, or its file is no longer there, which is said."""
        if ORIGIN not in header:
            return None
        about = header[ORIGIN]
        path = Path(os.path.normpath(run.path.resolve() / about["file"]))
        try:
            stored = artifact.read(path)
        except SeqcliError as error:
            console.warn(f"the model that this run began from: {error.message}")
            return None
        if stored.header["checksum"] != about["checksum"]:
            console.warn(f"{path} is not the model that this run began from any more")
            return None
        return cls(stored)

    @property
    def name(self) -> str:
        """What it is called: its run's folder, or its file."""
        path = Path(self.stored.path)
        return path.parent.name if path.name == "model.safetensors" and path.parent.name else path.name

    def header(self, run: Run, added: Mapping[str, Any]) -> dict[str, Any]:
        """What the file of a run says of it: name, checksum, where it is from there, how many rows were added."""
        path = Path(os.path.relpath(Path(self.stored.path).resolve(), run.path.resolve())).as_posix()
        own = {"name": self.name, "checksum": self.stored.header["checksum"], "file": path}
        return {
            **own,
            "data": self.stored.header["data"]["name"],
            "added": {k: len(v) for k, v in added.items() if v},
        }

    @cached_property
    def recipe(self) -> Recipe:
        """Its recipe. Raises SeqcliError where that is no longer valid."""
        return recipe_of(self.stored.header, Path(self.stored.path))

    @cached_property
    def corpus(self) -> Any:
        """The data that it was trained on, as they are now. Raises SeqcliError where they are gone."""
        how = {} if self.recipe.frames is None else {"numbers": True}
        return self._data.open_corpus(self.recipe.data, self.recipe.base, **how)

    @property
    def _data(self) -> Any:
        return registry.load(f"tasks/{self.stored.header['task']}", "data")

    def same(self, split: str) -> bool:
        """Whether a split of its data is the one that it was made with."""
        about = self.stored.header["data"]["splits"].get(split, {})
        return about.get("sha256") == self.corpus.sha256(split, self.stored.header)

    def training(self, spec: Mapping[str, Any], base: Path) -> tuple[str, Any]:
        """The name and the records of what `data.replay` says: files, or what the model was trained on. Raises
        SeqcliError."""
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
        """What reads the texts that it was trained on, by how they are read of its corpus; None where those are gone,
        or others."""
        try:
            return (lambda: read(self.corpus)) if self.same("train") else None
        except SeqcliError:
            return None

    @cached_property
    def predictor(self) -> Any:
        """It itself, in use."""
        return registry.load(f"tasks/{self.stored.header['task']}", "predict").Predictor.open(self.stored)


def replaying(corpus: Any, recipe: Recipe, former: Former | None) -> Any:
    """A corpus with what is replayed as a further split, where the recipe says so. Raises SeqcliError."""
    if (spec := recipe.data.replay) is None:
        return corpus
    if former is None:
        raise UsageError(
            "data.replay: the model that the run begins from says how earlier data are read, and there is none",
            hint="give --init-from MODEL; of a run that goes on, put the model that it began from back",
        )
    return corpus.replaying(*former.training(spec, recipe.base))


Scored = Callable[[Any, Any, str], Report]  # a predictor, a corpus, a split


def before_and_after(
    former: Former, corpus: Any, reports: Mapping[str, Report], predictor: Any, scored: Scored, headline: Headline
) -> dict[str, Any]:
    """Score the model that a run began from and the one that it made, on the old data and on the new; say it as a
    table; what the file keeps of it. `reports` are those of the new model on its own data."""
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
    """The split that a table shows: test, else valid; "" where there is neither."""
    return next((split for split in reversed(JUDGED) if split in splits), "")


def _same(former: Former, old: Any, corpus: Any, split: str) -> bool:
    """Whether a split of the old data is one of the new."""
    header = former.stored.header
    return split in corpus.splits and old.sha256(split, header) == corpus.sha256(split, header)


def _figure(what: str, metric: str, scored: Callable[[], Report]) -> float | None:
    """A score, or None where it cannot be measured, which is said."""
    try:
        return scored().metrics.get(metric)
    except SeqcliError as error:
        console.warn(f"{what} cannot be scored: {error.message}")
        return None


def _table(name: str, columns: Mapping[str, Mapping[str, Any]], headline: Headline) -> str:
    """Before and after, a line each."""
    heads = [f"{kind} ({own['data']})" for kind, own in columns.items()]
    first = [headline.metric, f"before ({name})", "after"]
    wide = max(map(len, first))
    lines = [f"{first[0]:<{wide}}  {'  '.join(heads)}"]
    for title, key in zip(first[1:], ("before", "after"), strict=True):
        figures = ["-" if own[key] is None else f"{own[key]:{headline.digits}}" for own in columns.values()]
        cells = [f"{figure:>{len(head)}}" for figure, head in zip(figures, heads, strict=True)]
        lines.append(f"{title:<{wide}}  {'  '.join(cells)}")
    return "\n  ".join(lines)
