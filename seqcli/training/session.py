"""A training run from recipe to report: the steps that all tasks share."""

from __future__ import annotations

import datetime
import shlex
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seqcli import artifact, console, registry, runs
from seqcli.datasets.replay import SPLIT as REPLAY
from seqcli.errors import SeqcliError, UsageError
from seqcli.former import ORIGIN, Former
from seqcli.recipe.dump import dump_yaml
from seqcli.recipe.paths import portable, rebase
from seqcli.recipe.schema import SECTIONS, Recipe
from seqcli.runs import Run
from seqcli.task import BaseTask
from seqcli.training import report
from seqcli.training.group import Group

FIXED = (  # keys of `train` that a resumed run keeps
    *("batch_size", "batch_tokens", "sequence_length", "accumulate", "optimizer", "momentum", "average", "watch"),
    *("seed", "device", "vary_length", "partial_shuffle", "reader_rate"),
)
LABELS = (  # keys of `data` that a resumed run keeps: how records and labels are made from it
    *("longest", "ratio", "scheme", "restore", "multi_label", "phrases", "replay"),
)


@dataclass(frozen=True)
class Options:
    """The command-line options that accompany a recipe."""

    name: str | None = None
    resume: bool = False
    overwrite: bool = False
    init_from: str | None = None
    dry_run: bool = False
    tensorboard: bool = False
    grow: bool = False


@dataclass
class Session:
    """The prepared parts of a run."""

    recipe: Recipe
    run: Run
    task: BaseTask
    header: dict[str, Any]
    saved: artifact.Artifact | None  # the checkpoint to resume from
    group: Group  # the processes that train


def check(recipe: Recipe, options: Options, processes: int) -> tuple[Run, bool]:
    """Return the run's folder, and whether the model is counted in one pass. Raises UsageError for options that do
    not apply."""
    kind = recipe.model.kind
    counted = registry.load("models", kind).TRAINED == "counted"
    if counted and (options.resume or options.init_from):
        raise UsageError(f"a {kind} model is counted in one pass: there is nothing to resume or start from")
    if options.grow and not options.init_from:
        raise UsageError("--grow needs a model to grow", hint="name it with --init-from MODEL")
    if counted and processes > 1:
        raise UsageError(
            f"a {kind} model is not trained by gradients: several processes cannot share its work",
            hint="train it in one process, without --processes or torchrun",
        )
    if processes > 1 and recipe.data.train in ("-", ["-"]):
        raise UsageError("data.train: only one process can read standard input; name a file")
    own, beside = recipe.name, Run(recipe.base)
    if own == "recipe":  # a run's own recipe.yaml
        if options.resume and options.name is None and beside.exists():
            return beside, counted  # wherever its folder stands
        own = recipe.base.resolve().name
    return Run(runs.folder(own if options.name is None else options.name)), counted


def train(recipe: Recipe, options: Options, group: Group | None = None) -> int:
    """Carry out a recipe and return the exit status. Raises SeqcliError."""
    group = group or Group()
    run, counted = check(recipe, options, group.size)
    if options.dry_run:
        if group.first:
            report.dry_run(prepare(recipe, run, options, group))
        return 0
    with run.claimed(overwrite=options.overwrite, resume=options.resume) if group.first else nullcontext():
        return _carry_out(prepare(recipe, run, options, group), options, counted)


def _carry_out(session: Session, options: Options, counted: bool) -> int:
    run, group = session.run, session.group
    trainer = None if counted else _trainer(session)
    group.same([session.header["data"], _settings(session), trainer and trainer.progress.step])
    if options.tensorboard and counted:
        raise UsageError(f"--tensorboard: a {session.recipe.model.kind} model is counted in one pass")
    if options.overwrite and group.first:  # only once all is ready: a mistake must not cost the existing run
        run.clear()
    if options.tensorboard and trainer and group.first:
        from seqcli.training.board import Board

        trainer.board = Board(run, trainer.progress.step)
    if group.first:
        _write_recipe(session)  # on resume too: overrides hold from now on
    report.opening(session)
    status = _descend(session, trainer) if trainer else _count(session)
    if not group.first:
        return 0  # the first may still be writing: an error here would end it
    if status == 0:
        session.task.closing(run)
        print(run.model.as_posix())
    return status


def _settings(session: Session) -> dict[str, Any]:
    """Return the recipe without the keys that may differ between machines."""
    sections = session.header["recipe"]
    return {**sections, "train": {k: v for k, v in (sections.get("train") or {}).items() if k != "threads"}}


def prepare(recipe: Recipe, run: Run, options: Options, group: Group | None = None) -> Session:
    """Prepare the data, vocabulary and model of a run. Raises SeqcliError."""
    group = group or Group()
    saved = artifact.read(run.last) if options.resume and run.last.exists() else None
    verb = registry.load("models", recipe.model.kind).VERBS[0]
    verb = "eval" if getattr(recipe.data, "reversed", False) else verb  # such a model writes nothing
    needs = f"--init-from needs a model for {recipe.task}"
    start = runs.open_model(options.init_from, verb, needs) if options.init_from else None
    if start and options.overwrite and Path(start.path).resolve().parent == run.path.resolve():
        raise UsageError(
            f"--overwrite would remove {start.path}, from which the run starts", hint="give another --name"
        )
    former = Former(start, options.grow) if start else Former.again(saved.header, run) if saved else None
    task = registry.load(f"tasks/{recipe.task}", "train").Task.prepare(recipe, saved, start, former)
    task.former, recipe = former, task.recipe
    task.fresh = start is None and (saved is None or ORIGIN not in saved.header)
    if saved:
        _same_data(saved.header, task.header, run)
    if task.model is not None:
        from seqcli.training import averaging, device

        assert recipe.train is not None
        task.check_watched()
        task.check_depth()
        averaging.check(recipe.train, task)
        hidden = getattr(recipe.model, "hidden", getattr(recipe.model, "size", 0))
        if task.tuned:
            hidden = max(hidden, *(own.stack.output_size for own in task.model.readers))
        recipe = replace(recipe, train=device.resolve(recipe.train, hidden, group.local))
    header = {
        "kind": "model",
        "task": recipe.task,
        "model": recipe.model.model_dump(mode="json"),
        "recipe": portable(recipe.to_dict()),
        **task.header,
        **({ORIGIN: former.header(run, task.growth.added if task.growth else {})} if former else {}),
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    if saved:
        _same_recipe(saved.header, header, recipe, run)
        header |= {key: saved.header[key] for key in ("created", "data", ORIGIN) if key in saved.header}
        header["recipe"]["data"] = saved.header["recipe"]["data"]  # the same text, wherever the run is resumed
    return Session(recipe, run, task, header, saved, group)


def _same_recipe(old: dict[str, Any], new: dict[str, Any], recipe: Recipe, run: Run) -> None:
    """Raise UsageError if a key that a resumed run must keep has changed. A key that a later version added counts as
    having been at its default."""

    def before(section: str, key: str) -> Any:
        stored = old["recipe"].get(section) or {}
        if key == "replay" and stored.get(key):  # its files may have moved: `_same_data` compares contents
            return {**stored[key], "train": (new["recipe"][section][key] or {}).get("train")}
        if key in stored or section not in old["recipe"]:
            return stored.get(key)
        return type(getattr(recipe, section)).model_fields[key].get_default(call_default_factory=True)

    odd = [
        f"{section}.{key}"
        for section in SECTIONS[1:]
        for key, value in (new["recipe"].get(section) or {}).items()
        if before(section, key) != value
        and (section != "data" or key in LABELS)
        and (section != "train" or key in FIXED)
        and not (key == "path" and "tokenizer" in section)  # it is stored itself; its file may have moved
    ]
    if odd:
        raise UsageError(
            f"{run.path} was started with another recipe: {', '.join(odd)}",
            hint=f"continue with its own: {_resume(run)}\nor start a new run with --name",
        )


def _same_data(old: dict[str, Any], new: dict[str, Any], run: Run) -> None:
    """Raise SeqcliError if a split is not the text that the run started with."""
    before, now = (
        {split: {k: v for k, v in about.items() if k != "name"} for split, about in header["data"]["splits"].items()}
        for header in (old, new)  # the same text may have another name, as standard input does
    )
    if before != now:
        changed = ", ".join(sorted(s for s in before.keys() | now.keys() if before.get(s) != now.get(s)))
        lost = REPLAY in before and REPLAY not in now
        hint = "put the replayed data, or the model it belongs to, back" if lost else "start a new run with --name"
        raise SeqcliError(f"the data has changed since {run.path} started: {changed}", hint=hint)


def _write_recipe(session: Session) -> None:
    """Write the resolved recipe, with paths relative to the run's folder."""
    with artifact.replacing(session.run.recipe) as file:
        text = dump_yaml(rebase(session.recipe, session.run.path))
        file.write(f"# seqcli train {session.run.recipe.as_posix()}\n{text}".encode())


def _count(session: Session) -> int:
    """Fit a counted model in one pass."""
    model = session.task.count(registry.load("models", session.recipe.model.kind))
    arrays = {f"model.{n}": a for n, a in model.arrays().items()}
    artifact.write(session.run.model, {**session.header, "scores": {}}, arrays | session.task.arrays)
    return 0


def _resume(run: Run) -> str:
    """Return the command that resumes a run from its own recipe, which has every key as the run started with it."""
    return f"seqcli train {shlex.quote(run.recipe.as_posix())} --resume"


def _trainer(session: Session) -> Any:
    """Return the training loop, restored to where the run was saved."""
    from seqcli.training.loop import Trainer

    train = session.recipe.train
    assert train is not None
    trainer = Trainer(session.task, train, session.run, session.header, session.group)
    session.recipe = replace(session.recipe, train=trainer.config)  # a kernel may have refused the precision
    if session.saved:
        trainer.load(session.saved)
    return trainer


def _descend(session: Session, trainer: Any) -> int:
    """Train by gradient descent; return 0, or the exit status if a signal ended it."""
    from seqcli.training.display import Display
    from seqcli.training.interrupt import Interrupt

    if session.saved:
        console.say(f"resumed at step {trainer.progress.step:,}, epoch {trainer.epochs_done:.2f}")
        before, now = session.saved.header.get("processes", 1), session.group.size
        if before != now:
            console.say(f"saved by {before} processes, resumed by {now}: same batches, but results not bit-identical")
        if trainer.done():
            key = "patience" if trainer.share < 1 else trainer.limit()
            more = 2 * getattr(trainer.config, key)
            console.say(f"the run is finished; to continue, raise its limit: --resume --set train.{key}={more:g}")
    same = 1.0 if session.group.size > 1 else 0.0
    with Display(session.task.watched) as display, Interrupt(display.notice, same) as interrupt:
        ended = trainer.fit(display, interrupt) or interrupt.wanted
    if ended:
        several = f" --processes {n}" if (n := session.group.size) > 1 and n == session.group.local else ""
        console.say(f"saved at step {trainer.progress.step:,}; continue with: {_resume(session.run)}{several}")
        return 128 + ended
    report.training(trainer.progress, session)
    return 0
