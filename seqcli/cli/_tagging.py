"""The work of `seqcli tag`: records in, answers out, in order, by one process or several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from seqcli import artifact, console, registry, runs, threads
from seqcli.cli import _filter
from seqcli.cli._options import Columns, Filtering, Given
from seqcli.cli._reading import named_format
from seqcli.cli.tag import Reading, Writing
from seqcli.errors import UsageError, did_you_mean
from seqcli.formats import Answer, Options, Sentence
from seqcli.tasks.tagging.forced import Forced
from seqcli.tasks.tagging.lexicon import read_lexicon
from seqcli.tasks.tagging.predict import Allowed, Settings, Tagger, warn_of_splitting

BATCH = 1024  # sentences answered together, where nothing else is said
NO_TAGS = "<none>"  # no column has the tags
SAME = ("conll", "conllu")  # what is written so is read so, where nothing else is said


class Asked(NamedTuple):
    """What the command line asks for."""

    reading: Reading
    columns: Columns
    writing: Writing
    how: Filtering


def run(files: Sequence[str], model: str | None, asked: Asked, given: Given) -> None:
    """Tag what FILES say. Raises SeqcliError."""
    reading, writing, how = asked.reading, asked.writing, asked.how
    stored = runs.open_model(model, "tag")
    limit = threads.limit(how.threads or 1)  # noqa: F841  holds as long as it is kept
    tagger = Tagger.open(stored)
    read, write = _formats(files, asked, tagger, given)
    options, out_options = (
        options_for(stored, name, asked.columns, reading.field, reading.tag, kept=tagger.features)
        for name in (read, write)
    )
    forced = Forced.find(reading.force, read, options) if reading.force else None
    if forced and read == "jsonl":
        options = replace(options, tag=forced.name)
    out_options = replace(out_options, replace=writing.replace, confidence=writing.confidence)
    reader = registry.load("formats", read).Reader(options)
    written = _Restored() if write == "text" else registry.load("formats", write).Writer(out_options)
    lexicon = read_lexicon(reading.lexicon, tagger) if reading.lexicon else {}
    work = Work(tagger, _settings(writing, tagger, stored, write), forced, lexicon)
    _filter.run(
        files, reader, work, written.write,
        model=stored.path, batch_size=how.batch_size or BATCH, how=how, what="tagging",
    )  # fmt: skip
    if forced and read == "jsonl" and not work.forced_seen:
        console.warn(f"--force: no record has the key {forced.name!r}: nothing was forced")


def _formats(files: Sequence[str], asked: Asked, tagger: Tagger, given: Given) -> tuple[str, str]:
    """What is read, and what is written. Raises UsageError for what does not go together."""
    reading, writing = asked.reading, asked.writing
    write = "jsonl" if writing.jsonl else writing.format
    write = write or ("jsonl" if reading.field else "text" if tagger.words.restore else "word-tag")
    if not _can("WRITES", write):
        raise UsageError(f"unknown format {write!r}", hint=did_you_mean(write, _all("WRITES")))
    if write == "text" and not tagger.words.restore:
        raise UsageError(
            "--format text is for models that restore something to a text; this one gives tags",
            hint="known: " + ", ".join(n for n in _all("WRITES") if n != "text"),
        )
    if write == "spans" and not tagger.scheme:
        raise UsageError("--format spans: the tags of this model are no spans", hint="use --format jsonl")
    read = reading.input or ("jsonl" if reading.field else named_format(files, "formats"))
    read = read or (write if write in SAME else "text")
    if not _can("READS", read):
        raise UsageError(f"unknown format {read!r} in --input", hint=did_you_mean(read, _all("READS")))
    if tagger.features and read not in ("conll", "conllu"):
        columns = ",".join(["word", *tagger.features])
        raise UsageError(
            f"this model reads {', '.join(tagger.features)} beside the words: {read} has no such column",
            hint=f"give columns: --input conll --columns {columns}",
        )
    for name, format_ in (("confidence", "conll"), ("replace", "conll"), ("n_best", "jsonl")):
        if name in given and write != format_:
            raise UsageError(f"{given.flags([name])[0]} goes with --format {format_}, not {write}")
    given.check_format(read)
    if reading.field and read != "jsonl":
        raise UsageError(f"--field says how to read jsonl, but {read} is read", hint="add --input jsonl")
    if asked.columns.separator and "conll" not in (read, write):
        raise UsageError(f"--separator goes with conll: {read} is read, {write} is written")
    return read, write


def _can(what: str, name: str) -> bool:
    """Whether a format is known and READS or WRITES; of all formats only this one is imported."""
    return name in registry.names("formats") and getattr(registry.load("formats", name), what)


def _all(what: str) -> list[str]:
    return [name for name in registry.names("formats") if _can(what, name)]


def options_for(
    stored: artifact.Artifact,
    read: str,
    columns: Columns,
    field: str | None,
    tag: str | None,
    *,
    kept: Sequence[str] = (),
) -> Options:
    """How to read or write a format: as said, else as the model's training data was, where that was of the same one.

    `kept` are columns that cannot be the tags where nothing says which are.
    """
    data = stored.header["data"]
    own = dict(data["options"]) if data["format"] == read else {}
    own |= {"gold": False, "columns": tuple(own.get("columns") or ())}
    trained = _tag_column(own["columns"], own.get("tag"), ())
    said: dict[str, Any] = {"separator": columns.separator, "comments": columns.comments, "field": field, "tag": tag}
    said["columns"] = tuple(columns.names) if columns.names else None
    own |= {k: v for k, v in said.items() if v is not None}
    if read == "conll" and tag is None:
        own["tag"] = _tag_column(own["columns"], trained, kept)
    return Options(**own)


def _tag_column(columns: Sequence[str], trained: str | None, kept: Sequence[str]) -> str | None:
    """Which of some named columns has the tags: the one that had them in training, else `tag`, else the last."""
    named = [c for c in columns if c not in ("_", "-", "")]
    if not named or trained in named:
        return trained
    found = "tag" if "tag" in named else named[-1]
    return NO_TAGS if found in (*kept, "word") else found


def _settings(writing: Writing, tagger: Tagger, stored: artifact.Artifact, write: str) -> Settings:
    least = writing.min_confidence or 0.0
    if writing.target_precision is not None:
        from seqcli.cli._splits import sentences_of, threshold
        from seqcli.tasks.tagging.score import answers_judged

        least = threshold(
            writing.target_precision, stored, lambda: answers_judged(tagger, sentences_of(stored, "valid"))
        )
    shown = write in ("jsonl", "spans") or writing.confidence
    return Settings(confidence=shown, n_best=writing.n_best, least=least)


@dataclass
class Work(_filter.Work):
    """What answers sentences; it travels to other processes without its tagger."""

    tagger: Tagger | None
    settings: Settings
    forced: Forced | None
    lexicon: dict[str, list[str]]
    warned: bool = False
    forced_seen: bool = False

    def prepare(self, record: Sentence) -> Sentence:
        """The sentence with its words, found in its text where they are not given. Raises SeqcliError for what it
        lacks."""
        assert self.tagger is not None
        sentence = record
        if self.forced:
            self.forced.check(sentence, self.tagger)
            self.forced_seen = self.forced_seen or bool(self.forced.of(sentence))
        if sentence.split:
            self.tagger.check(sentence)
            return sentence
        if not self.warned and (chunk := self.tagger.words.odd(sentence.text)):
            self.warned = True
            warn_of_splitting(self.tagger, chunk)
        return self.tagger.words.find(sentence)

    def lacking(self, record: Sentence) -> Sequence[tuple[int, str]]:
        """Its words that are none of the vocabulary's."""
        assert self.tagger is not None
        return self.tagger.vocabulary.unknown(record.words)

    def answer(self, records: list[Sentence]) -> list[Answer]:
        """Tags of each sentence."""
        assert self.tagger is not None
        allowed = [self._allowed(s) for s in records] if self.forced or self.lexicon else ()
        return self.tagger.answer(records, self.settings, allowed)

    def packed(self) -> Work:
        """The work without its tagger."""
        return replace(self, tagger=None)

    def unpack(self, model: Path) -> None:
        """Open the tagger."""
        self.tagger = Tagger.open(artifact.read(model))

    def light(self, record: Sentence) -> Sentence:
        """A sentence without what only its writer needs."""
        return replace(record, raw=None, places=(), tag_places=())

    def _allowed(self, sentence: Sentence) -> Allowed:
        found: list[Sequence[str] | None] = [self.lexicon.get(w) for w in sentence.words]
        if self.forced:
            assert self.tagger is not None
            given = self.forced.allowed(sentence, self.tagger.scheme)
            found = [one or other for one, other in zip_longest(given, found)]
        return found


class _Restored:
    """Writes the text that the labels say."""

    def write(self, sentence: Sentence, answer: Answer) -> str:
        return (answer.text or "") + getattr(sentence.raw, "end", "\n") if sentence.record else ""
