"""The work of `seqcli eval` on a model for tagging."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from seqcli import artifact, console, registry, threads
from seqcli.cli._splits import named_sentences
from seqcli.cli._tables import Scored, show
from seqcli.cli._tagging import NO_TAGS, check_flags, options_for
from seqcli.datasets.tagging import guess, in_scheme, read_sentences
from seqcli.errors import SeqcliError, UsageError, did_you_mean
from seqcli.files import sources
from seqcli.formats import Sentence
from seqcli.tagging import Tagger
from seqcli.tagging.evaluation import Unknown, evaluate


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
    scored = Scored(report, what, stored.path.as_posix())
    show(scored, request.wanted, as_json=request.as_json, confusion=request.confusion)


def _sentences(request: Request, stored: artifact.Artifact) -> tuple[str, list[Sentence]]:
    if not request.files:
        return named_sentences(stored, request.split)
    data = stored.header["data"]
    paths = sources(request.files)
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
