"""Train a model from a recipe.

RECIPE is a path, `-` for standard input, or a name: `seqcli recipes` lists them. The run is written to runs/NAME/:
model.safetensors (the best model, with everything needed to use it), last.safetensors (to resume), recipe.yaml (with
every default filled in), metrics.jsonl (one record an evaluation). The model's path is printed on stdout.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from seqcli.cli._complete import recipes, runs
from seqcli.cli._options import option
from seqcli.errors import UsageError

if TYPE_CHECKING:
    from seqcli.recipe.schema import Recipe


def command(
    recipe: Annotated[str, typer.Argument(help="A recipe: path, name, or -.", autocompletion=recipes)],
    set_: Annotated[
        list[str] | None,
        option("Override a recipe key, as in --set model.hidden=512. Repeatable.", "--set", metavar="KEY=VALUE"),
    ] = None,
    name: Annotated[str | None, option("The run's folder in runs/. Default: the recipe's name.")] = None,
    resume: Annotated[bool, option("Continue an interrupted run, or extend a finished one.", "--resume")] = False,
    overwrite: Annotated[bool, option("Start over in a folder that already holds a run.", "--overwrite")] = False,
    init_from: Annotated[
        str | None, option("Fine-tune this model.", "--init-from", metavar="MODEL", autocompletion=runs)
    ] = None,
    grow: Annotated[
        bool,
        option("With --init-from: add rows for words, characters and labels that the model does not know.", "--grow"),
    ] = False,
    processes: Annotated[
        int | None,
        option(
            "Train with N processes on this machine, which share every batch.",
            "--processes",
            metavar="N",
            min=1,
        ),
    ] = None,
    tensorboard: Annotated[
        bool, option("Log for TensorBoard too, in the run's folder: tensorboard --logdir runs.", "--tensorboard")
    ] = False,
    dry_run: Annotated[
        bool, option("Show recipe, parameters, memory and batch shapes; train nothing.", "--dry-run")
    ] = False,
) -> int:
    if resume and (overwrite or init_from or grow):
        other = "--overwrite" if overwrite else "--init-from" if init_from else "--grow"
        raise UsageError(f"--resume cannot be combined with {other}")
    from seqcli.training import group, require_torch, session

    options = session.Options(name, resume, overwrite, init_from, dry_run, tensorboard, grow)
    if group.one_of_several():
        require_torch("training")
        from seqcli.training.processes import joined

        with joined() as others:
            if processes not in (None, others.size):
                raise UsageError(f"--processes {processes}: {others.size} processes have been started already")
            return session.train(_loaded(recipe, set_), options, others)
    loaded = _loaded(recipe, set_)
    if processes in (None, 1) or dry_run:
        return session.train(loaded, options)
    run, _ = session.check(loaded, options, processes)
    if recipe == "-":
        raise UsageError("--processes: only one process can read a recipe from standard input; give a file")
    with run.claimed(overwrite=overwrite, resume=resume):
        pass  # an error that would stop every process is reported before they start
    from seqcli.cli.app import main
    from seqcli.training.processes import start

    return start(processes, main, sys.argv[1:])


def _loaded(recipe: str, changes: list[str] | None) -> Recipe:
    from seqcli.recipe.load import load_recipe
    from seqcli.training import require_torch

    loaded = load_recipe(recipe, changes or [])
    if loaded.train is not None:
        require_torch("training")
    return loaded
