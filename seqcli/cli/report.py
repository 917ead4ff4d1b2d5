"""Make a page about one or several runs: curves, scores, mistakes, texts with colours.

The page is one file that needs neither network nor scripts. A run's answers on its validation data are kept beside it
(answers-valid.json), so that the next page is made at once. RUN is a run's name, its folder, or a model file.
"""

from __future__ import annotations

from typing import Annotated

import typer

from seqcli.cli._complete import runs
from seqcli.cli._options import option
from seqcli.errors import UsageError


def command(
    models: Annotated[
        list[str] | None,
        typer.Argument(help="Runs. Default: the newest.", metavar="RUN...", autocompletion=runs),
    ] = None,
    output: Annotated[
        str, option("The file of the page; - is standard output.", "-o", "--output", metavar="FILE")
    ] = "report.html",
    split: Annotated[str, option("The split to answer: valid, train or test.")] = "valid",
) -> None:
    from pathlib import Path

    from seqcli import console, page
    from seqcli.artifact import put
    from seqcli.runs import open_model
    from seqcli.streams import Output

    if split not in ("train", "valid", "test"):
        raise UsageError(f"--split {split}: expected train, valid or test")
    page.require_jinja()
    opened = [open_model(model, "look") for model in models or [None]]
    html = page.page([page.see(stored, split) for stored in opened])
    if output == "-":
        Output().write(html)
        return
    put(Path(output), html.encode())
    out = Output()
    out.line(output)
    out.flush()
    console.say(f"{len(html.encode()) / 1e3:,.0f} kB")
