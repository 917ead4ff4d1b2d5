"""Find the best answer of each n-best list, with a language model's help.

A filter of lists: rows of id, answer and scores in tsv (the first row may name the scores), Moses' `id ||| answer |||
scores ||| total`, or the objects that `seqcli generate --n-best N --jsonl` writes. Consecutive rows with the same id
are one list. Each answer gets two more scores: `lm`, the language model's log-probability (nats), and `length`, its
number of tokens. The answer with the greatest weighted sum is written, one line a list (for objects: the object), or
with -n N the rows of the N best answers, with lm, length and the sum.

The weights are given (--weight), read (--weights FILE), or fitted on lists whose right answers are known (--dev) by
minimum error rate training: exact searches along lines for the best --metric. FILES or standard input are then
rescored with them; --weights FILE keeps them for later runs.

\b
  seqcli generate --beam 10 --n-best 10 --jsonl < valid.src > dev.jsonl
  seqcli rescore -m lm --dev dev.jsonl --reference valid.tgt --weights w.json
  seqcli generate --n-best 9 --jsonl < a | seqcli rescore -m lm --weights w.json
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from seqcli.cli._options import Filtering, For, Given, Model, grouped, nothing_to_read, option
from seqcli.errors import UsageError

DEV = For(needs="--dev")


def metric_names(incomplete: str) -> list[tuple[str, str]]:
    """Return the names of metrics, with their units."""
    from seqcli.metrics import offers

    known = offers(("translation", "sequences"))
    return [(name, offer.unit) for name, offer in known.items() if name.startswith(incomplete)]


@dataclass(frozen=True)
class Lists:
    """Input and output."""

    input: Annotated[
        str | None,
        option("tsv, moses, jsonl. Default: by the first line.", metavar="FORM"),
    ] = None
    n_best: Annotated[
        int | None, option("Write the rows of the N best answers, with their new scores.", "-n", "--n-best", min=1)
    ] = None


@dataclass(frozen=True)
class Weighing:
    """Weights."""

    weight: Annotated[
        list[str] | None, option("A score's weight, as in lm=0.4. Repeatable; others are 0.", metavar="NAME=NUMBER")
    ] = None
    weights: Annotated[
        str | None, option("The file of weights to read, or, with --dev, to write.", metavar="FILE")
    ] = None
    dev: Annotated[str | None, option("Lists to fit the weights on, read like FILES.", metavar="FILE")] = None
    reference: Annotated[
        list[str] | None,
        option("The right answer to each list of --dev, one a line. Repeatable for several.", metavar="FILE"),
        DEV,
    ] = None
    score: Annotated[
        list[str] | None,
        option(
            "A score of the lists to fit a weight for. Repeatable. Default: all; for Moses the total, for objects"
            " logprob."
        ),
        DEV,
    ] = None
    metric: Annotated[str, option("The metric to fit the weights for.", autocompletion=metric_names), DEV] = (
        "exact-match"
    )
    tokenize: Annotated[str, option("sacrebleu's name of the tokenization for BLEU."), DEV] = "13a"
    seed: Annotated[int, option("Seed of the search's starting points and directions.", min=0), DEV] = 1


@grouped
def command(
    lists: Lists,
    weighing: Weighing,
    how: Filtering,
    given: Given,
    files: Annotated[list[str] | None, typer.Argument(help="N-best lists; - is standard input.")] = None,
    model: Model = None,
) -> int | None:
    from seqcli import runs
    from seqcli.cli import _rescoring

    idle = not files and nothing_to_read()
    if idle and not weighing.dev:
        return given.help()
    if weighing.dev and not weighing.reference:
        raise UsageError("--dev needs --reference, the right answers")
    if weighing.weight and (weighing.weights or weighing.dev):
        raise UsageError("--weight gives the weights: --weights and --dev cannot be combined with it")
    if not (weighing.weight or weighing.weights or weighing.dev):
        raise UsageError(
            "no weights are given",
            hint="--weight lm=0.5 --weight score=1, --weights FILE, or --dev FILE fits them",
        )
    stored = runs.open_model(model, "rescore")
    given.check_model(stored)
    asked = _rescoring.Asked([] if idle else files or ["-"], lists, weighing, how)
    _rescoring.run(asked, stored)
    return None
