"""List, show, copy and check recipes, make new ones for your own files, and explain the keys."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from seqcli import console
from seqcli.cli import _complete
from seqcli.cli._command import Command
from seqcli.cli._options import option
from seqcli.errors import SeqcliError, UsageError
from seqcli.facts import cell_name
from seqcli.streams import Output

app = typer.Typer(
    help=__doc__, invoke_without_command=True, add_completion=False, rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)  # fmt: skip

WIDE, MODEL = 110, 18  # terminal width from which the list of recipes shows models, and the width of their column

Name = Annotated[str, typer.Argument(help="A recipe's name or path.", autocompletion=_complete.recipes)]


@app.callback()
def without_verb(context: typer.Context) -> None:
    """List, show, copy and check recipes, make new ones for your own files, and explain the keys. Without a verb,
    list recipes."""
    if context.invoked_subcommand is None:
        list_recipes()


@app.command("list", cls=Command)
def list_recipes() -> None:
    """List what can be trained, from ./recipes and from seqcli itself."""
    from seqcli.recipe import discover
    from seqcli.recipe.positions import parse

    rows = []
    for name, path in sorted(discover.available().items()):
        try:
            text = discover.read(path).text
            value = parse(text, str(path)).value
        except SeqcliError:
            text, value = "", None
        if isinstance(value, dict):
            rows.append([name, str(value.get("task", "?")), _model(value.get("model")), discover.summary(text)])
        else:
            rows.append([name, "?", "?", f"cannot be read; see: seqcli recipes validate {name}"])
    if not rows:
        console.say("no recipes found: seqcli looks in ./recipes and among those that ship with it")
        return
    output = Output()
    width = console.width()
    lines = console.table(("recipe", "task", "model", "what it is"), rows) if width is None else _by_task(rows, width)
    for line in lines:
        output.line(line)
    output.flush()  # before the hint below
    console.say("\nseqcli train RECIPE trains one; seqcli recipes show RECIPE prints it")


def _by_task(rows: list[list[str]], width: int) -> Iterator[str]:
    """Yield the lines for a terminal: a table for each task, fitted to the width; without models if it is narrow."""
    names = max(len(name) for name, *_ in rows)
    for i, task in enumerate(dict.fromkeys(task for _, task, *_ in rows)):
        yield from [""] if i else []
        yield task
        for name, of, model, what in rows:
            if of == task:
                begin = f"  {name:<{names}}  " + (f"{model:<{MODEL}}  " if width >= WIDE else "")
                yield from textwrap.wrap(
                    begin + console.visible(what),
                    max(width, len(begin) + 20),
                    break_on_hyphens=False,
                    subsequent_indent=" " * len(begin),
                )


def _commented(line: str, width: int) -> list[str]:
    """Return a line whose comment goes on below itself where it is wider than the terminal."""
    begin, mark, comment = line.partition("  # ")
    if len(line) <= width or not mark:
        return [line]
    at = len(begin) if len(begin) < width - 40 else 4  # little room is left: below the key
    hung = len(found[0]) if not begin and (found := re.match(r" *\S+ {2,}", comment)) else 0  # an entry of a list
    margin = f"{'':{at}}{mark}{'':{hung}}"
    first, *rest = textwrap.wrap(comment[hung:], max(width - len(margin), 20), break_on_hyphens=False)
    top = [line[: len(margin)] + first] if at == len(begin) else [begin, margin + first]
    return [*top, *(margin + part for part in rest)]


def _model(model: object) -> str:
    """Return the kind of model and its cell, as far as a recipe names them."""
    if isinstance(model, str):
        return model
    cell = model.get("cell") if isinstance(model, dict) else None
    cell = cell_name(cell) if cell else None
    kind = model.get("kind") if isinstance(model, dict) else None
    return " ".join(str(part) for part in (kind, cell) if part is not None) or "default"


@app.command(cls=Command)
def show(recipe: Name) -> None:
    """Print a recipe as it was written."""
    from seqcli.recipe import discover

    Output().write(discover.read(recipe).text)


@app.command(cls=Command)
def copy(
    recipe: Name,
    dest: Annotated[Path | None, typer.Argument(help="A .yaml file or a folder. [default: ./recipes]")] = None,
    force: Annotated[bool, option("Overwrite the file.", "--force", "-f")] = False,
) -> None:
    """Copy a recipe, to change it; print the new path. Paths to data files in it are rewritten to stay valid."""
    from seqcli.recipe import discover
    from seqcli.recipe.dump import write_recipe
    from seqcli.recipe.paths import rebase_text
    from seqcli.recipe.positions import parse

    source = discover.read(recipe)
    folder = discover.LOCAL if dest is None else dest
    path = folder / f"{source.name}.yaml" if dest is None or dest.is_dir() else folder
    if path.suffix not in (".yaml", ".yml"):
        raise UsageError(
            f"{path} is neither a folder nor named .yaml", hint=f"seqcli recipes copy {recipe} {path}.yaml"
        )
    if path.is_dir():
        raise UsageError(f"{path} is a folder")
    if path.exists() and (not force or path.samefile(discover.locate(recipe))):
        hint = "name another file, or overwrite it with --force" if not force else "name another file"
        raise UsageError(f"{path} already exists", hint=hint)
    output, text, changes = Output(), source.text, []
    if not parse(text, source.label).problems:
        text, changes = rebase_text(text, source.base, path.parent)
    launch = f"seqcli train {shlex.quote(str(path))}"
    text = re.sub(r"\A(# (?:\w+=\S+ )?)seqcli train [^\s#-]\S*", lambda found: found[1] + launch, text)
    write_recipe(path, text)
    for key, old, new in changes:
        console.say(f"{key}: {old} is now {new}")
    output.line(str(path))


@app.command(cls=Command)
def new(
    files: Annotated[
        list[str],
        typer.Argument(
            help="Text, tagged or labelled texts, pairs, series, tables of recordings; train, valid or test in a name"
            " tells the split."
        ),
    ],
    task: Annotated[
        str | None,
        option("language-model, tagging, classification or sequence-to-sequence. [default: by the files' content]"),
    ] = None,
    output: Annotated[
        str | None, option("A .yaml file, a folder, or `-`. [default: ./recipes]", "-o", "--output", metavar="PATH")
    ] = None,
    force: Annotated[bool, option("Overwrite the file.", "--force", "-f")] = False,
    text: Annotated[
        str | None,
        option(
            "The column or key of the text, or two: `question,passage`. [default: by names, else the longest]",
            metavar="COLUMN",
        ),
    ] = None,
    label: Annotated[
        str | None, option("The column or key of the label. [default: by name, else a guess]", metavar="COLUMN")
    ] = None,
    source: Annotated[
        str | None, option("Pairs: the source's column or key; for two files: `en` for train.en.", metavar="COLUMN")
    ] = None,
    target: Annotated[
        str | None, option("Pairs: the target's column or key; for two files: `de` for train.de.", metavar="COLUMN")
    ] = None,
) -> None:
    """Write a recipe that fits your files, and print its path. A folder may hold a folder or a file for each
    label; two files with equally many lines, such as train.en and train.de, are pairs; a column that names recordings
    or arrays is read as frames."""
    from seqcli.propose import write
    from seqcli.propose.records import Said

    recipe, path = write.new(files, task, output, force, Said(text, label, source, target))
    output_ = Output()
    if path is None:
        output_.write(recipe)
        return
    output_.line(str(path))
    output_.flush()
    console.say(f"next:\n  seqcli train {shlex.quote(str(path))}")


@app.command(cls=Command)
def validate(
    recipes: Annotated[list[str], typer.Argument(help="Names, paths, or `-`.", autocompletion=_complete.recipes)],
    overrides: Annotated[
        list[str] | None, option("Change a value first; repeatable.", "--set", metavar="KEY=VALUE")
    ] = None,
) -> None:
    """Check recipes and report every mistake. Exit status 2 if there is one."""
    from seqcli.recipe.load import load_recipe

    output = Output()
    failed: list[SeqcliError] = []
    for recipe in recipes:
        try:
            load_recipe(recipe, overrides or ())
        except SeqcliError as error:
            failed.append(error)
        else:
            output.line(f"{recipe}: ok")
    output.flush()
    if len(failed) == 1:
        raise UsageError(failed[0].message, hint=failed[0].hint)
    if failed:
        message = "\n".join(error.message for error in failed)
        mistakes = message.count("\n") + 1
        hint = f"{mistakes} mistakes in {len(failed)} of {len(recipes)} recipes; see: seqcli recipes keys"
        raise UsageError(message, hint=hint)


@app.command(cls=Command)
def keys(
    section: Annotated[
        str | None,
        typer.Argument(
            help="task, tokenizer, data, model, train, or a kind: model.ngram", autocompletion=_complete.sections
        ),
    ] = None,
    markdown: Annotated[bool, option("Print all of them as the page docs/keys.md.", "--markdown")] = False,
) -> None:
    """Explain every key: its default, type and meaning."""
    from seqcli.recipe.keys import reference
    from seqcli.recipe.keys_page import page

    if markdown and section:
        raise UsageError("--markdown writes the whole page, not a section", hint=f"seqcli recipes keys {section}")
    output, width = Output(), console.width()
    for line in page() if markdown else reference(section):
        for part in [line] if markdown or width is None else _commented(line, width):
            output.line(part)
