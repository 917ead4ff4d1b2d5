"""Data sets that have a name: one YAML file each, saying where their files are and how they are split.

A name is looked for in the catalog that ships with seqcli, then as a folder with a `data.yaml` under `$SEQCLI_DATA`,
then under the user's cache. The catalog names files only; they lie in `$SEQCLI_DATA/<name>/` or the cache, in place;
an entry's `folder` names another folder, where one release holds several data sets. What every Python carries, and
what is made from a seed, needs no file at all. A set of recordings or pictures is a table a split, made in the cache.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from seqcli.artifact import replacing, sweep
from seqcli.console import warn
from seqcli.datasets.entry import read_entry
from seqcli.errors import SeqcliError, UsageError, did_you_mean

TABLES = ("scenes", "spoken-digits", "spoken-numbers")  # modules that make the tables and files of a set
_FOLDER = Path(__file__).parent / "catalog"


@dataclass(frozen=True)
class Named:
    """A data set with a name: the files of each split, or the shares of `train` that are held out."""

    name: str
    summary: str
    format: str
    files: dict[str, list[Path]]
    shares: dict[str, float] = field(default_factory=dict)
    split_at: str | None = None
    encoding: str = "utf-8"
    options: dict[str, Any] = field(default_factory=dict)  # recipe keys of `data`: columns, tag, label_until ...
    licence: str = ""
    source: str = ""


def _usual_cache() -> Path:
    """`$SEQCLI_CACHE`, `$XDG_CACHE_HOME/seqcli` or ~/.cache/seqcli. Raises RuntimeError where there is no home."""
    if own := os.environ.get("SEQCLI_CACHE"):
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "seqcli"


def cache_folder() -> Path:
    """Where seqcli keeps what it can make again; for this run alone where the usual folder cannot be made."""
    return _made_cache(tuple(os.environ.get(name) for name in ("SEQCLI_CACHE", "XDG_CACHE_HOME", "HOME")))


@cache
def _made_cache(said: tuple[str | None, ...]) -> Path:
    folder = None
    try:
        folder = _usual_cache()
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except (OSError, RuntimeError):
        why = f"{folder} cannot be written" if folder else "there is no home folder"
        own = tempfile.TemporaryDirectory(prefix="seqcli-")
        atexit.register(own.cleanup)
        warn(f"{why}: the cache of this run alone is {own.name}; SEQCLI_CACHE names another folder")
        return Path(own.name)
    for kept in folder.glob("*/"):
        sweep(kept)
    return folder


def _homes(name: str) -> list[Path]:
    """Where the folder of a name may be."""
    found = [Path(own).expanduser() / name] if (own := os.environ.get("SEQCLI_DATA")) else []
    with suppress(RuntimeError):
        found.append(_usual_cache() / "data" / name)
    return found


def names() -> list[str]:
    """Every name that the catalog or a data folder knows."""
    found = {path.stem for path in _FOLDER.glob("*.yaml")}
    for home in _homes("x"):
        found |= {path.parent.name for path in home.parent.glob("*/data.yaml")}
    return sorted(found)


def describe(name: str) -> tuple[dict[str, Any], Path | None] | None:
    """The entry of a name and the folder of its files (None: not here); None for a name that nothing knows.

    Raises SeqcliError for a data.yaml that is not one.
    """
    home = _home(name)
    for path in (_FOLDER / f"{name}.yaml", *([home / "data.yaml"] if home else [])):
        if path.is_file():
            entry = read_entry(path)
            return entry, _home(entry["folder"]) if "folder" in entry else home
    return None


def _home(name: str) -> Path | None:
    """The folder of a name that is there, the first of those where it may be."""
    return next((h for h in _homes(name) if h.is_dir()), None)


def find(name: str) -> Named:
    """The data set of a name, its files checked to be there. Raises SeqcliError saying where it was looked for."""
    found = describe(name)
    if found is None:
        if home := _home(name):
            raise SeqcliError(
                f"{home} has no data.yaml that says which of its files are what",
                hint=f"write one (files: {{train: train.txt}}), or name the files: data.train: {home}/*.txt",
            )
        raise UsageError(
            f"no data set is named {name!r}",
            hint=f"{did_you_mean(name, names())}\na path is written with its folder or ending, as in ./{name}.txt",
        )
    entry, home = found
    builtin = entry.get("builtin")
    if home is None and (not builtin or "folder" in entry):
        looked = ", ".join(str(h) for h in _homes(entry.get("folder", name)))
        raise SeqcliError(
            f"the data set {name!r} is not on this machine; looked for {looked}",
            hint=f"put its files there (source: {entry.get('source', '?')}), or set SEQCLI_DATA to the folder above",
        )
    if builtin:
        files = _built(name, builtin, entry.get("sha256", {}), home)
    else:
        assert home is not None
        files = {split: _files(name, home, pattern) for split, pattern in entry["files"].items()}
        _verify(name, home, entry.get("sha256", {}))
    keys = ("summary", "format", "shares", "split_at", "encoding", "options", "licence", "source")
    about: dict[str, Any] = {"summary": "", "format": "text"} | {k: entry[k] for k in keys if k in entry}
    return Named(name, files=files, **about)


def _files(name: str, home: Path, pattern: str) -> list[Path]:
    found = sorted(home.glob(pattern))
    if not found:
        raise SeqcliError(f"the data set {name!r} lacks {pattern} in {home}")
    return found


def _verify(name: str, home: Path, known: dict[str, str]) -> None:
    """Warn where a file is not the one that published scores were measured on."""
    for file, expected in known.items():
        if not (home / file).is_file():
            warn(f"{home} lacks {file} of the published {name}: scores cannot stand beside published ones")
            continue
        if _sha256(home / file) != expected:
            warn(f"{home / file} is not the published {name}: scores cannot stand beside published ones")


def _built(name: str, builtin: str, known: dict[str, str], home: Path | None) -> dict[str, list[Path]]:
    """The files of a data set that are those of Python itself, or are made now."""
    if builtin == "python-docs":
        return {"train": [_python_docs()]}
    if builtin == "python-source":
        return {"train": _python_source()}
    if builtin in TABLES:
        return _tables(name, builtin, known, home)
    return _generated(name, builtin, known)


def _generated(name: str, builtin: str, known: dict[str, str]) -> dict[str, list[Path]]:
    """A data set made from a seed, written into the cache once: a file a split, its name from its hash."""
    paths = {s: cache_folder() / "data" / f"{name}-{s}-{known[s][:12]}.tsv" for s in ("train", "valid", "test")}
    if not all(path.is_file() and _sha256(path) == known[split] for split, path in paths.items()):
        module = import_module(f"seqcli.datasets.{builtin}")
        for split, records in (module.splits(name) if builtin in ("lags", "stories") else module.splits()).items():
            path = paths[split]
            _write(path, "".join("\t".join(columns) + "\n" for columns in records).encode())
            if _sha256(path) != known[split]:
                warn(f"{path} is not the published {name}: scores cannot stand beside published ones")
    return {split: [path] for split, path in paths.items()}


def _tables(name: str, builtin: str, known: dict[str, str], home: Path | None) -> dict[str, list[Path]]:
    """A data set whose records are names of recordings or pictures: a table a split, in the cache, in a folder of its
    own for each `home`. Tables are written last: where they are, what they name is there."""
    own = hashlib.sha256(str(home and home.absolute()).encode()).hexdigest()[:12]
    folder = cache_folder() / "data" / f"{builtin}-{own}"
    part = name.removeprefix(builtin).removeprefix("-")  # without-a: of the set without a speaker
    paths = {split: folder / f"{part}-{split}.tsv".lstrip("-") for split in ("train", "valid", "test")}
    hashes = {paths.get(file) or folder / file: expected for file, expected in known.items()}
    if not hashes or not all(path.is_file() and _sha256(path) == expected for path, expected in hashes.items()):
        module = import_module(f"seqcli.datasets.{builtin.replace('-', '_')}")
        for file, data in module.files(home):
            path = folder / file
            if path.is_file() and path.read_bytes() == data:
                continue
            if path.suffix == ".wav":  # thousands, and safe behind the table
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
            else:
                _write(path, data)
        for path in (path for path, expected in hashes.items() if _sha256(path) != expected):
            warn(f"{path} is not the published {name}: scores cannot stand beside published ones")
    return {split: [path] for split, path in paths.items()}


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(data)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _python_docs() -> Path:
    """The language reference as one file, written into the cache once for each version of its text."""
    from pydoc_data.topics import topics

    text = "\n\n".join(topics[name].strip("\n") for name in sorted(topics)) + "\n"
    data = text.encode()
    path = cache_folder() / "data" / f"python-docs-{hashlib.sha256(data).hexdigest()[:12]}.txt"
    if not path.is_file() or path.stat().st_size != len(data):
        _write(path, data)
    return path


def _python_source() -> list[Path]:
    """The standard library's modules that are valid UTF-8, without tests and installed packages."""
    import sysconfig

    root = Path(sysconfig.get_path("stdlib"))
    left_out = {"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__", "lib2to3"}
    files = [p for p in sorted(root.rglob("*.py")) if not left_out & set(p.relative_to(root).parts)]
    if not files:
        raise SeqcliError(f"this Python ({sys.version.split()[0]}) carries no source of its standard library")
    return files
