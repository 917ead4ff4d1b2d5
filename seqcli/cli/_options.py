"""What several verbs share: the -m option, and the help that a terminal with nothing to read gets."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from seqcli import streams
from seqcli.cli._complete import Offers, entries, runs

Model = Annotated[
    str | None,
    typer.Option(
        "-m", "--model", help="A model file, run folder or run name. Default: the newest run.", autocompletion=runs
    ),
]

Input = Annotated[
    str | None,
    typer.Option(
        "--input",
        metavar="FORMAT",
        help="What is read: text, tokens, word-tag, conll, conllu, jsonl. Default: as written, or text.",
        autocompletion=entries("formats"),
    ),
]


def labelled(incomplete: str) -> Offers:
    """Names of the formats of pairs, and of text with tags or labels."""
    found = dict(entries("labelled")(incomplete)) | dict(entries("parallel")(incomplete))
    return sorted((found | dict(entries("formats")(incomplete))).items())


Labelled = Annotated[
    str | None,
    typer.Option(
        "--input",
        metavar="FORMAT",
        help="What is read. Classifiers: tsv, csv, jsonl, fasttext, label-text, trees; taggers: word-tag, conll,"
        " conllu, jsonl, and text where something is restored to it; pairs: lines (two files), tsv, csv, jsonl, scan."
        " Default: as it looks, or as the training data.",
        autocompletion=labelled,
    ),
]
Columns = Annotated[
    str | None,
    typer.Option(metavar="A,B,…", help="conll: the columns' names, as word,pos,_. Default: the training data's."),
]
Separator = Annotated[str | None, typer.Option(help="conll: tab, space, or a text. Default: as the first line has.")]
Comments = Annotated[
    str | None, typer.Option(metavar="TEXT", help="conll: lines that begin with this are comments, as '#'.")
]
Field = Annotated[
    str | None, typer.Option(help="Input lines are JSON objects, the text or tokens are this field; writes jsonl.")
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
