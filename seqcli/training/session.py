"""A training run from recipe to report: data, tokenizer, model, loop, scores, baseline."""

from __future__ import annotations

import datetime
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from seqcli import artifact, console, registry, runs, tokenizers
from seqcli.datasets._streams import Streams
from seqcli.datasets.text import Corpus, open_corpus
from seqcli.errors import SeqcliError, UsageError
from seqcli.recipe.schema import Recipe
from seqcli.runs import Run
from seqcli.training import report

FIXED = (
    "batch_size",
    "sequence_length",
    "accumulate",
    "optimizer",
    "momentum",
    "seed",
    "device",
)  # keys a resumed run keeps

COUNT_BYTES = 75  # of memory a token takes to be counted, at most


@dataclass(frozen=True)
class Options:
    """What the command line adds to a recipe."""

    name: str | None = None
    resume: bool = False
    overwrite: bool = False
    init_from: str | None = None
    dry_run: bool = False


@dataclass
class Session:
    """All parts of a run, made ready."""

    recipe: Recipe
    run: Run
    corpus: Corpus
    tokenizer: tokenizers.BaseTokenizer
    ids: dict[str, np.ndarray]
    model: Any  # an untrained model, or None for a counted one
    header: dict[str, Any]
    saved: artifact.Artifact | None  # the checkpoint to resume from

    @property
    def tokenizer_arrays(self) -> dict[str, np.ndarray]:
        return tokenizers.to_artifact(self.tokenizer)[1]


def train(recipe: Recipe, options: Options) -> int:
    """Carry out a recipe; the exit status. Raises SeqcliError."""
    counted = registry.load("models", recipe.model.kind).TRAINED == "counted"
    if counted and (options.resume or options.init_from):
        raise UsageError(
            f"a {recipe.model.kind} model is counted in one pass: there is nothing to resume or start from"
        )
    own = recipe.base.resolve().name if recipe.name == "recipe" else recipe.name  # a run's own recipe.yaml
    run = Run(runs.folder(own if options.name is None else options.name))
    if not options.dry_run:
        run.claim(overwrite=options.overwrite, resume=options.resume)
    session = prepare(recipe, run, options)
    if options.dry_run:
        report.dry_run(session)
        return 0
    trainer = None if counted else _trainer(session)
    if trainer:  # a kernel may have refused the precision
        session.recipe = replace(session.recipe, train=trainer.config)
    if options.overwrite:  # not before everything is ready: a mistake must not cost the run that is there
        run.clear()
    _write_recipe(session)  # on resume too: what was overridden now holds from now on
    report.opening(session)
    status = _descend(session, trainer) if trainer else _count(session)
    if status == 0:
        report.closing(session)
    return status


def prepare(recipe: Recipe, run: Run, options: Options) -> Session:
    """Data, tokenizer and model of a run. Raises SeqcliError."""
    saved = artifact.read(run.last) if options.resume and run.last.exists() else None
    start = runs.open_model(options.init_from, "generate") if options.init_from else None
    corpus = open_corpus(recipe.data, recipe.base)
    if recipe.data.train in ("-", ["-"]):  # the copy in the cache: standard input cannot be read again
        recipe = replace(recipe, data=recipe.data.model_copy(update={"train": str(corpus.splits["train"][0].path)}))
    if saved:
        _same_data(saved.header, corpus, run)
    tokenizer = _tokenizer(recipe, corpus, saved or start)
    if start:
        recipe = replace(recipe, tokenizer=_config_of_tokenizer(start))
    ids = {split: corpus.tokens(split, tokenizer) for split in corpus.splits}
    for split in ids.keys() - {"train"}:
        if len(ids[split]) < 2:
            raise SeqcliError(f"the {split} split has fewer than two tokens", hint="give it a larger share")
    kind = registry.load("models", recipe.model.kind)
    model, config = None, recipe.model
    if kind.TRAINED == "gradient":
        if start:
            config = _architecture(recipe, start)
        assert recipe.train is not None
        Streams(ids["train"], recipe.train.batch_size, recipe.train.sequence_length, 0)  # raises for too short a text
        if start:
            model = kind.Model.restore(config, tokenizer.size, start.part("model"))
        else:
            model = kind.Model.create(config, tokenizer.size, np.random.default_rng(recipe.train.seed))
        from seqcli.training import device

        recipe = replace(recipe, train=device.resolve(recipe.train, config.hidden), model=config)
    header = {
        "kind": "model",
        "task": recipe.task,
        "model": config.model_dump(mode="json"),
        "recipe": _portable(recipe.to_dict()),
        "tokenizer": tokenizer.header(),
        "vocabulary": tokenizer.size,
        "data": corpus.facts(),
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    if saved:
        _same_recipe(saved.header, header, run)
        header |= {key: saved.header[key] for key in ("created", "data")}
        header["recipe"]["data"] = saved.header["recipe"]["data"]  # the same text, wherever it is now resumed from
    return Session(recipe, run, corpus, tokenizer, ids, model, header, saved)


def _tokenizer(recipe: Recipe, corpus: Corpus, stored: artifact.Artifact | None) -> tokenizers.BaseTokenizer:
    """The stored tokenizer of a run that goes on, else one learnt from the training split alone."""
    if stored:
        return tokenizers.from_artifact(stored)
    kind, config = registry.load("tokenizers", recipe.tokenizer.kind), recipe.tokenizer
    if path := getattr(config, "path", None):  # like all paths of a recipe, relative to it
        config = config.model_copy(update={"path": str(recipe.base / path)})
    return kind.Tokenizer.learn(corpus.texts("train", "learning the vocabulary"), config)


def _architecture(recipe: Recipe, start: artifact.Artifact) -> Any:
    """The configuration to fine-tune with: the stored one's shape, the recipe's dropout."""
    stored = start.header["model"]
    if stored["kind"] != recipe.model.kind:
        raise UsageError(f"{start.path} is a {stored['kind']} model; the recipe asks for {recipe.model.kind}")
    own = recipe.model.model_dump(mode="json")
    kept = {k: v for k, v in own.items() if k in ("dropout", "variational", "weight_drop")}
    shape = {k: v for k, v in stored.items() if k not in kept}
    if odd := [k for k, v in shape.items() if own.get(k) != v]:
        console.warn(
            f"taken from {start.path} instead of the recipe: model.{', model.'.join(odd)}, and the tokenizer"
        )
    return type(recipe.model)(**shape, **kept)


def _config_of_tokenizer(start: artifact.Artifact) -> Any:
    """The configuration that a model's tokenizer was learnt with."""
    stored = start.header["recipe"]["tokenizer"]
    return registry.load("tokenizers", stored["kind"]).Config(**stored)


def _portable(recipe: dict[str, Any]) -> dict[str, Any]:
    """A recipe as a model file holds it: of an absolute path only the file's name, for it is given away."""

    def shorten(value: Any) -> Any:
        if isinstance(value, list):
            return [shorten(v) for v in value]
        return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value

    sections = ("data", "tokenizer")
    return {s: {k: shorten(v) for k, v in part.items()} if s in sections else part for s, part in recipe.items()}


def _same_recipe(old: dict[str, Any], new: dict[str, Any], run: Run) -> None:
    """Raise UsageError where a recipe is not the one that the run began with, but for what may change."""
    odd = [
        f"{section}.{key}"
        for section in ("model", "tokenizer", "train")
        for key, value in (new["recipe"].get(section) or {}).items()
        if (old["recipe"].get(section) or {}).get(key) != value
        and (section != "train" or key in FIXED)
        and (section, key)
        != ("tokenizer", "path")  # the tokenizer itself is kept; its file may be called from elsewhere
    ]
    if odd:
        raise UsageError(
            f"{run.path} was begun with another recipe: {', '.join(odd)}",
            hint=f"go on with its own: {_resume(run)}\nor begin a new run with --name",
        )


def _same_data(old: dict[str, Any], corpus: Corpus, run: Run) -> None:
    """Raise SeqcliError where a split is not the text that the run began with."""
    before, now = old["data"]["splits"], corpus.facts()["splits"]
    if before != now:
        changed = ", ".join(sorted(s for s in before.keys() | now.keys() if before.get(s) != now.get(s)))
        raise SeqcliError(
            f"the data has changed since {run.path} began: {changed}", hint="begin a new run with --name"
        )


def _write_recipe(session: Session) -> None:
    """The resolved recipe, its paths made relative to the run's folder."""
    from seqcli.recipe.dump import dump_yaml
    from seqcli.recipe.paths import rebase

    with artifact.replacing(session.run.recipe) as file:
        text = dump_yaml(rebase(session.recipe, session.run.path))
        file.write(f"# seqcli train {session.run.recipe.as_posix()}\n{text}".encode())


def _count(session: Session) -> int:
    """Fit a counted model in one pass."""
    kind = registry.load("models", session.recipe.model.kind)
    ids, config = session.ids["train"], session.recipe.model
    if (need := len(ids) * COUNT_BYTES) > 4e9:
        console.warn(f"counting {console.count(len(ids))} tokens takes about {need / 1e9:.0f} GB of memory")
    with console.progress("counting", len(ids) * config.order, unit=" tokens") as advance:
        model = kind.Model.fit(ids, session.tokenizer.size, config, advance)
    arrays = {f"model.{n}": a for n, a in model.arrays().items()}
    artifact.write(session.run.model, {**session.header, "scores": {}}, arrays | session.tokenizer_arrays)
    return 0


def _resume(run: Run) -> str:
    """The command that goes on with a run: by its own recipe, where every key has the value it began with."""
    return f"seqcli train {shlex.quote(run.recipe.as_posix())} --resume"


def _trainer(session: Session) -> Any:
    """The training loop, put back to where the run was saved."""
    from seqcli.training.loop import Trainer

    train = session.recipe.train
    assert train is not None
    trainer = Trainer(session.model, train, session.ids, session.run, session.header, session.tokenizer_arrays)
    session.recipe = replace(session.recipe, train=trainer.config)
    if session.saved:
        trainer.load(session.saved)
    return trainer


def _descend(session: Session, trainer: Any) -> int:
    """Train by gradient descent; nonzero where a signal ended it."""
    from seqcli.training.display import Display
    from seqcli.training.interrupt import Interrupt

    if session.saved:
        console.say(f"resumed at step {trainer.progress.step:,}, epoch {trainer.epochs_done:.2f}")
        if trainer.done():
            key = "patience" if trainer.share < 1 else "epochs"
            console.say(f"the run is finished; to go on, raise its limits, as in --resume --set train.{key}=20")
    with Display("valid" in session.ids) as display, Interrupt(display.notice) as interrupt:
        trainer.fit(display, interrupt)
    if interrupt.wanted:
        console.say(f"saved at step {trainer.progress.step:,}; go on with: {_resume(session.run)}")
        return interrupt.status
    report.training(trainer.progress, session)
    return 0
