"""The work of `seqcli tokenize`."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqcli import console, registry, runs, streams, tokenizers
from seqcli.cli import _token_filter
from seqcli.errors import SeqcliError, UsageError, did_you_mean
from seqcli.files import sources
from seqcli.streams import Chunk, Output
from seqcli.tokenizers import BaseTokenizer, UnknownCharacter

FREE = ("char", "word")  # kinds that can show pieces without a vocabulary


@dataclass(frozen=True)
class Request:
    """What the command line asks for."""

    files: Sequence[str]
    model: str | None
    kind: str | None
    settings: Sequence[str]
    ids: bool = False
    decode: bool = False
    pieces: bool = False
    count: bool = False
    json: bool = False
    jsonl: bool = False
    field: str | None = None

    def check(self) -> None:
        """Raise UsageError for flags that contradict each other."""
        chosen = {"--decode": self.decode, "--count": self.count, "--jsonl": self.jsonl}
        if sum(chosen.values()) > 1:
            first, second, *_ = [flag for flag, on in chosen.items() if on]
            raise UsageError(f"{first} and {second} do not go together")
        if self.ids and (self.pieces or self.jsonl or self.count):
            raise UsageError(
                f"--ids does not go with --{'pieces' if self.pieces else 'jsonl' if self.jsonl else 'count'}",
                hint="--jsonl gives pieces and ids" if self.jsonl else "",
            )
        if self.pieces and (self.count or self.jsonl):
            raise UsageError("--pieces goes with --decode alone")
        if self.json and not self.count:
            raise UsageError("--json goes with --count", hint="one object a line is --jsonl")
        if self.model and (self.kind or self.settings):
            raise UsageError(f"-m brings its own tokenizer: {'--kind' if self.kind else '--set'} does not go with it")


# which tokenizer


def configure(kind: str, settings: Sequence[str]) -> Any:
    """The kind's Config from `key=value` texts. Raises UsageError with every mistake."""
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
            hint = did_you_mean(key, known) or f"{kind} has nothing to set"
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


def choose(request: Request) -> Any:
    """The tokenizer asked for, or the `Free` of a kind that shows pieces without a vocabulary. Raises SeqcliError."""
    if request.model is not None:
        if request.model.endswith(".model") and Path(request.model).is_file():
            raise UsageError(
                f"{request.model} is a model of the sentencepiece library",
                hint=f"use it with: --kind sentencepiece --set path={request.model}",
            )
        return tokenizers.load(runs.find_model(request.model, "tokenize"))
    kind = request.kind or "byte"
    module = registry.load("tokenizers", kind)
    config = configure(kind, request.settings)
    if kind in FREE:
        if request.ids:
            raise _needs_vocabulary(kind, "ids need a vocabulary, which a kind alone does not have")
        return module.Free(config)
    if kind != "byte" and getattr(config, "path", None) is None:
        raise _needs_vocabulary(kind, "it has to be learned first")
    return module.Tokenizer.learn([], config)


def _needs_vocabulary(kind: str, why: str) -> UsageError:
    return UsageError(
        f"--kind {kind}: {why}",
        hint=f"seqcli tokenize --learn tok.safetensors --kind {kind} FILES, and then -m tok.safetensors",
    )


def _chunks(files: Sequence[str]) -> Iterator[Chunk]:
    listed = sources(files)
    total = None if "-" in listed else float(sum(Path(f).stat().st_size for f in listed))
    if sys.stdout.isatty() or total is None:
        yield from streams.read_text(listed)
        return
    with console.progress("tokenizing", total) as advance:
        for chunk in streams.read_text(listed):
            yield chunk
            advance(len(chunk.text) if chunk.text.isascii() else len(chunk.text.encode()))


def run(request: Request, jobs: int) -> None:
    """The filter: a line out for a line in."""
    request.check()
    if request.pieces and not request.decode:
        raise UsageError("--pieces goes with --decode", hint="without --decode, pieces are what is written")
    tokenizer = choose(request)
    known = isinstance(tokenizer, BaseTokenizer)
    mode = "ids" if request.ids else "records" if request.jsonl else "pieces"
    if request.decode:
        mode = "text of ids" if known and not request.pieces else "text of pieces"
    work = _token_filter.Work(tokenizer, mode, request.field)
    _token_filter.run(work, _chunks(request.files), jobs, live="-" in request.files)


# counts


def count(request: Request) -> None:
    """Lines, characters, bytes and tokens of all the input."""
    request.check()
    tokenizer = choose(request)
    found: dict[str, int] = dict.fromkeys(("lines", "characters", "bytes", "tokens"), 0)
    unknown = 0
    for chunk in _chunks(request.files):
        text = chunk.text
        known = tokenizer if isinstance(tokenizer, BaseTokenizer) else tokenizer.of(text)
        try:
            ids = known.encode(text)
        except UnknownCharacter as error:
            before, column = streams.column_of(text, error.offset)
            raise SeqcliError(f"{chunk.source}:{chunk.line + before}:{column}: {error.message}") from None
        found["lines"] += text.count("\n") + (not text.endswith("\n"))
        found["characters"] += len(text)
        found["bytes"] += len(text) if text.isascii() else len(text.encode())
        found["tokens"] += len(ids)
        if known.unk_id is not None:
            unknown += int((ids == known.unk_id).sum())
    report: dict[str, float] = {**found}
    if isinstance(tokenizer, BaseTokenizer) and tokenizer.unk_id is not None:
        report["unknown"] = unknown
    if found["characters"]:
        report["tokens-per-character"] = round(found["tokens"] / found["characters"], 6)
    out = Output()
    if request.json:
        out.json(report)
    else:
        for name, value in report.items():
            out.line(f"{name:<20}  {value:>14,}" if isinstance(value, int) else f"{name:<20}  {value:>14.4f}")
    out.flush()


# learning


def learn(request: Request, path: str) -> None:
    """Learn a tokenizer and write it; its path goes to standard output. Raises SeqcliError."""
    request.check()
    if odd := [f for f in ("decode", "count", "jsonl", "ids") if getattr(request, f)]:
        raise UsageError(f"--learn does not go with --{odd[0]}")
    if request.model:
        raise UsageError("--learn does not go with -m", hint="choose what to learn with --kind")
    if request.kind is None:
        raise UsageError("--learn needs --kind", hint=f"one of: {', '.join(registry.names('tokenizers'))}")
    config = configure(request.kind, request.settings)
    folder = Path(path).parent
    if Path(path).is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        why = "it is a folder" if Path(path).is_dir() else f"{folder} is not a folder that can be written to"
        raise SeqcliError(f"cannot write {path}: {why}", hint="name a file, as in --learn tok.safetensors")
    seen, digest = dict.fromkeys(("lines", "characters"), 0), hashlib.sha256()

    def texts() -> Iterator[str]:
        for chunk in _chunks(request.files):
            digest.update(chunk.text.encode())
            seen["lines"] += chunk.text.count("\n")
            seen["characters"] += len(chunk.text)
            yield chunk.text

    tokenizer = registry.load("tokenizers", request.kind).Tokenizer.learn(texts(), config)
    if not seen["characters"] and request.kind != "byte" and getattr(config, "path", None) is None:
        raise SeqcliError("there is no text to learn from", hint="name files, or pipe text in")
    about = {**seen, "sha256": digest.hexdigest()}
    tokenizers.save(
        tokenizer, path, vocabulary=tokenizer.size, learned={**config.model_dump(exclude={"path"}), **about}
    )
    console.say(f"{request.kind}: {tokenizer.size:,} symbols from {console.count(seen['characters'])} characters")
    out = Output()
    out.line(path)
    out.flush()
