"""Score a model on text.

Without FILES the run's own test split is scored (its validation split, where it has no other). Context protocols:
`stateful` carries the state through the whole text; `--window N` begins anew every N tokens and scores every
position, to stand beside Transformers. The last line printed is the signature that comparable numbers share.
"""

from __future__ import annotations

from typing import Annotated

import typer

from seqcli.cli._options import Model, nothing_to_read, show_help


def metric_names(incomplete: str) -> list[tuple[str, str]]:
    """Names of metrics, with their units."""
    from seqcli.metrics import offers

    return [(name, offer.unit) for name, offer in offers().items() if name.startswith(incomplete)]


def command(
    files: Annotated[list[str] | None, typer.Argument(help="Text files; - is standard input.")] = None,
    model: Model = None,
    metric: Annotated[
        list[str] | None,
        typer.Option("--metric", help="Print this figure alone. Repeatable.", autocompletion=metric_names),
    ] = None,
    window: Annotated[
        int | None, typer.Option("--window", metavar="N", min=1, help="Begin with a fresh state every N tokens.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="train, valid or test of the run's own data. Default: test.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON report on stdout.")] = False,
    per_line: Annotated[
        bool, typer.Option("--per-line", help="A filter: each line's nats and tokens, TAB between.")
    ] = False,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="With --per-line: one JSON object a line.")] = False,
    threads: Annotated[int | None, typer.Option(min=1, help="BLAS threads.")] = None,
) -> int | None:
    from seqcli.cli import _scoring

    if (per_line or jsonl) and not files and nothing_to_read():
        return show_help("eval")
    _scoring.run(files or [], model, metric or [], window, split, json, per_line or jsonl, jsonl, threads)
    return None
