"""Moving recipes: the paths under `data` are relative to the recipe, so they change when it moves."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from seqcli.recipe.positions import Core, Keys, dotted
from seqcli.recipe.schema import Recipe

FILES = ("train", "valid", "test", "vectors")  # keys of `data` that name files
_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)*")  # an anchor and a tag stand before their scalar


def moved(path: str, base: Path, folder: Path) -> str:
    """What `path`, relative to `base`, is called in `folder`; unchanged where it is no file or glob that is there.

    A name of a data set, `-`, and an absolute path stay what they are.
    """
    if path in ("", "-") or Path(path).is_absolute() or path.startswith("~"):
        return path
    whole = base / path
    if not whole.exists() and not glob.glob(path, root_dir=base, recursive=True):  # noqa: PTH207  as streams.expand
        return path
    try:
        return Path(os.path.relpath(whole, folder)).as_posix()
    except ValueError:  # another drive
        return str(whole.resolve())


def rebase(recipe: Recipe, folder: Path) -> Recipe:
    """The same recipe, said from `folder`: paths under `data` rewritten, `base` the folder."""

    def move(value: Any) -> Any:
        if isinstance(value, list):
            return [move(v) for v in value]
        return moved(value, recipe.base, folder) if isinstance(value, str) else value

    files = {s: move(v) for s in FILES if (v := getattr(recipe.data, s, None)) is not None}
    data = recipe.data.model_copy(update=files) if files else recipe.data
    tokenizer = recipe.tokenizer
    if path := getattr(tokenizer, "path", None):  # a model of the sentencepiece library
        tokenizer = tokenizer.model_copy(update={"path": move(path)})
    return replace(recipe, data=data, tokenizer=tokenizer, base=folder)


def rebase_text(text: str, base: Path, folder: Path) -> tuple[str, list[tuple[str, str, str]]]:
    """A recipe's YAML said from `folder`, all else as it stands, and the (key, old path, new path) that changed.

    The text must be valid YAML.
    """
    changes = []
    pieces, at = [], 0
    for keys, node in sorted(_paths(yaml.compose(text, Loader=Core)), key=lambda pair: pair[1].start_mark.index):
        start, end = node.start_mark.index, node.end_mark.index
        new = moved(str(node.value), base, folder)
        if new == node.value or start < at or node.style in ("|", ">"):  # start < at: an alias to one before
            continue
        start += len(_PROPERTIES.match(text[start:end])[0])  # type: ignore[index]
        changes.append((dotted(keys), str(node.value), new))
        pieces += [text[at:start], _quoted(new)]
        at = end
    return "".join([*pieces, text[at:]]), changes


def _paths(root: yaml.Node | None) -> Iterator[tuple[Keys, yaml.ScalarNode]]:
    """The text scalars of the keys of `data` that name files."""
    for keys, node in _entries(root, ()):
        if keys == ("data",):
            for inner, value in _entries(node, keys):
                if inner[-1] in FILES:
                    items = value.value if isinstance(value, yaml.SequenceNode) else [value]
                    for i, item in enumerate(items):
                        if isinstance(item, yaml.ScalarNode) and item.tag.endswith(":str"):
                            yield (inner if item is value else (*inner, i)), item


def _entries(node: yaml.Node | None, keys: Keys) -> Iterator[tuple[Keys, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                yield (*keys, str(key.value)), value


def _quoted(text: str) -> str:
    """A path as a YAML scalar that may stand in a flow list too."""
    plain = "/" in text and text[0] not in "-" and all(c.isalnum() or c in "._-/+" for c in text)
    return text if plain else "'" + text.replace("'", "''") + "'"
