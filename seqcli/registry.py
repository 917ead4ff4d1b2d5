"""Folders as registries: the files of `seqcli/<folder>/` are its entries, and a file's name is the entry's name.

An entry may itself be a folder (a task is), whose files are the entries of `<folder>/<entry>`. Recipes use hyphens
(`language-model`), files use underscores. Files that begin with an underscore are not entries. Nothing is imported
until `load`; summaries are read from the docstrings without importing.
"""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from seqcli.errors import UsageError, did_you_mean

_ROOT = Path(__file__).parent


@cache
def names(folder: str) -> tuple[str, ...]:
    """Return the entries of a folder, as recipes write them, sorted."""
    own = _path(folder)
    files = [*own.glob("*.py"), *(f.parent for f in own.glob("*/__init__.py"))]
    known = [f.stem for f in files if f.stem.isidentifier() and not f.stem.startswith("_")]
    return tuple(sorted(stem.replace("_", "-") for stem in known))


def load(folder: str, name: str) -> ModuleType:
    """Import one entry. Raises UsageError, with a suggestion, if there is no such entry."""
    if name not in names(folder):
        what = folder.removesuffix("s")
        raise UsageError(f"unknown {what} {name!r}", hint=did_you_mean(name, names(folder)))
    return importlib.import_module(f"seqcli.{folder}/{name}".replace("/", ".").replace("-", "_"))


@cache
def summary(folder: str, name: str) -> str:
    """Return the first line of an entry's docstring, without importing it."""
    import ast

    return (ast.get_docstring(ast.parse(_source(folder, name))) or "").partition("\n")[0].rstrip(".")


@cache
def constant(folder: str, name: str, what: str) -> Any:
    """Return the literal that an entry assigns to a name at its top level in one line, without importing the entry;
    () if there is none."""
    from ast import literal_eval

    for line in _source(folder, name).split("\n"):
        if line.startswith(f"{what} = "):
            return literal_eval(line.partition(" = ")[2].partition("  # ")[0])
    return ()


@cache
def having(folder: str, what: str, value: str) -> tuple[str, ...]:
    """Return the entries of a folder whose constant `what` contains a value."""
    return tuple(name for name in names(folder) if value in constant(folder, name, what))


@cache
def _source(folder: str, name: str) -> str:
    path = _path(f"{folder}/{name}")
    return (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text(encoding="utf-8")


def _path(entry: str) -> Path:
    return _ROOT / entry.replace("-", "_")
