"""What the data sets share whose records are read into memory: files fed to a reader, shares, names of splits."""

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
    """The records of one source."""
    chunk = None
    for chunk in streams.read_text([path], encoding=encoding):
        yield from reader.feed(chunk)
        advance(len(chunk.text))
    if chunk is None:  # an empty file is a source too: another may have to go with it
        yield from reader.feed(streams.Chunk("", "<stdin>" if str(path) == "-" else str(path), 1))
    yield from reader.close()


@dataclass(frozen=True)
class Records:
    """How files of records are read."""

    format: str
    options: Options
    encoding: str = "utf-8"
    trained: Mapping[str, Any] = field(default_factory=dict)  # the names of columns or keys in training, by role
    found: dict[str, Any] = field(default_factory=dict)  # those that are read are put in

    def read(self, paths: Sequence[Path | str], what: str = "") -> Iterator[Any]:
        """The records of files, in order; `what` heads a bar. Raises SeqcliError with file:line:column."""
        reads, total = open_format(self.options.kind, self.format), [Path(p) for p in paths if str(p) != "-"]
        with console.progress(what, sum(p.stat().st_size for p in total)) as advance:
            for path in paths:
                reader = reads.Reader(self.options, self.trained)
                yield from fed(reader, path, self.encoding, advance)
                for role, name in reader.found.items():
                    self.found.setdefault(role, name)


def known_format(formats: Sequence[str], what: str) -> AfterValidator:
    """Holds a recipe's `data.format` to the formats `what` there are."""

    def check(value: str | None) -> str | None:
        if value is not None and value not in formats:
            raise ValueError(f"{value!r} is no format {what}; known: {', '.join(formats)}")
        return value

    return AfterValidator(check)


def stated(config: Any, kind: Kind) -> dict[str, Any]:
    """The options of a format that a recipe states."""
    keys = {name: key.default for name, key in type(config).model_fields.items() if name in kind.kept}
    own = {name: value for name, default in keys.items() if (value := getattr(config, name)) != default}
    single = {name for name in kind.roles if not isinstance(own.get(name), list)}
    return {name: str(value) if name in single else value for name, value in own.items()}


def drawn(groups: Iterable[Sequence[int]], shares: Mapping[str, float]) -> dict[str, list[int]]:
    """The numbers of the records of `train` and of each share, drawn at random from each group, always the same;
    their order stays that of the data."""
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


REPEATED = 50  # one in so many records that stand in the training split too is worth a word


@dataclass(frozen=True)
class Corpus(Generic[R]):
    """The records of each split, in memory."""

    name: str
    format: str
    options: Any
    splits: dict[str, list[R]]
    encoding: str
    files: dict[str, list[Path]]
    config: Any
    names: dict[str, str]  # of splits that have files of their own
    roles: dict[str, Any]  # what the columns or keys that were read are called

    KEPT: ClassVar[tuple[str, ...]] = ()  # keys of the recipe that using a model takes
    UNIT: ClassVar[str] = "records"

    @classmethod
    def made(
        cls, config: Any, plan: Plan, format_name: str, options: Any, splits: dict[str, list[R]], **more: Any
    ) -> Self:
        """The corpus of splits that have been read. Raises SeqcliError where one is empty."""
        for split, records in splits.items():
            if not cls.filled(records):
                hint = f"it was read as {format_name}; see data.format"
                hint = "give it a larger share" if split in plan.shares else hint
                raise SeqcliError(f"the {split} split has no {cls.UNIT}", hint=hint)
        name, own = names(config.train, plan.named, plan.files)
        ordered = {split: splits[split] for split in SPLITS if split in splits}
        return cls(name, format_name, options, ordered, plan.encoding, plan.files, config, own, **more)

    def called(self, split: str) -> str:
        """The name of a split with its data set's."""
        return self.names.get(split) or f"{self.name} {split}"

    def records(self, split: str) -> list[R]:
        """Those of a split."""
        return self.splits[split]

    def replaying(self, name: str, records: Sequence[R]) -> Self:
        """With records of earlier data, called so, as a split that is replayed. Raises SeqcliError for none."""
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
        """The hash of a split, over what the model of a header reads."""
        return self.about(self.splits[split])["sha256"]

    @staticmethod
    def filled(records: Sequence[R]) -> bool:
        """Whether there is anything in records."""
        return bool(records)

    def facts(self, *columns: Any) -> dict[str, Any]:
        """What the artifact keeps of it: name, format, and name, size and hash of each split."""
        splits = {
            split: {"name": self.names.get(split, self.name), **self.about(records, *columns)}
            for split, records in self.splits.items()
        }
        kept = {key: getattr(self.config, key) for key in self.KEPT}
        about = {"name": self.name, "encoding": self.encoding, "format": self.format, "options": self.options.kept()}
        return {**about, "roles": self.roles, **kept, "splits": splits}

    def about(self, records: Sequence[R], *columns: Any) -> dict[str, Any]:
        """Size and hash of some records."""
        return {"records": len(records), "sha256": digest(map(self.row, records))}

    @staticmethod
    def row(record: Any) -> list[Any]:
        """What of a record its hash is of."""
        return []

    def doubts(self) -> list[str]:
        """What should be looked at before scores on this data are believed."""
        known = {self.given(record) for record in self.splits["train"]}
        found = []
        for split, records in self.splits.items():
            keys = [key for record in records if (key := self.given(record))] if split in self.judged else []
            if (again := sum(key in known for key in keys)) * REPEATED > len(keys):
                what = f"{split}: {again:,} of {len(keys):,} records stand in the training split too, word for word"
                found.append(f"{what}: its scores say less")
        return found

    @staticmethod
    def given(record: Any) -> Any:
        """What of a record a model is given: of a file that it names what that holds."""
        return tuple(content(record)) or record.text


def digest(rows: Iterable[list[Any]]) -> str:
    """sha256 over what records hold, hexadecimal: the same in every format."""
    found = hashlib.sha256()
    for row in rows:
        found.update(json.dumps(row, ensure_ascii=True).encode())
    return found.hexdigest()


def names(train: Files, named: catalog.Named | None, files: Mapping[str, list[Path]]) -> tuple[str, dict]:
    """What a corpus is called, and what those of its splits are that have files of their own."""
    if named:
        return named.name, {}
    return describe(train), {split: describe([str(f) for f in own]) for split, own in files.items()}


def beginning(path: Path) -> str:
    """The text that a file begins with, for guessing its format."""
    with open_source(path) as (file, _):
        return file.read(GUESSED).decode("utf-8", errors="replace")
