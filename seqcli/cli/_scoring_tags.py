"""The work of `seqcli eval` on a model for tagging."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from seqcli import artifact, console, formats, metrics, registry, streams, threads
from seqcli.cli._splits import named_sentences
from seqcli.cli._tagging import NO_TAGS, check_flags, options_for
from seqcli.datasets.tagging import guess, in_scheme, read_sentences
from seqcli.errors import SeqcliError, UsageError, did_you_mean
from seqcli.formats import Sentence
from seqcli.streams import Output
from seqcli.tagging import Tagger
from seqcli.tagging.evaluation import Report, Unknown, evaluate


@dataclass(frozen=True)
class Request:
    """What the command line asks for."""

    files: Sequence[str]
    wanted: Sequence[str]
    split: str | None
    as_json: bool
    input: str | None
    columns: list[str] | None
    separator: str | None
    comments: str | None
    field: str | None
    tag: str | None
    unknown: Unknown
    confusion: bool


def run(request: Request, stored: artifact.Artifact) -> None:
    """Score files or a split, and print."""
    limit = threads.limit(1)  # noqa: F841  holds as long as it is kept
    tagger = Tagger.open(stored)
    what, sentences = _sentences(request, stored)
    total = sum(len(s.words) for s in sentences)
    with console.progress(f"scoring {what}", total, " tokens") as advance:
        report = evaluate(tagger, sentences, unknown=request.unknown, advance=advance)
    if not report.counts["tokens"]:
        hint = "--unknown-label skip left every sentence out" if "sentences left out" in report.counts else ""
        raise SeqcliError(f"{what}: nothing to score", hint=hint)
    _print(request, report, what, stored)


def _sentences(request: Request, stored: artifact.Artifact) -> tuple[str, list[Sentence]]:
    if not request.files:
        return named_sentences(stored, request.split)
    data = stored.header["data"]
    paths = streams.sources(request.files)
    read = request.input or (data["format"] if "-" in paths else _format(paths[0], data["format"]))
    if read not in registry.names("formats") or not registry.load("formats", read).READS:
        raise UsageError(f"unknown format {read!r} in --input", hint=did_you_mean(read, registry.names("formats")))
    if read in ("text", "tokens") and not data["restore"]:
        hint = "give the format of tagged text: --input conll, conllu, jsonl or word-tag"
        raise UsageError(f"{read} has no tags to score against", hint=hint)
    flags = {"--columns": request.columns, "--separator": request.separator, "--comments": request.comments}
    flags["--field"] = request.field
    check_flags(read, flags)
    options = options_for(
        stored,
        read,
        columns=request.columns,
        separator=request.separator,
        comments=request.comments,
        field=request.field,
        tag=request.tag,
        kept=list(stored.header["vocabulary"]["features"]),
    )
    if options.tag == NO_TAGS:
        raise UsageError("--columns names no column of tags", hint="name it too, as in --columns word,pos,tag")
    options = replace(options, gold=not data["restore"])
    names = ["<stdin>" if f == "-" else f for f in request.files]
    found = read_sentences(
        paths,
        format_name=read,
        options=options,
        encoding=data["encoding"],
        restore=data["restore"],
        what="reading",
    )
    what = ", ".join(names)
    return what, in_scheme(list(found), data["scheme"], what)


def _format(path: Any, trained: str) -> str:
    """The format of a file: as it looks, else as the training data was."""
    try:
        found = guess(path)
    except UsageError:
        return trained
    return trained if found == "text" else found


def _print(request: Request, report: Report, what: str, stored: artifact.Artifact) -> None:
    out = Output()
    for name in request.wanted:
        if name not in report.metrics:
            known = ", ".join(report.metrics)
            raise SeqcliError(f"{name} cannot be measured on {what} with this model", hint=f"what can: {known}")
    if request.as_json:
        tables: dict[str, Any] = {"labels": report.labels}
        if report.confusion is not None and not request.wanted:
            tables["confusion"] = {
                "labels": list(report.confusion.labels),
                "counts": [[int(n) for n in row] for row in report.confusion.counts],
            }
        tables["reliability"] = [b._asdict() for b in report.reliability]
        record = {
            **report.to_dict(),
            **({} if request.wanted else tables),
            "text": what,
            "model": stored.path.as_posix(),
        }
        left_out = report.metrics.keys() - set(request.wanted) if request.wanted else set()
        shown = {k: v for k, v in record.items() if k not in left_out}
        out.line(json.dumps(shown, ensure_ascii=False, indent=2))
    elif request.wanted:
        for name in request.wanted:
            out.line(f"{report.metrics[name]:.6g}")
    else:
        _tables(out, request, report, what)
    out.flush()


def _tables(out: Output, request: Request, report: Report, what: str) -> None:
    offers = metrics.offers()
    width = max(map(len, report.metrics))
    out.line(what)
    for name, value in report.metrics.items():
        out.line(f"  {name:<{width}}  {value:>8.4f}  {offers[name].unit}".rstrip())
    out.line("  " + ", ".join(f"{n:,} {name}" for name, n in report.counts.items()))
    rows = sorted(report.labels.items(), key=lambda item: (-item[1]["support"], item[0]))
    wide = max([len("label"), *(len(formats.one_line(label)) for label, _ in rows)])
    out.line(f"  {'label':<{wide}}  precision  recall      F1  support")
    for label, s in rows:
        figures = f"{s['precision']:>9.4f}  {s['recall']:>6.4f}  {s['f1']:>6.4f}  {s['support']:>7,}"
        out.line(f"  {formats.one_line(label):<{wide}}  {figures}")
    if request.confusion and report.confusion is not None:
        _confusion(out, report)
    out.line(report.signature)


def _confusion(out: Output, report: Report, most: int = 30) -> None:
    """The most frequent mistakes: gold tag, what was given instead, how often."""
    assert report.confusion is not None
    labels, counts = report.confusion.labels, report.confusion.counts
    wrong = [
        (int(counts[g][p]), labels[g], labels[p])
        for g in range(len(labels))
        for p in range(len(labels))
        if g != p and counts[g][p]
    ]
    wrong.sort(key=lambda row: (-row[0], row[1], row[2]))
    out.line("  mistakes (gold -> given)")
    for n, gold, given in wrong[:most]:
        out.line(f"  {n:>7,}  {formats.one_line(gold)} -> {formats.one_line(given)}")
    if len(wrong) > most:
        out.line(f"  and {len(wrong) - most:,} pairs more (--json has the whole matrix)")
