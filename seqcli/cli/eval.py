"""Score a model on text, or on labelled text.

Without FILES the run's own test split is scored (its validation split, where it has no other). The last line printed
is the signature that comparable numbers share.

Language models, by two context protocols: `stateful` carries the state through the whole text; `--window N` begins
anew every N tokens and scores every position, to stand beside Transformers.

Classifiers: accuracy, F1 over labels (macro, micro, weighted), ROC-AUC of two labels, calibration; --compare A B
scores two models on the same texts and says how sure the difference is.

Sequence to sequence: BLEU, chrF, TER (--metric ter), exact match, edits, of the answers that beam search finds;
--per-line gives what each given target costs, of FILES, or of standard input, or, on a terminal or with --split, of
the run's own data. FILES in lines have their targets in the files beside them: with --source en --target de, test.en
goes with test.de.

Taggers: accuracy of known and unknown words, precision, recall and F1 of spans by conlleval's rules, calibration.
FILES are read as the training data was, or as their name or content says; --input says otherwise, and --columns and
--tag (taggers) or --text and --label (classifiers) which column is which.
"""

from __future__ import annotations

from typing import Annotated

import typer

from seqcli.cli._options import Columns, Comments, Labelled, Model, Separator, nothing_to_read, show_help
from seqcli.errors import UsageError

UNKNOWN = ("error", "skip", "count-wrong")


def metric_names(incomplete: str) -> list[tuple[str, str]]:
    """Names of metrics, with their units."""
    from seqcli.metrics import offers

    return [(name, offer.unit) for name, offer in offers().items() if name.startswith(incomplete)]


def tokenizations(incomplete: str) -> list[str]:
    """Those of sacrebleu's that need no further package."""
    return [name for name in ("13a", "none", "char", "intl", "zh") if name.startswith(incomplete)]


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
    input: Labelled = None,
    columns: Columns = None,
    separator: Separator = None,
    comments: Comments = None,
    field: Annotated[str | None, typer.Option(help="jsonl: the key of the tokens, or of the text.")] = None,
    tag: Annotated[str | None, typer.Option(help="The column, field or key of the tags.")] = None,
    unknown_label: Annotated[
        str,
        typer.Option("--unknown-label", help="A label or tag the model does not know: error, skip or count-wrong."),
    ] = "error",
    confusion: Annotated[
        bool,
        typer.Option("--confusion", help="Labels: which were taken for which, most frequent first."),
    ] = False,
    text: Annotated[str | None, typer.Option(help="Classifiers: the text's column, or key as --field.")] = None,
    label: Annotated[str | None, typer.Option(help="Classifiers: the label's column or key.")] = None,
    delimiter: Annotated[str | None, typer.Option(help="tsv, csv: what separates columns.")] = None,
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="A B", help="Classifiers: two models, and the interval of their difference."),
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="Pairs: the source's column or key; of two files what its name has, as en.")
    ] = None,
    target: Annotated[str | None, typer.Option(help="Pairs: the target's, as de.")] = None,
    beam: Annotated[int | None, typer.Option(min=1, help="Pairs: hypotheses kept. Default: the recipe's.")] = None,
    length_penalty: Annotated[
        float | None, typer.Option(min=0, help="Pairs: favour long answers. Default: the recipe's.")
    ] = None,
    tokenize: Annotated[
        str | None,
        typer.Option(
            help="Pairs: how BLEU divides texts, as sacrebleu calls it: 13a, none, char …",
            autocompletion=tokenizations,
        ),
    ] = None,
    lowercase: Annotated[
        bool, typer.Option("--lowercase", help="Pairs: BLEU and chrF that ignore upper case.")
    ] = False,
    threads: Annotated[int | None, typer.Option(min=1, help="BLAS threads.")] = None,
) -> int | None:
    if (per_line or jsonl) and not files and nothing_to_read() and not _of_pairs(model):
        return show_help("eval")
    from seqcli import metrics, runs

    for name in metric or []:
        metrics.check(name)
    if files and split:
        raise UsageError("--split names a part of the run's own data: it does not go with FILES")
    if unknown_label not in UNKNOWN:
        raise UsageError(f"--unknown-label: {unknown_label!r} is none of them", hint=f"known: {', '.join(UNKNOWN)}")
    if compare and model:
        raise UsageError("--compare names both models: leave --model away")
    stored = runs.open_model(compare[0] if compare else model, "eval")
    task = stored.header["task"]
    flags = {
        "language-model": {"--window": window, "--threads": threads},
        "language-model sequence-to-sequence": {"--per-line": per_line, "--jsonl": jsonl},
        "sequence-to-sequence": {
            "--source": source, "--target": target, "--beam": beam, "--length-penalty": length_penalty is not None,
            "--tokenize": tokenize, "--lowercase": lowercase,
        },
        "tagging": {
            "--columns": columns, "--separator": separator, "--comments": comments, "--tag": tag,
        },
        "classification": {"--text": text, "--label": label, "--compare": compare},
        "classification sequence-to-sequence": {"--delimiter": delimiter},
        "tagging classification": {"--confusion": confusion, "--field": field},
        "tagging classification sequence-to-sequence": {"--input": input},
    }  # fmt: skip
    given = {flag for tasks, own in flags.items() if task not in tasks.split() for flag, v in own.items() if v}
    if given:
        kind = stored.header["model"]["kind"]
        raise UsageError(f"{min(given)} does not serve {stored.path}: it is a model of the kind {kind}")
    if task == "sequence-to-sequence":
        from seqcli.cli import _scoring_pairs

        _scoring_pairs.run(
            _scoring_pairs.Request(
                files or [],
                metric or [],
                split,
                json,
                input,
                source,
                target,
                delimiter,
                beam,
                length_penalty,
                tokenize,
                lowercase,
                per_line or jsonl,
                jsonl,
            ),
            stored,
        )
        return None
    if task == "classification":
        from seqcli.cli import _scoring_labels

        _scoring_labels.run(
            _scoring_labels.Request(
                files or [],
                metric or [],
                split,
                json,
                input,
                field,
                text,
                label,
                delimiter,
                unknown_label,
                confusion,
                compare,
            ),  # type: ignore[arg-type]
            stored,
        )
        return None
    if task == "tagging":
        from seqcli.cli import _scoring_tags

        named = columns.split(",") if columns else None
        request = _scoring_tags.Request(
            files or [],
            metric or [],
            split,
            json,
            input,
            named,
            separator,
            comments,
            field,
            tag,
            unknown_label,
            confusion,
        )  # type: ignore[arg-type]
        _scoring_tags.run(request, stored)
        return None
    from seqcli.cli import _scoring

    _scoring.run(files or [], stored, metric or [], window, split, json, per_line or jsonl, jsonl, threads)
    return None


def _of_pairs(model: str | None) -> bool:
    """Whether the model that is meant is one of pairs, whose own split is scored where nothing is read."""
    from seqcli import artifact, runs
    from seqcli.errors import SeqcliError

    try:
        path = (
            runs.newest("eval", lambda h: "eval" in runs.verbs(h))
            if model is None
            else runs.find_model(model, "eval")
        )
        return artifact.read_header(path).get("task") == "sequence-to-sequence"
    except SeqcliError:
        return False
