"""Named data sets: one YAML file each, which lists their files and how they are split.

A name is looked for in the catalog that ships with seqcli, then as a folder with a `data.yaml` under `$SEQCLI_DATA`,
then under the user's cache. The catalog only names files; they lie in `$SEQCLI_DATA/<name>/` or the cache; an entry's
`folder` names another folder, if one release holds several data sets. Sets that come with Python or are made from a
seed need no files. A set of recordings or pictures is a table for each split, made in the cache.
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

TABLES = ("scenes", "spoken-digits", "spoken-numbers")  # modules that make tables and files of data sets
_FOLDER = Path(__file__).parent / "catalog"


@dataclass(frozen=True)
class Named:
    """A named data set: the files of each split, or the shares of `train` that are held out."""

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
    """Return `$SEQCLI_CACHE`, `$XDG_CACHE_HOME/seqcli` or ~/.cache/seqcli. Raises RuntimeError without a home."""
    if own := os.environ.get("SEQCLI_CACHE"):
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "seqcli"


def cache_folder() -> Path:
    """Return the folder for what seqcli can make again; a temporary one if the usual folder cannot be written."""
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
    """Return the places where the folder of a name may be."""
    found = [Path(own).expanduser() / name] if (own := os.environ.get("SEQCLI_DATA")) else []
    with suppress(RuntimeError):
        found.append(_usual_cache() / "data" / name)
    return found


def names() -> list[str]:
    """Return every name in the catalog or a data folder."""
    found = {path.stem for path in _FOLDER.glob("*.yaml")}
    for home in _homes("x"):
        found |= {path.parent.name for path in home.parent.glob("*/data.yaml")}
    return sorted(found)


def describe(name: str) -> tuple[dict[str, Any], Path | None] | None:
    """Return the entry of a name and the folder of its files (None: not here); None for an unknown name.

    Raises SeqcliError for an invalid data.yaml.
    """
    home = _home(name)
    for path in (_FOLDER / f"{name}.yaml", *([home / "data.yaml"] if home else [])):
        if path.is_file():
            entry = read_entry(path)
            return entry, _home(entry["folder"]) if "folder" in entry else home
    return None


def _home(name: str) -> Path | None:
    """Return the first existing folder of a name, else None."""
    return next((h for h in _homes(name) if h.is_dir()), None)


def find(name: str) -> Named:
    """Return the data set of a name, whose files exist. Raises SeqcliError that lists where it was looked for."""
    found = describe(name)
    if found is None:
        if home := _home(name):
            raise SeqcliError(
                f"{home} has no data.yaml that assigns its files to splits",
                hint=f"write one (files: {{train: train.txt}}), or name the files: data.train: {home}/*.txt",
            )
        raise UsageError(
            f"no data set is named {name!r}",
            hint=f"{did_you_mean(name, names())}\nwrite a path with its folder or ending, as in ./{name}.txt",
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
    """Warn about a file that is not the one on which published scores were measured."""
    for file, expected in known.items():
        if not (home / file).is_file():
            warn(f"{home} lacks {file} of the published {name}: scores are not comparable to published ones")
            continue
        if _sha256(home / file) != expected:
            warn(f"{home / file} is not the published {name}: scores are not comparable to published ones")


def _built(name: str, builtin: str, known: dict[str, str], home: Path | None) -> dict[str, list[Path]]:
    """Return the files of a data set that comes with Python or is generated."""
    if builtin == "python-docs":
        return {"train": [_python_docs()]}
    if builtin == "python-source":
        return {"train": _python_source()}
    if builtin in TABLES:
        return _tables(name, builtin, known, home)
    return _generated(name, builtin, known)


def _generated(name: str, builtin: str, known: dict[str, str]) -> dict[str, list[Path]]:
    """Return the files of a data set made from a seed, written into the cache once and named by their hashes."""
    paths = {s: cache_folder() / "data" / f"{name}-{s}-{known[s][:12]}.tsv" for s in ("train", "valid", "test")}
    if not all(path.is_file() and _sha256(path) == known[split] for split, path in paths.items()):
        module = import_module(f"seqcli.datasets.{builtin}")
        for split, records in (module.splits(name) if builtin in ("lags", "stories") else module.splits()).items():
            path = paths[split]
            _write(path, "".join("\t".join(columns) + "\n" for columns in records).encode())
            if _sha256(path) != known[split]:
                warn(f"{path} is not the published {name}: scores are not comparable to published ones")
    return {split: [path] for split, path in paths.items()}


def _tables(name: str, builtin: str, known: dict[str, str], home: Path | None) -> dict[str, list[Path]]:
    """Return the tables of a data set whose records name recordings or pictures: one for each split, in the cache, in
    a folder for each `home`. Tables are written last, so the files that a table names exist."""
    own = hashlib.sha256(str(home and home.absolute()).encode()).hexdigest()[:12]
    folder = cache_folder() / "data" / f"{builtin}-{own}"
    part = name.removeprefix(builtin).removeprefix("-")  # without-a: the set without speaker a
    paths = {split: folder / f"{part}-{split}.tsv".lstrip("-") for split in ("train", "valid", "test")}
    hashes = {paths.get(file) or folder / file: expected for file, expected in known.items()}
    if not hashes or not all(path.is_file() and _sha256(path) == expected for path, expected in hashes.items()):
        module = import_module(f"seqcli.datasets.{builtin.replace('-', '_')}")
        for file, data in module.files(home):
            path = folder / file
            if path.is_file() and path.read_bytes() == data:
                continue
            if path.suffix == ".wav":  # thousands; the table is written after them
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
            else:
                _write(path, data)
        for path in (path for path, expected in hashes.items() if _sha256(path) != expected):
            warn(f"{path} is not the published {name}: scores are not comparable to published ones")
    return {split: [path] for split, path in paths.items()}


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(data)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _python_docs() -> Path:
    """Return the language reference as one file, written into the cache once for each version of its text."""
    from pydoc_data.topics import topics

    text = "\n\n".join(topics[name].strip("\n") for name in sorted(topics)) + "\n"
    data = text.encode()
    path = cache_folder() / "data" / f"python-docs-{hashlib.sha256(data).hexdigest()[:12]}.txt"
    if not path.is_file() or path.stat().st_size != len(data):
        _write(path, data)
    return path


def _python_source() -> list[Path]:
    """Return the standard library's modules, without tests and installed packages."""
    import sysconfig

    root = Path(sysconfig.get_path("stdlib"))
    left_out = {"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__", "lib2to3"}
    files = [p for p in sorted(root.rglob("*.py")) if not left_out & set(p.relative_to(root).parts)]
    if not files:
        raise SeqcliError(f"this Python ({sys.version.split()[0]}) comes without the source of its standard library")
    return files
