"""Label whole texts: sentiment, topic, language, intent.

A filter: one answer for each record of FILES or standard input, in order, as soon as it can be given. Answers are
`label TAB probability`; --top N writes so many pairs, a model of several labels a text all that it gives. `-` (or
what --else says) stands for a label where none is given: a blank line, or nothing probable enough.

\b
  echo "a gripping, beautifully shot film" | seqcli classify
  seqcli classify --top 3 --jsonl --field text < tickets.jsonl
  seqcli classify --min-confidence 0.9 --else UNSURE < lines.txt
  seqcli classify --input csv --text comment < comments.csv > labelled.csv
"""

from __future__ import annotations

from typing import Annotated

import typer

from seqcli.cli._options import Model, nothing_to_read, show_help
from seqcli.cli._reads import Reads
from seqcli.errors import UsageError

READ = Reads(("text", "jsonl", "tsv", "csv", "trees"), "text", "two more columns")


def formats(incomplete: str) -> list[str]:
    """Names of formats to read."""
    return READ.offered(incomplete)


def command(
    files: Annotated[list[str] | None, typer.Argument(help="Files of text; - is standard input.")] = None,
    model: Model = None,
    top: Annotated[int | None, typer.Option(min=1, help="The N most probable labels of each text.")] = None,
    input: Annotated[
        str | None,
        typer.Option(
            "--input",
            metavar="FORMAT",
            help=f"What is read: {', '.join(READ.formats)}; tsv and csv come back with {READ.more}. [default: text]",
            autocompletion=formats,
        ),
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="The text's column, by name or number (tsv, csv), or key (jsonl)."),
    ] = None,
    delimiter: Annotated[str | None, typer.Option(help="tsv, csv: what separates columns.")] = None,
    header: Annotated[
        bool | None, typer.Option("--header/--no-header", help="tsv, csv: whether the first row names the columns.")
    ] = None,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Write one JSON object a line.")] = False,
    field: Annotated[
        str | None, typer.Option(help="The text's key; input lines are JSON objects: as --input jsonl --text FIELD.")
    ] = None,
    min_confidence: Annotated[
        float | None, typer.Option(min=0, max=1, help="Give no label that is less probable.")
    ] = None,
    target_precision: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Find the --min-confidence that was so precise on the validation split."),
    ] = None,
    otherwise: Annotated[str, typer.Option("--else", help="What to write where no label is given.")] = "-",
    attention: Annotated[
        bool, typer.Option("--attention", help="jsonl: how much the model looks at each token (pooling: attention).")
    ] = False,
    nodes: Annotated[
        bool, typer.Option("--nodes", help="jsonl: the label of every node of the tree (model.kind: recursive).")
    ] = False,
    draw: Annotated[
        str | None, typer.Option(metavar="FILE", help="Draw that for the first texts, as .png, .svg or .pdf.")
    ] = None,
    batch_size: Annotated[
        int, typer.Option(min=1, help="Records answered together at most; the output is the same.")
    ] = 512,
    jobs: Annotated[int, typer.Option(min=1, help="Processes; the output is the same.")] = 1,
    threads: Annotated[int, typer.Option(min=1, help="BLAS threads of a process.")] = 1,
) -> int | None:
    from seqcli.cli import _classifying

    if not files and nothing_to_read():
        return show_help("classify")
    if min_confidence is not None and target_precision is not None:
        raise UsageError("--min-confidence and --target-precision both say what is left away: give one")
    request = _classifying.Request(
        files or ["-"],
        model,
        top,
        input,
        text,
        delimiter,
        header,
        jsonl,
        field,
        min_confidence,
        target_precision,
        otherwise,
        attention,
        nodes,
        draw,
        batch_size,
    )
    _classifying.run(request, jobs, threads)
    return None
