"""The work of `seqcli tag`: records in, answers out, in order, by one process or several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

from seqcli import artifact, console, registry, runs, threads
from seqcli.cli import _records
from seqcli.errors import UsageError, did_you_mean
from seqcli.formats import Answer, Options, Sentence
from seqcli.tagging import Allowed, Settings, Tagger, warn_of_splitting
from seqcli.tagging.forced import Forced
from seqcli.tagging.lexicon import read_lexicon

NO_TAGS = "<none>"  # no column has the tags
SAME = ("conll", "conllu")  # what is written so is read so, where nothing else is said


@dataclass(frozen=True)
class Request:
    """What the command line asks for."""

    files: Sequence[str]
    model: str | None
    format: str | None
    input: str | None
    columns: list[str] | None
    separator: str | None
    comments: str | None
    field: str | None
    confidence: bool
    min_confidence: float | None
    target_precision: float | None
    n_best: int
    force: str | None
    lexicon: str | None
    replace: bool
    tag: str | None
    batch_size: int


def run(request: Request, jobs: int, wanted_threads: int) -> None:
    """Tag what FILES say. Raises SeqcliError."""
    stored = runs.open_model(request.model, "tag")
    limit = threads.limit(wanted_threads)  # noqa: F841  holds as long as it is kept
    tagger = Tagger.open(stored)
    read, write = _formats(request, tagger)
    given = {"columns": request.columns, "separator": request.separator, "comments": request.comments}
    given |= {"field": request.field, "tag": request.tag, "kept": tagger.features}
    options, out_options = options_for(stored, read, **given), options_for(stored, write, **given)
    forced = Forced.find(request.force, read, options) if request.force else None
    if forced and read == "jsonl":
        options = replace(options, tag=forced.name)
    out_options = replace(out_options, replace=request.replace, confidence=request.confidence)
    reader = registry.load("formats", read).Reader(options)
    written = _Restored() if write == "text" else registry.load("formats", write).Writer(out_options)
    work = Work(tagger, _settings(request, tagger, stored, write), forced, _lexicon(request.lexicon, tagger))
    _records.run(
        request.files, reader, work, written.write, model=stored.path, batch_size=request.batch_size, jobs=jobs
    )
    if forced and read == "jsonl" and not work.forced_seen:
        console.warn(f"--force: no record has the key {forced.name!r}: nothing was forced")


def _formats(request: Request, tagger: Tagger) -> tuple[str, str]:
    """What is read, and what is written. Raises UsageError for what does not go together."""
    write = request.format or ("jsonl" if request.field else "text" if tagger.words.restore else "word-tag")
    if not _can("WRITES", write):
        raise UsageError(f"unknown format {write!r}", hint=did_you_mean(write, _all("WRITES")))
    if write == "text" and not tagger.words.restore:
        raise UsageError(
            "--format text is for models that restore something to a text; this one gives tags",
            hint="known: " + ", ".join(n for n in _all("WRITES") if n != "text"),
        )
    if write == "spans" and not tagger.scheme:
        raise UsageError("--format spans: the tags of this model are no spans", hint="use --format jsonl")
    read = request.input or ("jsonl" if request.field else write if write in SAME else "text")
    if not _can("READS", read):
        raise UsageError(f"unknown format {read!r} in --input", hint=did_you_mean(read, _all("READS")))
    if tagger.features and read not in ("conll", "conllu"):
        columns = ",".join(["word", *tagger.features])
        raise UsageError(
            f"this model reads {', '.join(tagger.features)} beside the words: {read} has no such column",
            hint=f"give columns: --input conll --columns {columns}",
        )
    for given, name, format_ in (
        (request.confidence, "--confidence", "conll"),
        (request.replace, "--replace", "conll"),
        (request.n_best, "--n-best", "jsonl"),
    ):
        if given and write != format_:
            raise UsageError(f"{name} goes with --format {format_}, not {write}")
    check_flags(read, {"--columns": request.columns, "--comments": request.comments, "--field": request.field})
    if request.separator and "conll" not in (read, write):
        raise UsageError(f"--separator goes with conll: {read} is read, {write} is written")
    return read, write


def _can(what: str, name: str) -> bool:
    """Whether a format is known and READS or WRITES; of all formats only this one is imported."""
    return name in registry.names("formats") and getattr(registry.load("formats", name), what)


def _all(what: str) -> list[str]:
    return [name for name in registry.names("formats") if _can(what, name)]


def check_flags(read: str, given: dict[str, Any]) -> None:
    """Raises UsageError for a flag that says how to read another format than the one that is read."""
    for name, value in given.items():
        wanted = "jsonl" if name == "--field" else "conll"
        if value and read != wanted:
            raise UsageError(f"{name} says how to read {wanted}, but {read} is read", hint=f"add --input {wanted}")


def options_for(
    stored: artifact.Artifact,
    read: str,
    *,
    columns: Sequence[str] | None = None,
    separator: str | None = None,
    comments: str | None = None,
    field: str | None = None,
    tag: str | None = None,
    kept: Sequence[str] = (),
) -> Options:
    """How to read or write a format: as said, else as the model's training data was, where that was of the same one.

    `kept` are columns that cannot be the tags where nothing says which are.
    """
    data = stored.header["data"]
    own = dict(data["options"]) if data["format"] == read else {}
    own |= {"gold": False, "columns": tuple(own.get("columns") or ())}
    trained = _tag_column(own["columns"], own.get("tag"), ())
    said = {"columns": tuple(columns) if columns else None, "separator": separator, "comments": comments}
    own |= {k: v for k, v in {**said, "field": field, "tag": tag}.items() if v is not None}
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


def _settings(request: Request, tagger: Tagger, stored: artifact.Artifact, write: str) -> Settings:
    least = request.min_confidence or 0.0
    if request.target_precision is not None:
        from seqcli.cli._splits import sentences_of, threshold
        from seqcli.tagging.evaluation import answers_judged

        least = threshold(
            request.target_precision, stored, lambda: answers_judged(tagger, sentences_of(stored, "valid"))
        )
    shown = write in ("jsonl", "spans") or request.confidence
    return Settings(confidence=shown, n_best=request.n_best, least=least)


def _lexicon(path: str | None, tagger: Tagger) -> dict[str, list[str]]:
    return read_lexicon(path, tagger) if path else {}


@dataclass
class Work:
    """What answers sentences; it travels to other processes without its tagger."""

    tagger: Tagger | None
    settings: Settings
    forced: Forced | None
    lexicon: dict[str, list[str]]
    warned: bool = False
    forced_seen: bool = False

    def prepare(self, sentence: Sentence) -> Sentence:
        """The sentence with its words, found in its text where they are not given. Raises SeqcliError for what it
        lacks."""
        assert self.tagger is not None
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

    def __call__(self, sentences: list[Sentence]) -> list[Answer]:
        assert self.tagger is not None
        allowed = [self._allowed(s) for s in sentences] if self.forced or self.lexicon else ()
        return self.tagger.answer(sentences, self.settings, allowed)

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
