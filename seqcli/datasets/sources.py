"""Find the splits of a recipe's data: files, shares, a named data set; standard input, stored to be read again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import Field

from seqcli.artifact import replacing
from seqcli.datasets import catalog
from seqcli.errors import UsageError
from seqcli.files import expand, open_source
from seqcli.recipe.paths import looks_like_name
from seqcli.streams import stdin_is_interactive

Files = str | Annotated[list[str], Field(min_length=1)]
Held = Annotated[float, Field(gt=0, lt=1)] | Files | None
SPLITS = ("train", "valid", "test")


class Plan(NamedTuple):
    """The places of the splits of a recipe's data, before they are read."""

    named: catalog.Named | None
    files: dict[str, list[Path]]  # of the splits that have their own
    shares: dict[str, float]  # of the training split, for splits without files
    encoding: str
    settings: dict[str, Any]  # options of a named data set's format, unless the recipe sets another format

    @classmethod
    def of(cls, config: Any, base: Path) -> Plan:
        """Find the splits of a recipe's `data`. Raises SeqcliError for missing files."""
        named = named_set(config.train, base)
        files, shares = find_splits(config, base, named)
        settings = dict(named.options) if named and not config.format else {}
        return cls(named, files, shares, encoding_of(config.encoding, named), settings)

    def format(self, stated: str | None, guess: Callable[[Path], str]) -> str:
        """Return the format: the recipe's, else the data set's, else that of the first file."""
        return stated or (self.named.format if self.named else guess(self.files["train"][0]))


def named_set(train: Files, base: Path) -> catalog.Named | None:
    """Return the data set that `data.train` names, if it is a name and not a file."""
    if isinstance(train, str) and looks_like_name(train) and not (base / train).is_file():
        if (base / train).is_dir() and catalog.describe(train) is None:
            raise UsageError(f"{base / train} is a folder, not a file", hint=f"name its files, as in {train}/*.txt")
        return catalog.find(train)
    return None


def find_splits(
    config: Any, base: Path, named: catalog.Named | None
) -> tuple[dict[str, list[Path]], dict[str, float]]:
    """Return the files of the splits that have their own, and the shares of the training split for the others.

    `config` has `train`, `valid` and `test`. Raises UsageError if the shares leave nothing to train on.
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


def encoding_of(wanted: str, named: catalog.Named | None) -> str:
    """Return the encoding: the recipe's, else that of the named data set."""
    return wanted if named is None or wanted != "utf-8" else named.encoding


def locate(files: Files, base: Path) -> list[Path]:
    """Expand paths and globs relative to the recipe; `-` goes into the cache, as a corpus is read more than once."""
    listed = [files] if isinstance(files, str) else files
    return [path for file in listed for path in ([_spool()] if file == "-" else expand([file], base))]


def _spool() -> Path:
    """Store standard input in the cache, named by its content. Raises UsageError if it is a terminal."""
    if stdin_is_interactive():
        raise UsageError(
            "data.train is -, but nothing is piped into standard input", hint="cat FILES | seqcli train …"
        )
    folder = catalog.cache_folder() / "stdin"
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()

    def named() -> Path:
        return folder / f"{digest.hexdigest()[:32]}.txt"

    with open_source("-") as (source, _), replacing(folder / "incoming", named) as file:
        while block := source.read(1 << 20):
            digest.update(block)
            file.write(block)
    return named()


def describe(files: Files) -> str:
    """Return a name for a corpus that has none: the names of its files."""
    listed = [files] if isinstance(files, str) else files
    names = ["<stdin>" if f == "-" else Path(f).name for f in listed]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
