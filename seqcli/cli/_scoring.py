"""The work of `seqcli eval`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from seqcli import artifact, console, metrics, models, streams, threads, tokenizers
from seqcli.cli._splits import check_unchanged, choose, recipe_of
from seqcli.datasets import _parts
from seqcli.errors import SeqcliError, UsageError
from seqcli.evaluation import Report, evaluate, lines, score_line
from seqcli.files import sources
from seqcli.streams import Chunk, Output


def run(
    files: Sequence[str],
    stored: artifact.Artifact,
    wanted: Sequence[str],
    window: int | None,
    split: str | None,
    as_json: bool,
    per_line: bool,
    jsonl: bool,
    wanted_threads: int | None,
) -> None:
    """Score files or a split, and print."""
    if per_line and (window or as_json or wanted):
        raise UsageError("--per-line scores each line by itself: it does not go with --window, --json or --metric")
    model = models.restore(stored)
    tokenizer = tokenizers.from_artifact(stored)
    _set_threads(model, window, wanted_threads)
    if per_line:
        _per_line(model, tokenizer, streams.read_text(sources(files or ["-"])), jsonl)
        return
    chunks, total, what = _text(files, split, stored)
    with console.progress(f"scoring {what}", total, " tokens") as advance:
        report = evaluate(model, tokenizer, chunks, window=window, advance=advance)
    if not report.counts["tokens"]:
        raise SeqcliError(f"{what}: nothing to score; a text needs at least two tokens")
    _print(report, wanted, as_json, what, stored.path)


def _set_threads(model: Any, window: int | None, wanted: int | None) -> None:
    """One stream is probed; windows are tiles of one size, which one thread multiplies best."""
    if window and wanted is None:
        return
    threads.choose_for(model, wanted)


def _text(
    files: Sequence[str], split: str | None, stored: artifact.Artifact
) -> tuple[Iterable[Chunk], float | None, str]:
    """The text to score, a guess of its size in tokens (None: not known), and a name for it."""
    if files:
        names = ["<stdin>" if f == "-" else f for f in files]
        return streams.read_text(sources(files), cut_long_lines=True, end_lines=True), None, ", ".join(names)
    from seqcli.datasets.text import open_corpus

    recipe = recipe_of(stored)
    corpus = open_corpus(recipe.data, recipe.base)
    split = choose(split, list(corpus.splits))
    check_unchanged(stored, split, corpus.digests[split])
    return _parts.chunks(corpus.splits[split], corpus.encoding), None, f"{corpus.name} {split}"


def _print(report: Report, wanted: Sequence[str], as_json: bool, what: str, path: Path) -> None:
    out = Output()
    for name in wanted:
        if name not in report.metrics:
            raise SeqcliError(
                f"{name} cannot be measured on {what} with this model", hint=metrics.offers()[name].meaning
            )
    if as_json:
        record = {**report.to_dict(), "text": what, "model": path.as_posix()}
        left_out = report.metrics.keys() - set(wanted) if wanted else set()
        found = {k: v for k, v in record.items() if k not in left_out}
        out.line(json.dumps(found, ensure_ascii=False, indent=2))
    elif wanted:
        for name in wanted:
            out.line(f"{report.metrics[name]:.6g}")
    else:
        offers = metrics.offers()
        width = max(map(len, report.metrics))
        out.line(f"{what}, {report.protocol}")
        for name, value in report.metrics.items():
            out.line(f"  {name:<{width}}  {value:>12.4f}  {offers[name].unit}")
        counts = ", ".join(f"{n:,} {name}" for name, n in report.counts.items())
        out.line(f"  {counts}")
        out.line(report.signature)
    out.flush()


def _per_line(model: Any, tokenizer: tokenizers.BaseTokenizer, chunks: Iterable[Chunk], jsonl: bool) -> None:
    """nats TAB tokens for each line, flushed whenever the input pauses."""
    out = Output()
    for chunk in chunks:
        for line in lines([chunk]):
            found = score_line(model, tokenizer, line)
            if jsonl:
                out.json({"text": line.text, "seqcli": {"logprob": round(-found.nll, 6), "tokens": found.tokens}})
            else:
                out.line(f"{found.nll:.4f}\t{found.tokens}")
        out.flush()
