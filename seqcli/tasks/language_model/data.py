"""Read plain text from paths, globs, standard input or a named data set, as one stream of tokens for each split."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, model_validator

from seqcli import console, runs
from seqcli.artifact import replacing
from seqcli.datasets import catalog
from seqcli.datasets.entry import Encoding
from seqcli.datasets.parts import Part, chunks, cut, digest, size, whole
from seqcli.datasets.replay import SPLIT as REPLAY
from seqcli.datasets.replay import ReplaySpec
from seqcli.datasets.sources import SPLITS, Files, Held, describe, encoding_of, find_splits, named_set
from seqcli.datasets.tokens import tokens, turned
from seqcli.errors import SeqcliError, UsageError
from seqcli.files import open_source, packing
from seqcli.reader import line_hashes
from seqcli.records import Example
from seqcli.streams import Chunk, read_text, without_marks
from seqcli.tasks.classification import data as labelled
from seqcli.tasks.classification.labels import unknown_label
from seqcli.tasks.language_model.condition import Condition, values_of
from seqcli.tokenizers import BaseTokenizer

TOKENIZED = True  # a recipe names a tokenizer


class Config(BaseModel, extra="forbid"):
    """Recipe keys of `data` for plain text."""

    train: Files  # a name, a path, a glob, `-`, or a list of paths and globs
    valid: Held = None  # a share of the text, or files; default: the named data set's split, else none
    test: Held = None
    encoding: Encoding = "utf-8"
    split_at: Literal["line", "character"] | None = None  # where a share may cut; default: the data set's, else line
    reversed: bool = False  # read every line backwards: for a model's `reader`, beside one that reads forwards
    condition: str | int | None = None  # of records: the column or key of the label that texts are conditioned on
    text: str | int | None = None  # with condition: the column or key of the text
    replay: ReplaySpec = None  # with --init-from: this share of the streams comes from the model's earlier data

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        if self.condition is None and self.text is not None:
            raise ValueError("text: names a column or key of records, which need condition too")
        if self.condition is not None and self.reversed:
            raise ValueError("reversed: with condition a line begins with its label; remove reversed")
        if self.condition is not None and self.split_at:
            raise ValueError("split_at: with condition shares are drawn from each label's records; remove split_at")
        if self.condition is not None and self.train in ("-", ["-"]):
            raise ValueError("train: standard input is plain text; with condition name a file of records")
        return self


@dataclass(frozen=True)
class Corpus:
    """The splits of a text as byte ranges of files, with the hash of each."""

    name: str
    splits: dict[str, list[Part]]
    digests: dict[str, str]
    encoding: str
    condition: Mapping[str, Any] | None = None  # the condition of its records, and how these are read
    reversed: bool = False  # whether each line is read backwards
    names: Mapping[str, str] = field(default_factory=dict)  # of splits that have files of their own

    def texts(self, split: str, what: str) -> Iterator[str]:
        """Yield the text of a split in chunks of whole lines, with progress on stderr."""
        parts = self.splits[split]
        with console.progress(what, size(parts)) as advance:
            for chunk in chunks(parts, self.encoding, advance):
                yield self._read(chunk).text

    def replaying(self, name: str, parts: list[Part]) -> Corpus:
        """Return the corpus with earlier text, called `name`, as a replayed split. Raises SeqcliError if it is
        empty."""
        if not size(parts):
            raise SeqcliError(f"data.replay: {name} is empty", hint="name other files: {share: 0.25, train: FILES}")
        splits, digests = {**self.splits, REPLAY: parts}, {**self.digests, REPLAY: digest(parts)}
        return replace(self, splits=splits, digests=digests)

    def _read(self, chunk: Chunk) -> Chunk:
        return turned(chunk) if self.reversed else chunk

    def tokens(self, split: str, tokenizer: BaseTokenizer) -> np.ndarray:
        """Return the ids (N,) of a split, memory-mapped."""
        parts, what = self.splits[split], f"tokenizing {split}"
        return tokens(parts, self.digests[split], tokenizer, self.encoding, what, backwards=self.reversed)

    def called(self, split: str) -> str:
        """Return the name of a split with that of its data set."""
        return self.names.get(split) or f"{self.name} {split}"

    def lines(self) -> np.ndarray:
        """Return the hashes of the training split's lines (see `line_hashes`)."""
        return line_hashes(chunk.text for chunk in chunks(self.splits["train"], self.encoding))

    def records(self, split: str) -> Iterator[Chunk]:
        """Yield the text of a split in chunks of whole lines."""
        return map(self._read, chunks(self.splits[split], self.encoding))

    def sha256(self, split: str, header: Any) -> str:
        """Return the hash of a split."""
        return self.digests[split]

    def facts(self) -> dict[str, Any]:
        """Return what the artifact stores: the name, and the bytes and hash of each split."""
        splits = {s: {"bytes": size(p), "sha256": self.digests[s]} for s, p in self.splits.items()}
        found = {"name": self.name, "encoding": self.encoding, "splits": splits}
        found |= {"reversed": True} if self.reversed else {}
        return found if self.condition is None else {**found, "condition": self.condition}


def open_corpus(config: Config, base: Path, values: Sequence[str] = ()) -> Corpus:
    """Find the files, split off the shares, hash the splits; `values` are labels of a condition that come before the
    data's own. Raises SeqcliError for missing or empty data."""
    if config.condition is not None:
        return _of_records(config, base, values)
    named = named_set(config.train, base)
    if named and named.format != "text":
        raise UsageError(f"the data set {named.name!r} is {named.format}, not plain text")
    files, shares = find_splits(config, base, named)
    splits = {split: whole([_plain(p) for p in paths], _called(paths)) for split, paths in files.items()}
    if size(splits["train"]) == 0:
        hint = "data.train is -, but standard input was empty" if config.train in ("-", ["-"]) else ""
        raise SeqcliError(f"the corpus is empty: {describe(config.train)}", hint=hint)
    splits |= _share_out(splits["train"], shares, (config.split_at or (named and named.split_at) or "line") == "line")
    for split, parts in splits.items():
        if size(parts) == 0:
            hint = (
                "the text has too few lines for its shares: give a larger share, a file, or data.split_at: character"
            )
            hint = hint if shares else ""
            raise SeqcliError(f"the {split} split is empty", hint=hint)
    encoding = encoding_of(config.encoding, named)
    ordered = {s: splits[s] for s in SPLITS if s in splits}
    digests = {s: digest(p) for s, p in ordered.items()}
    called = named.name if named else describe(config.train)
    own = {} if named else {s: describe([str(p) for p in files[s]]) for s in ordered if s in files and s != "train"}
    return Corpus(called, ordered, digests, encoding, reversed=config.reversed, names=own)


def _of_records(config: Config, base: Path, values: Sequence[str]) -> Corpus:
    """Open records with labels, as lines that begin with their label's symbol, stored in the cache by hash."""
    own, name = config.model_dump(exclude={"split_at", "condition", "reversed", "replay"}), str(config.condition)
    found = labelled.open_corpus(labelled.Config(**own, label=config.condition), base)
    condition = Condition(name, tuple(dict.fromkeys([*values, *values_of(found.splits["train"], name)])))
    splits = {}
    for split, examples in found.splits.items():
        _check_labels(examples, condition)
        text = condition.text(examples).encode("utf-8", errors="surrogatepass")
        path = catalog.cache_folder() / "records" / f"{hashlib.sha256(text).hexdigest()[:32]}.txt"
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as file:
                file.write(text)
        splits[split] = whole([path], [found.called(split)])
    about = {"name": name, "values": list(condition.values), "records": found.facts()}
    return Corpus(found.name, splits, {s: digest(p) for s, p in splits.items()}, "utf-8", about)


def _check_labels(examples: Iterable[Example], condition: Condition) -> None:
    """Raise SeqcliError for a record whose label is not a value of the condition."""
    for example in examples:
        if (label := (example.labels or [""])[0]) not in condition.values:
            raise unknown_label(example, label, condition.values)


def _share_out(train: list[Part], shares: dict[str, float], at_line: bool) -> dict[str, list[Part]]:
    """Split the shares off the end, by position: train | valid | test."""
    if not shares:
        return {}
    total, rest, at, found = size(train), train, 1 - sum(shares.values()), {}
    taken = 0
    for name, following in zip(["train", *shares], [*shares, None], strict=True):
        if following is None:
            found[name] = rest
            break
        before, rest = cut(rest, max(int(total * at) - taken, 0), at_line=at_line)
        found[name] = before
        taken += size(before)
        at += shares[following]
    return found


def _plain(path: Path) -> Path:
    """Return a file of plain text; a compressed file is unpacked into the cache once, named by its hash."""
    try:
        packed = packing(path)
    except OSError as error:
        raise SeqcliError(f"cannot read {path}: {error.strerror}") from None
    if packed is None:
        return path
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    found = catalog.cache_folder() / "unpacked" / f"{digest[:32]}.txt"
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
    """Return the names of files for messages; standard input is stored in the cache by its hash."""
    kept = catalog.cache_folder() / "stdin"
    return ["<stdin>" if path.parent == kept else str(path) for path in paths]


def read_replayed(header: Any, paths: Sequence[Path], said: Any) -> list[Part]:
    """Return the text of replayed files. Raises UsageError for a model under a condition, which reads records."""
    if Condition.of(header) is not None:
        raise UsageError(
            "data.replay: train: files cannot be named for a model under a condition",
            hint="remove train: data.replay: 0.25 reads the data that it was trained on",
        )
    return whole([_plain(path) for path in paths], _called(list(paths)))


def read_scored(header: Any, paths: Sequence[str | Path], said: Any) -> Iterable[Chunk]:
    """Return the text of files to score; for a model under a condition, records with their labels."""
    if (condition := Condition.of(header)) is not None:
        records = {"data": header["data"]["condition"]["records"]}
        examples = labelled.read_scored(records, paths, said)
        _check_labels(examples, condition)
        return [Chunk(condition.line(e), e.source, e.line) for e in examples]
    read = without_marks(read_text(paths, cut_long_lines=True, end_lines=True))
    return map(turned, read) if runs.is_reversed(header) else read
