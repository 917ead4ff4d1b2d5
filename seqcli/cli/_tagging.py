"""The work of `seqcli tag`: records in, answers out, in order, by one process or several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from seqcli import console, registry, runs, threads
from seqcli.cli import _filter, _streaming
from seqcli.cli._options import Columns, Confidence, Filtering, Given
from seqcli.cli._reading import STREAMS, sentences_format
from seqcli.datasets.reading import Reading as Said
from seqcli.errors import UsageError, did_you_mean
from seqcli.records import TAGGED, formats_of
from seqcli.tasks.tagging import running
from seqcli.tasks.tagging.data import options_for
from seqcli.tasks.tagging.forced import Forced
from seqcli.tasks.tagging.lexicon import read_lexicon
from seqcli.tasks.tagging.predict import Settings, Tagger
from seqcli.tasks.tagging.raw import Words
from seqcli.tasks.tagging.show import Found, restored, sentence_line
from seqcli.words import Rule

if TYPE_CHECKING:
    from seqcli.cli.tag import Reading, Writing

BATCH = 1024  # default number of sentences answered together
SAME = ("conll", "conllu")  # output formats that are also the default of the input
SEVERAL = ("conllu", "conll", "jsonl")  # formats that hold the tags of several targets


class Asked(NamedTuple):
    """The options of the command line."""

    reading: Reading
    columns: Columns
    writing: Writing
    sure: Confidence
    how: Filtering


def run(files: Sequence[str], model: str | None, asked: Asked, given: Given) -> None:
    """Tag the records of FILES. Raises SeqcliError."""
    reading, writing, how = asked.reading, asked.writing, asked.how
    stored = runs.open_model(model, "tag")
    if reading.input in STREAMS:
        _streaming.run(files, reading.input, stored, given, _streaming.How(writing.jsonl, how.threads))
        return
    limit = threads.limit(how.threads or 1)  # noqa: F841  in force while it is referenced
    tagger = Tagger.open(stored)
    if tagger.targets and reading.tag:
        tagger = tagger.of(reading.tag)
    read, write = _formats(files, asked, tagger, given)
    columns = asked.columns
    said = Said(
        tag=reading.tag,
        field=reading.field,
        columns=columns.names,
        separator=columns.separator,
        comments=columns.comments,
    )
    options, out_options = (options_for(tagger.header, name, said, kept=tagger.features) for name in (read, write))
    _check_targets(tagger, asked, given)
    forced = Forced.find(reading.force, read, options) if reading.force else None
    if forced and read == "jsonl":
        options = replace(options, tag=forced.name)
    out_options = replace(out_options, replace=writing.replace, confidence=writing.confidence)
    written = restored if write == "text" else registry.load("records", write).Writer(out_options).write
    reader, written = _running(asked, tagger, read, written) or (
        registry.load("records", read).Reader(options),
        written,
    )
    if writing.explain and (forced or reading.lexicon or asked.sure != Confidence()):
        raise UsageError(
            "--explain explains the model alone: leave out --force, --lexicon, --min-confidence, --target-precision"
        )
    if writing.partial and asked.sure == Confidence():
        raise UsageError("--partial needs --min-confidence, which says what is unknown")
    lexicon = read_lexicon(reading.lexicon, tagger) if reading.lexicon else {}
    shown = write in ("jsonl", "spans") or writing.confidence
    least, partial = asked.sure.least(tagger), writing.partial
    settings = Settings(shown, writing.n_best, least, partial, forced, lexicon, writing.explain)
    _filter.run(
        files, reader, tagger, settings, written,
        batch_size=how.batch_size or BATCH, how=how, what="tagging",
    )  # fmt: skip
    if forced and read == "jsonl" and not tagger.counted["forced"]:
        console.warn(f"--force: no record has the key {forced.name!r}: nothing was forced")


def _check_targets(tagger: Tagger, asked: Asked, given: Given) -> None:
    """Raise UsageError for an option that needs a single target if there are several, or that needs labels if the
    target's are edits of words."""
    if tagger.targets or tagger.vocabulary.edits:
        odd = [n for n in ("force", "lexicon", "explain") if n in given]
        odd += ["target_precision"] if tagger.targets and asked.sure.target_precision is not None else []
        if odd:
            flag = given.flags(odd[:1])[0]
            if not tagger.targets:
                raise UsageError(f"{flag} is for labels: those of this target are edits of the words")
            raise UsageError(
                f"{flag} is for one target: this model gives {', '.join(tagger.targets)}",
                hint=f"--tag {next(iter(tagger.targets))} gives one of them",
            )
    if tagger.target and asked.sure.target_precision is not None:
        raise UsageError("--target-precision is for models with one target", hint="give a --min-confidence")


def _formats(files: Sequence[str], asked: Asked, tagger: Tagger, given: Given) -> tuple[str, str]:
    """Return the input and the output format. Raises UsageError for options that exclude each other."""
    reading, writing = asked.reading, asked.writing
    write = "jsonl" if writing.jsonl else writing.format
    own = tagger.header["data"]["format"] if tagger.targets else "word-tag"  # several targets: their own
    write = write or ("jsonl" if reading.field else "text" if tagger.words.restore else own)
    if write not in formats_of(TAGGED, "WRITES"):
        raise UsageError(f"unknown format {write!r}", hint=did_you_mean(write, formats_of(TAGGED, "WRITES")))
    if tagger.targets and write not in SEVERAL:
        raise UsageError(
            f"--format {write} holds one tag a word: this model gives {', '.join(tagger.targets)}",
            hint=f"--format {', '.join(SEVERAL)}; --tag {next(iter(tagger.targets))} gives one of them",
        )
    if write == "text" and not tagger.words.restore:
        raise UsageError(
            "--format text is for models that restore something in a text; this one gives tags",
            hint="known: " + ", ".join(n for n in formats_of(TAGGED, "WRITES") if n != "text"),
        )
    if write == "spans" and not tagger.scheme:
        raise UsageError("--format spans: the tags of this model do not mark spans", hint="use --format jsonl")
    runs_on = reading.sentences or tagger.divides  # running text is read
    default = write if writing.format in SAME and not runs_on else "text"
    read = sentences_format(files, reading.input, reading.field, default)
    if read == "text" and not reading.input and (table := next((f for f in files if f.endswith(".csv")), None)):
        hint = "give words in columns (.tsv, an empty line after each sentence), or a text a line: --input text"
        raise UsageError(f"{table}: taggers do not read csv", hint=hint)
    if tagger.features and read not in ("conll", "conllu"):
        columns = ",".join(["word", *tagger.features])
        raise UsageError(
            f"this model reads {', '.join(tagger.features)} beside the words: {read} has no such column",
            hint=f"give columns: --input conll --columns {columns}",
        )
    for name, format_ in (("confidence", "conll"), ("replace", "conll"), ("n_best", "jsonl"), ("explain", "jsonl")):
        if name in given and write != format_:
            raise UsageError(f"{given.flags([name])[0]} needs --format {format_}, not {write}")
    _check_running(read, reading, tagger, given)
    given.check_format(read)
    if asked.columns.separator and "conll" not in (read, write):
        raise UsageError(f"--separator is for conll, but {read} is read and {write} is written")
    return read, write


ALONE = ("force", "lexicon", "explain", "n_best", "min_confidence", "target_precision", "confidence", "replace")


def _check_running(read: str, reading: Reading, tagger: Tagger, given: Given) -> None:
    """Raise UsageError for options that do not apply to running text, or only to it."""
    if tagger.divides and read == "text" and (odd := given.flags(ALONE)):
        raise UsageError(f"{odd[0]} is for tags: {tagger.path} finds sentences in running text")
    if reading.sentences and (tagger.divides or read != "text"):
        what = f"{tagger.path} finds them itself" if tagger.divides else f"{read} is read"
        raise UsageError(f"--sentences finds sentences in running text for a tagger, but {what}")
    if reading.line_ends and not (read == "text" and (reading.sentences or tagger.divides)):
        raise UsageError("--line-ends is for running text in which a model finds sentences: see --sentences")


def _running(asked: Asked, tagger: Tagger, read: str, write: Any) -> tuple[Any, Any] | None:
    """Return the reader of running text and the writer of its answers; None if the input is not running text."""
    windows = running.Reader(line_ends=asked.reading.line_ends)
    if asked.reading.sentences:
        splitter = Tagger.open(runs.open_model(asked.reading.sentences, "tag"))
        if not splitter.divides:
            raise UsageError(f"{splitter.path} finds no sentences", hint="train one with data: {restore: sentences}")
        return running.Divided(splitter, windows, running.Sentences(tagger.words.cut, finer=splitter.finer)), write
    if not tagger.divides or read != "text":
        return None
    sentences = running.Sentences(Words(Rule(), {}).cut, finer=tagger.finer)
    return windows, Found(sentences, sentence_line if write is restored else write)
