"""What data sets share whose records are read into memory: files fed to a reader, shares, names of splits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
from pydantic import AfterValidator

from seqcli import console, streams
from seqcli.datasets import catalog
from seqcli.datasets.replay import SPLIT as REPLAY
from seqcli.datasets.sources import SPLITS, Files, Plan, describe
from seqcli.errors import SeqcliError
from seqcli.files import open_source
from seqcli.frames import content
from seqcli.records import Kind, Options, Reader, Record, open_format

R = TypeVar("R", bound=Record)

GUESSED = 1 << 14  # bytes of a file from which its format is guessed


def fed(reader: Reader, path: Path | str, encoding: str, advance: Any) -> Iterator[Any]:
    """Yield the records of one source."""
    chunk = None
    for chunk in streams.read_text([path], encoding=encoding):
        yield from reader.feed(chunk)
        advance(len(chunk.text))
    if chunk is None:  # an empty file is a source too: it may need another beside it
        yield from reader.feed(streams.Chunk("", "<stdin>" if str(path) == "-" else str(path), 1))
    yield from reader.close()


@dataclass(frozen=True)
class Records:
    """The way to read files of records."""

    format: str
    options: Options
    encoding: str = "utf-8"
    trained: Mapping[str, Any] = field(default_factory=dict)  # the names of columns or keys in training, by role
    found: dict[str, Any] = field(default_factory=dict)  # filled with the names that are read

    def read(self, paths: Sequence[Path | str], what: str = "") -> Iterator[Any]:
        """Yield the records of files, in order; `what` heads a bar. Raises SeqcliError with file:line:column."""
        reads, total = open_format(self.options.kind, self.format), [Path(p) for p in paths if str(p) != "-"]
        with console.progress(what, sum(p.stat().st_size for p in total)) as advance:
            for path in paths:
                reader = reads.Reader(self.options, self.trained)
                yield from fed(reader, path, self.encoding, advance)
                for role, name in reader.found.items():
                    self.found.setdefault(role, name)


def known_format(formats: Sequence[str], what: str) -> AfterValidator:
    """Return a validator that restricts a recipe's `data.format` to `formats`."""

    def check(value: str | None) -> str | None:
        if value is not None and value not in formats:
            raise ValueError(f"{value!r} is not a format {what}; known: {', '.join(formats)}")
        return value

    return AfterValidator(check)


def stated(config: Any, kind: Kind) -> dict[str, Any]:
    """Return the options of a format that a recipe sets."""
    keys = {name: key.default for name, key in type(config).model_fields.items() if name in kind.kept}
    own = {name: value for name, default in keys.items() if (value := getattr(config, name)) != default}
    single = {name for name in kind.roles if not isinstance(own.get(name), list)}
    return {name: str(value) if name in single else value for name, value in own.items()}


def drawn(groups: Iterable[Sequence[int]], shares: Mapping[str, float]) -> dict[str, list[int]]:
    """Return the numbers of the records of `train` and of each share, drawn at random from each group with a fixed
    seed; they keep the order of the data."""
    groups = list(groups)
    total = sum(map(len, groups))
    parts: dict[str, list[int]] = {split: [] for split in ("train", *shares)}
    for number, members in enumerate(groups):
        order = [members[i] for i in np.random.default_rng([total, number]).permutation(len(members))]
        end = len(order)
        for split, share in shares.items():
            begin = end - round(share * len(members))
            parts[split] += order[begin:end]
            end = begin
        parts["train"] += order[:end]
    return {split: sorted(members) for split, members in parts.items()}


REPEATED = 50  # a warning is due if more than one in so many records is in the training split too


@dataclass(frozen=True)
class Corpus(Generic[R]):
    """A data set in memory: the records of each split."""

    name: str
    format: str
    options: Any
    splits: dict[str, list[R]]
    encoding: str
    files: dict[str, list[Path]]
    config: Any
    names: dict[str, str]  # of splits that have files of their own
    roles: dict[str, Any]  # the names of the columns or keys that were read

    KEPT: ClassVar[tuple[str, ...]] = ()  # keys of the recipe that are needed to use a model
    UNIT: ClassVar[str] = "records"

    @classmethod
    def made(
        cls, config: Any, plan: Plan, format_name: str, options: Any, splits: dict[str, list[R]], **more: Any
    ) -> Self:
        """Create the corpus from splits that have been read. Raises SeqcliError if one is empty."""
        for split, records in splits.items():
            if not cls.filled(records):
                hint = f"it was read as {format_name}; see data.format"
                hint = "give it a larger share, or files of its own" if split in plan.shares else hint
                own = f" ({describe([str(p) for p in plan.files[split]])})" if split in plan.files else ""
                raise SeqcliError(f"the {split} split has no {cls.UNIT}{own}", hint=hint)
        name, own = names(config.train, plan.named, plan.files)
        ordered = {split: splits[split] for split in SPLITS if split in splits}
        return cls(name, format_name, options, ordered, plan.encoding, plan.files, config, own, **more)

    def called(self, split: str) -> str:
        """Return the name of a split with that of its data set."""
        return self.names.get(split) or f"{self.name} {split}"

    def records(self, split: str) -> list[R]:
        """Return the records of a split."""
        return self.splits[split]

    def replaying(self, name: str, records: Sequence[R]) -> Self:
        """Return the corpus with earlier records, called `name`, as a replayed split. Raises SeqcliError for none."""
        if not self.filled(records):
            raise SeqcliError(
                f"data.replay: {name} has no {self.UNIT}", hint="name other files: {share: 0.25, train: FILES}"
            )
        return replace(self, splits={**self.splits, REPLAY: list(records)}, names={**self.names, REPLAY: name})

    @property
    def earlier(self) -> list[R]:
        """The records that are replayed."""
        return self.splits.get(REPLAY, [])

    @property
    def judged(self) -> list[str]:
        """The splits that are not trained on."""
        return [split for split in self.splits if split not in ("train", REPLAY)]

    def sha256(self, split: str, header: Mapping[str, Any]) -> str:
        """Return the hash of a split, over what the model of a header reads."""
        return self.about(self.splits[split])["sha256"]

    @staticmethod
    def filled(records: Sequence[R]) -> bool:
        """Whether records contain anything."""
        return bool(records)

    def facts(self, *columns: Any) -> dict[str, Any]:
        """Return what the artifact stores: name, format, and name, size and hash of each split."""
        splits = {
            split: {"name": self.names.get(split, self.name), **self.about(records, *columns)}
            for split, records in self.splits.items()
        }
        kept = {key: getattr(self.config, key) for key in self.KEPT}
        about = {"name": self.name, "encoding": self.encoding, "format": self.format, "options": self.options.kept()}
        return {**about, "roles": self.roles, **kept, "splits": splits}

    def about(self, records: Sequence[R], *columns: Any) -> dict[str, Any]:
        """Return the size and hash of some records."""
        return {"records": len(records), "sha256": digest(map(self.row, records))}

    @staticmethod
    def row(record: Any) -> list[Any]:
        """Return the parts of a record that its hash covers."""
        return []

    def doubts(self) -> list[str]:
        """Return what should be checked before scores on this data are trusted."""
        known = {self.given(record) for record in self.splits["train"]}
        found = []
        for split, records in self.splits.items():
            keys = [key for record in records if (key := self.given(record))] if split in self.judged else []
            if (again := sum(key in known for key in keys)) * REPEATED > len(keys):
                what = f"{split}: {again:,} of {len(keys):,} records are in the training split too, word for word"
                found.append(f"{what}: its scores mean less")
        return found

    @staticmethod
    def given(record: Any) -> Any:
        """Return the input of a model in a record; for a file that it names, the file's content."""
        return tuple(content(record)) or record.text


def digest(rows: Iterable[list[Any]]) -> str:
    """Return the hexadecimal sha256 of what records hold; the same in every format."""
    found = hashlib.sha256()
    for row in rows:
        found.update(json.dumps(row, ensure_ascii=True).encode())
    return found.hexdigest()


def names(train: Files, named: catalog.Named | None, files: Mapping[str, list[Path]]) -> tuple[str, dict]:
    """Return the name of a corpus, and the names of its splits that have files of their own."""
    if named:
        return named.name, {}
    return describe(train), {split: describe([str(f) for f in own]) for split, own in files.items()}


def beginning(path: Path) -> str:
    """Return the beginning of a file's text, to guess its format."""
    with open_source(path) as (file, _):
        return file.read(GUESSED).decode("utf-8", errors="replace")
