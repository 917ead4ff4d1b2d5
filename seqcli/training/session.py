"""A training run from recipe to report: data, tokenizer, model, loop, scores, baseline."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from seqcli import artifact, console, registry, runs, tokenizers
from seqcli.datasets.text import Corpus, open_corpus
from seqcli.errors import SeqcliError, UsageError
from seqcli.recipe.schema import Recipe
from seqcli.runs import Run
from seqcli.training import report

FIXED = ("batch_size", "sequence_length", "accumulate", "optimizer", "seed", "device")  # keys a resumed run keeps


@dataclass(frozen=True)
class Options:
    """What the command line adds to a recipe."""

    name: str | None = None
    resume: bool = False
    overwrite: bool = False
    init_from: str | None = None
    dry_run: bool = False
    command: Sequence[str] = ()  # as typed, for the line that resumes


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
        return {f"tokenizer.{n}": a for n, a in self.tokenizer.arrays().items()}


def train(recipe: Recipe, options: Options) -> int:
    """Carry out a recipe; the exit status. Raises SeqcliError."""
    counted = registry.load("models", recipe.model.kind).TRAINED == "counted"
    if counted and (options.resume or options.init_from):
        raise UsageError(
            f"a {recipe.model.kind} model is counted in one pass: there is nothing to resume or start from"
        )
    run = Run(runs.ROOT / (options.name or recipe.name))
    if not options.dry_run:
        run.claim(overwrite=options.overwrite, resume=options.resume)
    session = prepare(recipe, run, options)
    if options.dry_run:
        report.dry_run(session)
        return 0
    if not options.resume:
        _write_recipe(session)
    report.opening(session)
    status = _count(session) if counted else _descend(session, options)
    if status == 0:
        report.closing(session)
    return status


def prepare(recipe: Recipe, run: Run, options: Options) -> Session:
    """Data, tokenizer and model of a run. Raises SeqcliError."""
    saved = artifact.read(run.last) if options.resume else None
    start = runs.open_model(options.init_from, "generate") if options.init_from else None
    corpus = open_corpus(recipe.data, recipe.base)
    tokenizer = _tokenizer(recipe, corpus, saved or start)
    ids = {split: corpus.tokens(split, tokenizer) for split in corpus.splits}
    kind = registry.load("models", recipe.model.kind)
    model, config = None, recipe.model
    if kind.TRAINED == "gradient":
        if start:
            config = _architecture(recipe, start)
        assert recipe.train is not None
        model = kind.Model.create(config, tokenizer.size, np.random.default_rng(recipe.train.seed))
        if start:
            model = kind.Model.restore(config, tokenizer.size, start.part("model"))
        from seqcli.training import device

        recipe = replace(recipe, train=device.resolve(recipe.train, config.hidden), model=config)
    header = {
        "kind": "model",
        "task": recipe.task,
        "model": config.model_dump(mode="json"),
        "recipe": recipe.to_dict(),
        "tokenizer": tokenizer.header(),
        "vocabulary": tokenizer.size,
        "data": corpus.facts(),
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    if saved:
        _same_run(saved.header, header, run)
        header["created"] = saved.header["created"]
    return Session(recipe, run, corpus, tokenizer, ids, model, header, saved)


def _tokenizer(recipe: Recipe, corpus: Corpus, stored: artifact.Artifact | None) -> tokenizers.BaseTokenizer:
    """The stored tokenizer of a run that goes on, else one learnt from the training split alone."""
    if stored:
        return tokenizers.from_artifact(stored)
    kind = registry.load("tokenizers", recipe.tokenizer.kind)
    return kind.Tokenizer.learn(corpus.texts("train", "learning the vocabulary"), recipe.tokenizer)


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


def _same_run(old: dict[str, Any], new: dict[str, Any], run: Run) -> None:
    """Raise UsageError where a recipe is not the one that the run began with, but for what may change."""
    odd = [
        f"{section}.{key}"
        for section in ("model", "tokenizer", "train")
        for key, value in (new["recipe"].get(section) or {}).items()
        if (old["recipe"].get(section) or {}).get(key) != value and (section != "train" or key in FIXED)
    ]
    if odd:
        raise UsageError(
            f"{run.path} was begun with another recipe: {', '.join(odd)}",
            hint="give the values it began with (runs keep theirs in recipe.yaml), or begin a new run with --name",
        )
    before, now = old["data"]["splits"], new["data"]["splits"]
    if before != now:
        changed = ", ".join(s for s in before.keys() | now.keys() if before.get(s) != now.get(s))
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
    with console.progress("counting", len(ids) * config.order, unit=" tokens") as advance:
        model = kind.Model.fit(ids, session.tokenizer.size, config, advance)
    arrays = {f"model.{n}": a for n, a in model.arrays().items()}
    artifact.write(session.run.model, {**session.header, "scores": {}}, arrays | session.tokenizer_arrays)
    return 0


def _descend(session: Session, options: Options) -> int:
    """Train by gradient descent; nonzero where a signal ended it."""
    from seqcli.training.display import Display
    from seqcli.training.interrupt import Interrupt
    from seqcli.training.loop import Trainer

    assert session.recipe.train is not None
    trainer = Trainer(
        session.model, session.recipe.train, session.ids, session.run, session.header, session.tokenizer_arrays
    )
    if session.saved:
        trainer.load(session.saved)
        console.say(f"resumed at step {trainer.progress.step:,}, epoch {trainer.epochs_done:.2f}")
        if trainer.done():
            console.say("the run is finished; to go on, raise its budget, as in --resume --set train.epochs=20")
    with Interrupt() as interrupt, Display("valid" in session.ids) as display:
        trainer.fit(display, interrupt)
    if interrupt.wanted:
        command = [c for c in options.command if c not in ("--resume", "--overwrite")]
        console.say(
            f"saved at step {trainer.progress.step:,}; go on with: {' '.join(['seqcli', *command, '--resume'])}"
        )
        return interrupt.status
    report.training(trainer.progress, session)
    return 0
