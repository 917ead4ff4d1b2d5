"""Train a model from a recipe.

RECIPE is a path, `-` for standard input, or a name: `seqcli recipes` lists them. The run goes into runs/NAME/:
model.safetensors (the best model, all that is needed to use it), last.safetensors (to resume), recipe.yaml
(every default filled in), metrics.jsonl (one record an evaluation). The model's path is printed on stdout.
"""

from __future__ import annotations

from typing import Annotated

import typer

from seqcli.cli._complete import recipes, runs
from seqcli.errors import UsageError


def command(
    recipe: Annotated[str, typer.Argument(help="A recipe: path, name, or -.", autocompletion=recipes)],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a key, as in --set model.hidden=512. Repeatable."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="The run's folder in runs/. Default: the recipe's name.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run, or extend one.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Begin anew in a folder that holds a run.")] = False,
    init_from: Annotated[
        str | None,
        typer.Option("--init-from", metavar="MODEL", help="Fine-tune this model.", autocompletion=runs),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show recipe, parameters, memory and batch shapes; train nothing.")
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

    return session.train(loaded, session.Options(name, resume, overwrite, init_from, dry_run))
