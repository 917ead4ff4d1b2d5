"""What the data sets share whose records are read into memory: files fed to a reader, shares, names of splits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqcli import streams
from seqcli.datasets import _catalog
from seqcli.datasets import text as plain
from seqcli.files import open_source
from seqcli.formats import Reader, Record

GUESSED = 1 << 14  # bytes of a file from which its format is guessed


def fed(reader: Reader[Record], path: Path | str, encoding: str, advance: Any) -> Iterator[Record]:
    """The records of one source."""
    chunk = None
    for chunk in streams.read_text([path], encoding=encoding):
        yield from reader.feed(chunk)
        advance(len(chunk.text))
    if chunk is None:  # an empty file is a source too: another may have to go with it
        yield from reader.feed(streams.Chunk("", "<stdin>" if str(path) == "-" else str(path), 1))
    yield from reader.close()


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


def names(train: plain.Files, named: _catalog.Named | None, files: Mapping[str, list[Path]]) -> tuple[str, dict]:
    """What a corpus is called, and what those of its splits are that have files of their own."""
    if named:
        return named.name, {}
    return plain.describe(train), {split: plain.describe([str(f) for f in own]) for split, own in files.items()}


def beginning(path: Path) -> str:
    """The text that a file begins with, for guessing its format."""
    with open_source(path) as (file, _):
        return file.read(GUESSED).decode("utf-8", errors="replace")
