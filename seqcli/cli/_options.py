"""What several verbs share: the -m option, and the help that a terminal with nothing to read gets."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from seqcli import streams
from seqcli.cli._complete import runs

Model = Annotated[
    str | None,
    typer.Option(
        "-m", "--model", help="A model file, run folder or run name. Default: the newest run.", autocompletion=runs
    ),
]


def nothing_to_read() -> bool:
    """Whether standard input is a terminal."""
    return streams.stdin_is_interactive()


def show_help(verb: str) -> int:
    """Print a verb's help on stderr; exit status 2."""
    from seqcli.cli.app import load_verb

    command = load_verb(verb)
    with command.make_context(f"seqcli {verb}", [], resilient_parsing=True) as context:
        print(command.get_help(context), file=sys.stderr)
    return 2
