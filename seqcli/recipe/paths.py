"""Move recipes: paths in a recipe are relative to it, so they change when it moves."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from seqcli.recipe.positions import Core, Keys, dotted
from seqcli.recipe.schema import Recipe

PATHS = {  # the keys of each section that name files, listed only here
    "data": ("train", "valid", "test", "vectors", "replay"),
    "tokenizer": ("path",),
    "target_tokenizer": ("path",),
}
_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)*")  # an anchor and a tag stand before their scalar


def looks_like_name(text: str) -> bool:
    """Whether a recipe's `data.train` is a name, not a path or a glob."""
    return text not in ("", "-") and not any(c in text for c in "/\\.*?[")


def moved(path: str, base: Path, folder: Path) -> str:
    """Return `path`, relative to `base`, as a path relative to `folder`; unchanged if no file or glob matches it.

    The name of a data set, `-`, and an absolute path are not changed.
    """
    if path in ("", "-") or Path(path).is_absolute() or path.startswith("~"):
        return path
    whole = base / path
    if looks_like_name(path) and not whole.is_file():
        return path
    if not whole.exists() and not glob.glob(path, root_dir=base, recursive=True):  # noqa: PTH207  as streams.expand
        return path
    return relative(whole, folder)


def relative(path: Path, folder: Path) -> str:
    """Return the path from a folder to a file or glob, which leads there through symbolic links too."""
    try:
        found = os.path.relpath(path, folder)
        if (folder / found).resolve() != path.resolve():  # .. leaves a link's target, not the folder that holds it
            found = os.path.relpath(path.resolve(), folder.resolve())
    except ValueError:  # another drive
        return str(path.resolve())
    return Path(found).as_posix()


def rebase(recipe: Recipe, folder: Path) -> Recipe:
    """Return the recipe with its paths relative to `folder`, which becomes its `base`."""
    parts = {}
    for section, keys in PATHS.items():
        config = getattr(recipe, section)
        paths = {k: v for k in keys if (v := getattr(config, k, None)) is not None}
        if paths:
            new = {k: each(v, lambda path: moved(path, recipe.base, folder)) for k, v in paths.items()}
            parts[section] = config.model_copy(update=new)
    return replace(recipe, **parts, base=folder)


def portable(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recipe's plain values for a model file, with absolute paths cut to the file's name, because the file
    is given away."""

    def shorten(path: str) -> str:
        return Path(path).name if Path(path).is_absolute() else path

    return {
        section: {k: each(v, shorten) if k in PATHS[section] else v for k, v in part.items()}
        if section in PATHS
        else part
        for section, part in recipe.items()
    }


def given(keys: Keys, value: Any, base: Path) -> Any:
    """Return the value of a key as the command line gives it, with paths relative to `base`: there they are relative
    to the current folder, or, if no file or glob matches, to `base` as in a recipe."""
    if len(keys) == 1 and isinstance(value, dict):
        return {k: given((*keys, k), v, base) for k, v in value.items()}
    named = len(keys) > 1 and keys[1] in PATHS.get(str(keys[0]), ())
    return each(value, lambda path: moved(path, Path(), base)) if named else value


def each(value: Any, change: Callable[[str], str]) -> Any:
    """Apply `change` to a path, or to each in a list, also under `train`; other values stay."""
    if isinstance(value, dict):
        return {k: each(v, change) if k == "train" else v for k, v in value.items()}
    if isinstance(value, list):
        return [each(v, change) for v in value]
    return change(value) if isinstance(value, str) else value


def rebase_text(text: str, base: Path, folder: Path) -> tuple[str, list[tuple[str, str, str]]]:
    """Return a recipe's YAML with paths relative to `folder`, otherwise unchanged, and the changes (key, old, new).

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
    """Yield the text scalars of the keys that name files."""
    for keys, node in _entries(root, ()):
        if named := PATHS.get(str(keys[-1])):
            for inner, value in _entries(node, keys):
                if inner[-1] in named:
                    if isinstance(value, yaml.MappingNode):
                        inner, value = next(
                            (e for e in _entries(value, inner) if e[0][-1] == "train"), (inner, value)
                        )
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
    """Return a path as a YAML scalar that is also valid in a flow list."""
    plain = "/" in text and text[0] not in "-" and all(c.isalnum() or c in "._-/+" for c in text)
    return text if plain else "'" + text.replace("'", "''") + "'"
