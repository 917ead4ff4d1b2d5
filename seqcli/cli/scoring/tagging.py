"""The work of `seqcli eval` on a model for tagging."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from seqcli import artifact, console, registry, threads
from seqcli.cli._options import Given
from seqcli.cli._printing import show
from seqcli.cli._splits import named_sentences
from seqcli.cli._tagging import NO_TAGS, options_for
from seqcli.cli.eval import Asked
from seqcli.cli.scoring import named
from seqcli.errors import SeqcliError, UsageError, did_you_mean
from seqcli.files import sources
from seqcli.formats import Sentence
from seqcli.tasks.tagging.data import guess, in_scheme, read_sentences
from seqcli.tasks.tagging.predict import Tagger
from seqcli.tasks.tagging.score import evaluate


def run(asked: Asked, stored: artifact.Artifact, given: Given) -> None:
    """Score FILES or a split, and print."""
    limit = threads.limit(1)  # noqa: F841  holds as long as it is kept
    tagger, unknown = Tagger.open(stored), asked.labels.unknown
    what, sentences = _sentences(asked, stored, given)
    total = sum(len(s.words) for s in sentences)
    with console.progress(f"scoring {what}", total, " tokens") as advance:
        report = evaluate(tagger, sentences, unknown=unknown, advance=advance)
    if not report.counts["tokens"]:
        hint = "--unknown-label skip left every sentence out" if "sentences left out" in report.counts else ""
        raise SeqcliError(f"{what}: nothing to score", hint=hint)
    scoring, model = asked.scoring, stored.path.as_posix()
    show(report, what, model, scoring.metric or (), as_json=scoring.json, confusion=asked.labels.confusion)


def _sentences(asked: Asked, stored: artifact.Artifact, given: Given) -> tuple[str, list[Sentence]]:
    if not asked.files:
        return named_sentences(stored, asked.scoring.split)
    data, reading = stored.header["data"], asked.reading
    paths = sources(asked.files)
    read = reading.input or (data["format"] if "-" in paths else _format(Path(paths[0]), data["format"]))
    if read not in registry.names("formats") or not registry.load("formats", read).READS:
        raise UsageError(f"unknown format {read!r} in --input", hint=did_you_mean(read, registry.names("formats")))
    if read in ("text", "tokens") and not data["restore"]:
        hint = "give the format of tagged text: --input conll, conllu, jsonl or word-tag"
        raise UsageError(f"{read} has no tags to score against", hint=hint)
    given.check_format(read)
    if reading.field and read != "jsonl":
        raise UsageError(f"--field says how to read jsonl, but {read} is read", hint="add --input jsonl")
    features = list(stored.header["vocabulary"]["features"])
    options = options_for(stored, read, asked.columns, reading.field, reading.tag, kept=features)
    if options.tag == NO_TAGS:
        raise UsageError("--columns names no column of tags", hint="name it too, as in --columns word,pos,tag")
    options, what = replace(options, gold=not data["restore"]), named(asked.files)
    found = read_sentences(
        paths,
        format_name=read,
        options=options,
        encoding=data["encoding"],
        restore=data["restore"],
        what="reading",
    )
    return what, in_scheme(list(found), data["scheme"], what)


def _format(path: Path, trained: str) -> str:
    """The format of a file: as it looks, else as the training data was."""
    try:
        found = guess(path)
    except UsageError:
        return trained
    return trained if found == "text" else found
