"""The reference of recipe keys as a page of Markdown: a table for each section and kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic import BaseModel

from seqcli import registry
from seqcli.layers.choice import options_of
from seqcli.recipe.keys import FOLDERS, keys_of
from seqcli.recipe.load import task_model, tasks
from seqcli.recipe.schema import SECTIONS, TrainConfig
from seqcli.recipe.words import describe

BEGINNING = """\
# Every key of a recipe

Written by `seqcli recipes keys --markdown`; in a terminal `seqcli recipes keys` shows the same, and `seqcli recipes
keys model.ngram` a part of it. How to write recipes: [recipes](recipes.md). A key without a default is optional; a
section without a `kind` gets the one that fits the task. A section with a kind alone may be a word:
`tokenizer: char`.
"""
PARTS = {
    "cells": ("Cells", "cell"),
    "attention": ("Attention", "attention"),
    "front_ends": ("Front ends", "front_end"),
    "characters": ("Encoders of characters", "characters"),
}


def page() -> Iterator[str]:
    """Yield the lines of the page."""
    yield from BEGINNING.split("\n")
    for section in SECTIONS:
        yield from [f"## `{section}`", ""]
        if section == "task":
            rows = [(f"`{task}`", ", ".join(_models(task))) for task in tasks()]
            yield from _table(("task", "models (`model.kind`)"), rows)
        elif section == "target_tokenizer":
            yield from [
                "For the target of pairs, with the keys of `tokenizer`; without it one tokenizer serves both sides.",
                "",
            ]
        elif section == "train":
            yield from ["How a gradient-trained model is trained.", ""]
            yield from _keys(TrainConfig)
        else:
            yield from _kinds(section)
    yield from ["## What a key of `model` may name", ""]
    for folder, (title, key) in PARTS.items():
        said = f"`{key}: NAME`, or with options `{key}: {{kind: NAME, ...}}`."
        said += " Every cell also takes `block: true`: a residual block around it." if key == "cell" else ""
        yield from [f"### {title}", "", said, ""]
        rows = [
            (f"`{name}`", registry.summary(folder, name), _options(folder, name)) for name in registry.names(folder)
        ]
        yield from _table(("name", "what it is", "options"), rows)


def _models(task: str) -> Iterator[str]:
    own = task_model(task)
    yield f"`{own}` (default)"
    yield from (f"`{kind}`" for kind in tasks()[task] if kind != own)


def _kinds(section: str) -> Iterator[str]:
    """Yield a heading and a table for each kind of a section."""
    folder = FOLDERS[section]
    for name in registry.names(folder):
        entry = (f"{folder}/{name}", "data") if section == "data" else (folder, name)
        yield from [f"### {section}: {name}", "", f"{_cell(registry.summary(*entry))}.", ""]
        yield from _keys(registry.load(*entry).Config)


def _keys(config: type[BaseModel], before: str = "") -> Iterator[str]:
    rows = list(_rows(config, before))
    if rows:
        yield from _table(("key", "default", "value", "meaning"), rows)


def _rows(config: type[BaseModel], before: str) -> Iterator[tuple[str, ...]]:
    for key in keys_of(config):
        default = "required" if key.default is None else f"`{key.default}`" if key.default and not key.inner else ""
        yield f"`{before}{key.name}`", default, key.type, key.meaning
        if key.inner:
            yield from _rows(key.inner, f"{before}{key.name}.")


def _options(folder: str, name: str) -> str:
    """Return the options of a part, with their allowed values."""
    if folder == "characters":
        return ", ".join(f"`{key.name}: {key.default}`" for key in keys_of(registry.load(folder, name).Config))
    found = options_of(folder, name).items()
    words = (
        (option, (describe(a) if isinstance(a, type) else _yaml(a) for a in allowed)) for option, allowed in found
    )
    return "; ".join(f"`{option}`: {', '.join(allowed)}" for option, allowed in words)


def _yaml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _table(headers: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(headers)} |"
    yield "|---" * len(headers) + "|"
    for row in rows:
        yield f"| {' | '.join(map(_cell, row))} |".replace("  ", " ")
    yield ""


def _cell(text: str) -> str:
    """Escape a text for a table cell: bars, and outside code what looks like an HTML tag."""
    parts = text.replace("|", "\\|").split("`")
    return "`".join(part if i % 2 else part.replace("<", "\\<") for i, part in enumerate(parts))
