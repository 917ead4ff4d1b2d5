"""The work of `seqcli tokenize`."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from seqcli import console, forms, registry, runs, streams, tokenizers
from seqcli.cli import _filter
from seqcli.cli._options import Lines
from seqcli.errors import SeqcliError, UsageError, did_you_mean
from seqcli.files import sources
from seqcli.predictor import Answering
from seqcli.records import LABELLED, Example, Options
from seqcli.streams import Chunk, Output
from seqcli.tokenizers import BaseTokenizer, UnknownCharacter, UnknownPiece

if TYPE_CHECKING:
    from seqcli.cli.tokenize import Choosing, Doing

FREE = ("char", "word")  # kinds that can show tokens without a vocabulary


# which tokenizer


def configure(kind: str, settings: Sequence[str]) -> Any:
    """Return a kind's Config made from `key=value` texts. Raises UsageError that lists every mistake."""
    from pydantic import ValidationError

    from seqcli.recipe.positions import parse

    config = registry.load("tokenizers", kind).Config
    known = [name for name in config.model_fields if name != "kind"]
    values: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        key = key.strip().removeprefix("tokenizer.")
        if not equals:
            raise UsageError(f"--set {setting}: must be KEY=VALUE, as in --set size=8000")
        if key not in known:
            hint = did_you_mean(key, known) or f"{kind} has no settings"
            raise UsageError(f"--set {setting}: a {kind} tokenizer has no key {key!r}", hint=hint)
        parsed = parse(value, "--set")
        values[key] = value if parsed.problems else parsed.value
    try:
        return config(**values)
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, e['loc']))}={e['input']}: {e['msg'].lower()}" for e in error.errors()]
        raise UsageError(
            "\n".join(f"--set {line}" for line in wrong), hint="see: seqcli recipes keys tokenizer"
        ) from None


def choose(choosing: Choosing, *, ids: bool = False) -> Any:
    """Return the chosen tokenizer, or the `Free` of a kind that needs no vocabulary to show tokens. Raises
    SeqcliError."""
    if choosing.model is not None:
        if choosing.model.endswith(".model") and Path(choosing.model).is_file():
            raise UsageError(
                f"{choosing.model} is a model of the sentencepiece library",
                hint=f"use it with: --kind sentencepiece --set path={choosing.model}",
            )
        return tokenizers.load(runs.find_model(choosing.model, "tokenize"))
    kind = choosing.kind or "byte"
    config = configure(kind, choosing.set_ or ())
    if kind in FREE:
        if ids:
            raise _needs_vocabulary(kind, "ids need a vocabulary, which a kind alone does not have")
        return registry.load("tokenizers", kind).Free(config)
    if kind != "byte" and getattr(config, "path", None) is None:
        raise _needs_vocabulary(kind, "it has to be learned first")
    return tokenizers.learn(config, [])


def _needs_vocabulary(kind: str, why: str) -> UsageError:
    return UsageError(
        f"--kind {kind}: {why}",
        hint=f"seqcli tokenize --learn tok.safetensors --kind {kind} FILES, and then -m tok.safetensors",
    )


def _chunks(files: Sequence[str], replaced: streams.Replaced | None = None) -> Iterator[Chunk]:
    listed = sources(files)
    with _filter.progress("tokenizing", listed) as advance:
        for chunk in streams.read_text(listed, replaced=replaced):
            yield chunk
            advance(len(chunk.text) if chunk.text.isascii() else len(chunk.text.encode()))


# the filter


def run(files: Sequence[str], choosing: Choosing, doing: Doing, how: Lines) -> None:
    """Write a line for each line read, or a JSON object for each record."""
    tokenizer = choose(choosing, ids=doing.ids)
    known = isinstance(tokenizer, BaseTokenizer)
    if doing.objects:
        read = "jsonl" if doing.field else "text"
        reader = registry.load("records", read).Reader(Options(LABELLED, text=doing.field, gold=False))
        write = forms.form(read, True, reader, Writer())
        _filter.run(files, reader, Records(tokenizer), None, write, batch_size=64, how=how, what="tokenizing")
        return
    mode = "ids" if doing.ids else "pieces"
    if doing.decode:
        mode = "text of ids" if known and not doing.pieces else "text of pieces"
    texts = Texts(tokenizer, mode, how.unknown == "strict")
    _filter.run(files, Whole(), texts, None, lambda _, out: out, batch_size=1, how=how, what="tokenizing")


class Whole:
    """A reader whose records are whole chunks: lines together are much faster than one by one."""

    def feed(self, chunk: Chunk) -> Iterator[Chunk]:
        """Yield the chunk."""
        yield chunk

    def close(self) -> Iterator[Chunk]:
        """Yield nothing, as no record is held back."""
        yield from ()


@dataclass(frozen=True)
class _Travelling(Answering):
    """Answers with a tokenizer, which is sent to other processes as its header and arrays."""

    tokenizer: Any

    def packed(self) -> Any:
        """Return a function that rebuilds it; a tokenizer without a vocabulary is sent as it is."""
        if not isinstance(self.tokenizer, BaseTokenizer):
            return partial(replace, self)
        return partial(_unpacked, replace(self, tokenizer=None), *tokenizers.to_artifact(self.tokenizer))

    @property
    def known(self) -> bool:
        """Whether there is a vocabulary."""
        return isinstance(self.tokenizer, BaseTokenizer)


def _unpacked(empty: _Travelling, header: dict[str, Any], arrays: dict[str, np.ndarray]) -> _Travelling:
    tokenizer: Any = tokenizers.restore(header, {name.removeprefix("tokenizer."): a for name, a in arrays.items()})
    if hasattr(tokenizer, "use_one_thread"):
        tokenizer.use_one_thread()
    return replace(empty, tokenizer=tokenizer)


@dataclass
class Tokenized:
    """The output for a chunk, and the text in it that the tokenizer has no symbol for."""

    out: bytes
    lacking: Sequence[tuple[int, str]] = ()


@dataclass(frozen=True)
class Texts(_Travelling):
    """Tokenizes whole chunks into bytes of output."""

    mode: str  # pieces, ids, text of pieces, text of ids
    strict: bool
    small: ClassVar[int] = 1 << 14

    def ready(self, record: Chunk) -> Tokenized:
        """Return the output of a chunk. Raises Stopped with that of the lines before an error."""
        text = record.text
        try:
            return self._made(text)
        except (UnknownPiece, UnknownCharacter) as error:
            message, hint, at = error.message, error.hint, error.offset
        except _Strict as error:
            stop = _filter.stopped(error.what, error.offset)
            message, hint, at = stop.message, stop.hint, error.offset
        good = text.rfind("\n", 0, at) + 1
        raise _filter.Stopped(message, hint=hint, at=at, part=self._made(text[:good]).out if good else b"")

    def _made(self, text: str) -> Tokenized:
        ids = "ids" in self.mode
        if "text" in self.mode:
            decode = partial(self.tokenizer.from_lines, ids=ids) if self.known else self.tokenizer.from_lines
            return Tokenized(decode(text).encode())
        if not self.known:
            return Tokenized(self.tokenizer.lines(text))
        lines: Callable[[str], bytes] = partial(self.tokenizer.lines, ids=ids)
        try:
            out = lines(text)
            mark = self.tokenizer.unk_id
            shown = None if mark is None else str(mark) if ids else self.tokenizer.symbol(mark)
            there = shown and re.search(rb"(?<!\S)" + re.escape(shown.encode()) + rb"(?!\S)", out)
            if not there and not self.tokenizer.reads_all:
                return Tokenized(out)
            lacking = self.tokenizer.read(text)[1]
        except UnknownCharacter:
            lacking = self.tokenizer.read(text)[1]
            gone = {ord(character): None for _, character in lacking}
            out = lines(text.translate(gone))
        if self.strict and lacking:
            raise _Strict(*lacking[0])
        return Tokenized(out, lacking)

    def lacking(self, record: Tokenized) -> Sequence[tuple[int, str]]:
        """Return the text that the tokenizer has no symbol for."""
        return record.lacking

    def answer(self, records: Sequence[Tokenized], asked: None) -> list[bytes]:
        """Return the output of each chunk."""
        return [record.out for record in records]


class _Strict(Exception):
    """A text contains something the tokenizer has no symbol for, and --unknown strict stops at it."""

    def __init__(self, offset: int, what: str):
        super().__init__(what)
        self.offset, self.what = offset, what


@dataclass(frozen=True)
class Records(_Travelling):
    """Answers with the tokens, ids and offsets of each record's text."""

    def ready(self, record: Example) -> tuple[str, list[tuple[int, str]]]:
        """Return the text, and the parts of it that the tokenizer has no symbol for."""
        return record.text, self.tokenizer.read(record.text)[1] if self.known else []

    def lacking(self, record: tuple[str, list[tuple[int, str]]]) -> Sequence[tuple[int, str]]:
        """Return the parts that the tokenizer has no symbol for."""
        return record[1]

    def answer(self, records: Sequence[tuple[str, Any]], asked: None) -> list[dict[str, Any]]:
        """Return the value of `seqcli` for each record."""
        return [self._found(text, [at for at, _ in lacking]) for text, lacking in records]

    def _found(self, text: str, lacking: list[int]) -> dict[str, Any]:
        tokenizer = self.tokenizer if self.known else self.tokenizer.of(text)
        if lacking and tokenizer.unk_id is None and not tokenizer.reads_all:
            # unknown characters are left out, but offsets are those of the original text
            kept = sorted({*range(len(text))} - {*lacking})
            found = self._found("".join(text[i] for i in kept), [])
            return {**found, "offsets": [(kept[a], kept[b - 1] + 1) for a, b in found["offsets"]]}
        found = {"tokens": tokenizer.pieces(text)}
        if self.known:
            found["ids"] = tokenizer.encode(text).tolist()
        return {**found, "offsets": tokenizer.offsets(text)}

    def light(self, record: Example) -> Example:
        """Return the text alone."""
        return Example(record.text)


class Writer(forms.Writer):
    """Writes tokens, ids and offsets as JSON objects."""

    def results(self, record: Example, answer: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the one result."""
        return [answer]


# counts


def count(files: Sequence[str], choosing: Choosing, how: Lines, *, as_json: bool) -> None:
    """Print the number of lines, characters, bytes and tokens of all the input."""
    tokenizer = choose(choosing)
    found: dict[str, int] = dict.fromkeys(("lines", "characters", "bytes", "tokens"), 0)
    unknown, replaced = 0, streams.Replaced() if how.errors == "replace" else None
    for chunk in _chunks(files, replaced):
        text = chunk.text
        known = tokenizer if isinstance(tokenizer, BaseTokenizer) else tokenizer.of(text)
        try:
            ids, lacking = known.read(text)
        except UnknownCharacter as error:
            raise SeqcliError(f"{chunk.place(error.offset)}: {error.message}", hint=error.hint) from None
        if lacking and how.unknown == "strict":
            stop = _filter.stopped(lacking[0][1], 0)
            raise SeqcliError(f"{chunk.place(lacking[0][0])}: {stop.message}", hint=stop.hint)
        found["lines"] += text.count("\n") + (not text.endswith("\n"))
        found["characters"] += len(text)
        found["bytes"] += len(text) if text.isascii() else len(text.encode())
        found["tokens"] += len(ids)
        unknown += len(lacking)
    report: dict[str, float] = {**found}
    if unknown or (isinstance(tokenizer, BaseTokenizer) and tokenizer.unk_id is not None):
        report["unknown"] = unknown
    if found["characters"]:
        report["tokens-per-character"] = round(found["tokens"] / found["characters"], 6)
    out = Output()
    if as_json:
        out.json(report)
    else:
        for name, value in report.items():
            out.line(f"{name:<20}  {value:>14,}" if isinstance(value, int) else f"{name:<20}  {value:>14.4f}")
    out.flush()


# learning


def learn(files: Sequence[str], choosing: Choosing, path: str) -> None:
    """Learn a tokenizer and write it; print its path on standard output. Raises SeqcliError."""
    if choosing.model:
        raise UsageError("--learn cannot be combined with -m", hint="choose what to learn with --kind")
    if choosing.kind is None:
        raise UsageError("--learn needs --kind", hint=f"one of: {', '.join(registry.names('tokenizers'))}")
    config = configure(choosing.kind, choosing.set_ or ())
    folder = Path(path).parent
    if Path(path).is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        why = "it is a folder" if Path(path).is_dir() else f"{folder} is not a writable folder"
        raise SeqcliError(f"cannot write {path}: {why}", hint="name a file, as in --learn tok.safetensors")
    seen, digest = dict.fromkeys(("lines", "characters"), 0), hashlib.sha256()

    def texts() -> Iterator[str]:
        for chunk in _chunks(files):
            digest.update(chunk.text.encode())
            seen["lines"] += chunk.text.count("\n")
            seen["characters"] += len(chunk.text)
            yield chunk.text

    tokenizer = tokenizers.learn(config, texts())
    if not seen["characters"] and config.kind != "byte" and getattr(config, "path", None) is None:
        raise SeqcliError("there is no text to learn from", hint="name files, or pipe text in")
    about = {**seen, "sha256": digest.hexdigest()}
    tokenizers.save(
        tokenizer, path, vocabulary=tokenizer.size, learned={**config.model_dump(exclude={"path"}), **about}
    )
    console.say(f"{config.kind}: {tokenizer.size:,} symbols from {console.count(seen['characters'])} characters")
    out = Output()
    out.line(path)
    out.flush()
