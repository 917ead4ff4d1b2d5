"""Train a model from a recipe.

RECIPE is a path, `-` for standard input, or a name: `seqcli recipes` lists them. The run goes into runs/NAME/:
model.safetensors (the best model, all that is needed to use it), last.safetensors (to resume), recipe.yaml
(every default filled in), metrics.jsonl (one record an evaluation). The model's path is printed on stdout.
"""

from __future__ import annotations

from typing import Annotated

import typer

from seqcli.cli._complete import recipes, runs
from seqcli.cli._options import option
from seqcli.errors import UsageError


def command(
    recipe: Annotated[str, typer.Argument(help="A recipe: path, name, or -.", autocompletion=recipes)],
    set_: Annotated[
        list[str] | None,
        option("Override a key, as in --set model.hidden=512. Repeatable.", "--set", metavar="KEY=VALUE"),
    ] = None,
    name: Annotated[str | None, option("The run's folder in runs/. Default: the recipe's name.")] = None,
    resume: Annotated[bool, option("Go on with an interrupted run, or extend one.", "--resume")] = False,
    overwrite: Annotated[bool, option("Begin anew in a folder that holds a run.", "--overwrite")] = False,
    init_from: Annotated[
        str | None, option("Fine-tune this model.", "--init-from", metavar="MODEL", autocompletion=runs)
    ] = None,
    tensorboard: Annotated[
        bool, option("Log for TensorBoard too, in the run's folder: tensorboard --logdir runs.", "--tensorboard")
    ] = False,
    dry_run: Annotated[
        bool, option("Show recipe, parameters, memory and batch shapes; train nothing.", "--dry-run")
    ] = False,
) -> int:
    if resume and (overwrite or init_from):
        raise UsageError(f"--resume does not go with {'--overwrite' if overwrite else '--init-from'}")
    from seqcli.recipe.load import load_recipe
    from seqcli.training import require_torch

    loaded = load_recipe(recipe, set_ or [])
    if loaded.train is not None:
        require_torch("training")
    from seqcli.training import session

    return session.train(loaded, session.Options(name, resume, overwrite, init_from, dry_run, tensorboard))
