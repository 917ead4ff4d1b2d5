"""Where the splits of a recipe's data are: files, shares, a named data set; standard input kept to be read again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import Field

from seqcli.artifact import replacing
from seqcli.datasets import catalog
from seqcli.datasets.entry import looks_like_name
from seqcli.errors import UsageError
from seqcli.files import expand, open_source
from seqcli.streams import stdin_is_interactive

Files = str | Annotated[list[str], Field(min_length=1)]
Held = Annotated[float, Field(gt=0, lt=1)] | Files | None
SPLITS = ("train", "valid", "test")


class Plan(NamedTuple):
    """Where the splits of a recipe's data are, before anything of them is read."""

    named: catalog.Named | None
    files: dict[str, list[Path]]  # of the splits that have their own
    shares: dict[str, float]  # of the training split that others are
    encoding: str
    settings: dict[str, Any]  # what a named data set says of its format, unless the recipe says another

    @classmethod
    def of(cls, config: Any, base: Path) -> Plan:
        """Raises SeqcliError for what is not there."""
        named = named_set(config.train, base)
        files, shares = find_splits(config, base, named)
        settings = dict(named.options) if named and not config.format else {}
        return cls(named, files, shares, encoding_of(config.encoding, named), settings)

    def format(self, stated: str | None, guess: Callable[[Path], str]) -> str:
        """The format: as the recipe states, as the data set says, or as the first file looks."""
        return stated or (self.named.format if self.named else guess(self.files["train"][0]))


def named_set(train: Files, base: Path) -> catalog.Named | None:
    """The data set that `data.train` names, if it is a name and no file."""
    if isinstance(train, str) and looks_like_name(train) and not (base / train).is_file():
        return catalog.find(train)
    return None


def find_splits(
    config: Any, base: Path, named: catalog.Named | None
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


def encoding_of(wanted: str, named: catalog.Named | None) -> str:
    """The encoding: as the recipe says, else as the named data set does."""
    return wanted if named is None or wanted != "utf-8" else named.encoding


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
    """A name for a corpus that has none: its files' names."""
    listed = [files] if isinstance(files, str) else files
    names = ["<stdin>" if f == "-" else Path(f).name for f in listed]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
