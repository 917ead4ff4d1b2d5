"""Plain text: corpora from paths, globs, standard input or a named data set; one stream of tokens a split."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from seqcli import console
from seqcli.artifact import Artifact, replacing
from seqcli.datasets import _catalog, _parts
from seqcli.datasets._parts import Part
from seqcli.datasets._tokens import tokens
from seqcli.errors import SeqcliError, UsageError
from seqcli.files import expand, open_source, packing
from seqcli.streams import stdin_is_interactive
from seqcli.tokenizers import BaseTokenizer

TOKENIZED = True  # a recipe names a tokenizer
Files = str | list[str]
Held = Annotated[float, Field(gt=0, lt=1)] | Files | None
SPLITS = ("train", "valid", "test")


def known_encoding(value: str) -> str:
    """The encoding, if text in it can be cut at lines. Raises ValueError.

    A byte order mark is never part of a text, so that `utf-8-sig` says nothing more than `utf-8`.
    """
    if value.lower().replace("_", "-") == "utf-8-sig":
        return "utf-8"
    try:
        plain = "a\n".encode(value) == b"a\n"  # lines are found before they are decoded
    except (LookupError, TypeError, ValueError):
        raise ValueError(f"unknown encoding {value!r}; known: utf-8, latin-1, cp1252, koi8-r, gbk ...") from None
    if not plain:
        raise ValueError(f"text in {value} cannot be cut at lines; convert it to utf-8 first, with iconv")
    return value


Encoding = Annotated[str, AfterValidator(known_encoding)]


class Config(BaseModel):
    """Recipe keys of `data` for plain text."""

    model_config = ConfigDict(extra="forbid")

    train: Files  # a name, a path, a glob, `-`, or a list of paths and globs
    valid: Held = None  # a share of the text, or files; default: what the named data set says, else none
    test: Held = None
    encoding: Encoding = "utf-8"
    split_at: Literal["line", "character"] | None = None  # where a share may cut; default: the data set's, else line


@dataclass(frozen=True)
class Corpus:
    """The splits of a text as byte ranges of files, with the hash of each."""

    name: str
    splits: dict[str, list[Part]]
    digests: dict[str, str]
    encoding: str

    def texts(self, split: str, what: str) -> Iterator[str]:
        """The text of a split in chunks of whole lines, with progress on stderr."""
        parts = self.splits[split]
        with console.progress(what, _parts.size(parts)) as advance:
            for chunk in _parts.chunks(parts, self.encoding, advance):
                yield chunk.text

    def tokens(self, split: str, tokenizer: BaseTokenizer) -> np.ndarray:
        """Ids (N,) of a split, memory-mapped."""
        return tokens(self.splits[split], self.digests[split], tokenizer, self.encoding, f"tokenizing {split}")

    def facts(self) -> dict[str, Any]:
        """What the artifact keeps of it: name, and bytes and hash of each split."""
        splits = {s: {"bytes": _parts.size(p), "sha256": self.digests[s]} for s, p in self.splits.items()}
        return {"name": self.name, "encoding": self.encoding, "splits": splits}


def open_corpus(config: Config, base: Path) -> Corpus:
    """Find the files, cut the shares, hash the splits. Raises SeqcliError for what is missing or empty."""
    named = named_set(config.train, base)
    if named and named.format != "text":
        raise UsageError(f"the data set {named.name!r} is {named.format}, not plain text")
    files, shares = find_splits(config, base, named)
    splits = {split: _parts.whole([_plain(p) for p in paths], _called(paths)) for split, paths in files.items()}
    if _parts.size(splits["train"]) == 0:
        hint = "data.train is -, and nothing came on standard input" if config.train in ("-", ["-"]) else ""
        raise SeqcliError(f"the corpus is empty: {describe(config.train)}", hint=hint)
    splits |= _share_out(splits["train"], shares, (config.split_at or (named and named.split_at) or "line") == "line")
    for split, parts in splits.items():
        if _parts.size(parts) == 0:
            hint = (
                "the text has too few lines for its shares: give a larger share, a file, or data.split_at: character"
            )
            hint = hint if shares else ""
            raise SeqcliError(f"the {split} split is empty", hint=hint)
    encoding = encoding_of(config.encoding, named)
    ordered = {s: splits[s] for s in SPLITS if s in splits}
    digests = {s: _parts.digest(p) for s, p in ordered.items()}
    return Corpus(named.name if named else describe(config.train), ordered, digests, encoding)


def named_set(train: Files, base: Path) -> _catalog.Named | None:
    """The data set that `data.train` names, if it is a name and no file."""
    if isinstance(train, str) and _catalog.looks_like_name(train) and not (base / train).is_file():
        return _catalog.find(train)
    return None


def find_splits(
    config: Any, base: Path, named: _catalog.Named | None
) -> tuple[dict[str, list[Path]], dict[str, float]]:
    """The files of the splits that have their own, and the shares of the training split that others are.

    `config` has `train`, `valid` and `test`. Raises UsageError where the shares leave nothing to train on.
    """
    files = {"train": named.files["train"] if named else locate(config.train, base)}
    shares: dict[str, float] = {}
    for split in ("valid", "test"):
        own = getattr(config, split)
        if isinstance(own, float):
            shares[split] = own
        elif own is not None:
            files[split] = locate(own, base)
        elif named and split in named.files:
            files[split] = named.files[split]
        elif named and split in named.shares:
            shares[split] = named.shares[split]
    if sum(shares.values()) >= 1:
        raise UsageError(f"data: the shares of valid and test leave nothing to train on ({sum(shares.values()):g})")
    return files, shares


def encoding_of(wanted: str, named: _catalog.Named | None) -> str:
    """The encoding: as the recipe says, else as the named data set does."""
    return wanted if named is None or wanted != "utf-8" else named.encoding


def _share_out(train: list[Part], shares: dict[str, float], at_line: bool) -> dict[str, list[Part]]:
    """Cut the shares off the end: train | valid | test, by position."""
    if not shares:
        return {}
    total, rest, at, found = _parts.size(train), train, 1 - sum(shares.values()), {}
    taken = 0
    for name, following in zip(["train", *shares], [*shares, None], strict=True):
        if following is None:
            found[name] = rest
            break
        before, rest = _parts.cut(rest, max(int(total * at) - taken, 0), at_line=at_line)
        found[name] = before
        taken += _parts.size(before)
        at += shares[following]
    return found


def locate(files: Files, base: Path) -> list[Path]:
    """Paths and globs relative to the recipe; `-` goes into the cache first, for a corpus is read more than once."""
    listed = [files] if isinstance(files, str) else files
    return [path for file in listed for path in ([_spool()] if file == "-" else expand([file], base))]


def _spool() -> Path:
    """Standard input as a file of the cache, named by its content. Raises UsageError where it is a terminal."""
    if stdin_is_interactive():
        raise UsageError(
            "data.train is -, but nothing is piped into standard input", hint="cat FILES | seqcli train …"
        )
    folder = _catalog.cache_folder() / "stdin"
    folder.mkdir(parents=True, exist_ok=True)
    incoming, digest = folder / f"incoming-{os.getpid()}", hashlib.sha256()
    with open_source("-") as (source, _), replacing(incoming) as file:
        while block := source.read(1 << 20):
            digest.update(block)
            file.write(block)
    return incoming.replace(folder / f"{digest.hexdigest()[:32]}.txt")


def _plain(path: Path) -> Path:
    """A file whose byte ranges are text: a packed one is unpacked into the cache once, named by what it packs."""
    try:
        packed = packing(path)
    except OSError as error:
        raise SeqcliError(f"cannot read {path}: {error.strerror}") from None
    if packed is None:
        return path
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    found = _catalog.cache_folder() / "unpacked" / f"{digest[:32]}.txt"
    if not found.is_file():
        found.parent.mkdir(parents=True, exist_ok=True)
        with (
            open_source(path) as (source, _),
            replacing(found) as file,
            console.progress(f"unpacking {path.name}", path.stat().st_size) as advance,
        ):
            at = 0
            while block := source.read(1 << 20):
                file.write(block)
                advance(source.tell() - at)
                at = source.tell()
    return found


def _called(paths: list[Path]) -> list[str]:
    """What messages call files: standard input is kept in the cache by its hash."""
    kept = _catalog.cache_folder() / "stdin"
    return ["<stdin>" if path.parent == kept else str(path) for path in paths]


def describe(files: Files) -> str:
    """A name for a corpus that has none: its files' names."""
    listed = [files] if isinstance(files, str) else files
    names = ["<stdin>" if f == "-" else Path(f).name for f in listed]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def vocabulary(stored: Artifact) -> int:
    """The size of the vocabulary that a model's artifact was made with."""
    return stored.header["vocabulary"]
