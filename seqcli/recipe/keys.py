"""The reference of recipe keys, read from the Config classes: type, default, and the comment beside each field."""

from __future__ import annotations

import ast
import inspect
import io
import textwrap
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from seqcli import registry
from seqcli.errors import UsageError, did_you_mean
from seqcli.recipe.load import task_model, tasks
from seqcli.recipe.schema import SECTIONS, TrainConfig
from seqcli.recipe.words import describe

FOLDERS = {"tokenizer": "tokenizers", "frames": "frames", "data": "tasks", "model": "models"}


@dataclass(frozen=True)
class Key:
    """One key of a section: `default` is YAML (empty for null), None if the key is required."""

    name: str
    type: str
    default: str | None
    meaning: str
    inner: type[BaseModel] | None = None  # whose keys it holds


def keys_of(config: type[BaseModel]) -> list[Key]:
    """Return the keys of a Config, except `kind`."""
    said = _comments(config)
    found = []
    own = sorted(config.model_fields, key=lambda name: name not in config.__annotations__)  # before inherited keys
    for name in own:
        field = config.model_fields[name]
        if name == "kind":
            continue
        default = None if field.is_required() else _yaml(field.get_default(call_default_factory=True))
        words = describe(field.annotation, field.metadata)
        inner = field.annotation if isinstance(field.annotation, type) else None
        inner = inner if inner is not None and issubclass(inner, BaseModel) else None
        found.append(Key(name, words, default, field.description or said.get(name, ""), inner))
    return found


def _yaml(value: Any) -> str:
    if value is None or value is PydanticUndefined:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, BaseModel):
        return f"{{{', '.join(f'{name}: {_yaml(own)}' for name, own in value)}}}"
    return f"[{', '.join(map(_yaml, value))}]" if isinstance(value, (list, tuple)) else str(value)


def _comments(config: type[BaseModel]) -> dict[str, str]:
    """Return the comment at the end of each field's line, with the comment lines that continue it, by field; empty if
    the source is not available."""
    found: dict[str, str] = {}
    for cls in reversed(config.__mro__):
        if cls is BaseModel or not issubclass(cls, BaseModel):
            continue
        try:
            source = textwrap.dedent(inspect.getsource(cls))
        except (OSError, TypeError):
            continue
        tokens = tokenize.generate_tokens(io.StringIO(source).readline)
        comments = {t.start[0]: (t.string.lstrip("#").strip(), t.line) for t in tokens if t.type == tokenize.COMMENT}
        for statement in ast.parse(source).body[0].body:  # type: ignore[attr-defined]
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                line = statement.end_lineno or 0
                parts = [comments.get(line, ("", ""))[0]]
                while parts[0] and comments.get(line := line + 1, ("", ""))[1].lstrip().startswith("#"):
                    parts.append(comments[line][0])
                found[statement.target.id] = " ".join(parts)
    return found


def reference(section: str | None = None) -> Iterator[str]:
    """Yield the lines of the reference: of all sections, of one (`train`), or of one kind (`model.ngram`).

    Raises UsageError for an unknown section or kind.
    """
    name, _, kind = (section or "").partition(".")
    if name and name not in SECTIONS:
        kinds = [f"{s}.{name}" for s, folder in FOLDERS.items() if name in registry.names(folder)]
        kinds += [f"model.{kind}" for task, own in tasks().items() if task == name for kind in own if kind != name]
        hint = f"see: seqcli recipes keys {' or '.join(kinds)}" if kinds else did_you_mean(name, SECTIONS)
        raise UsageError(f"a recipe has no section {name!r}", hint=hint)
    if kind and name not in FOLDERS:
        raise UsageError(f"{name} has no kinds", hint=f"see: seqcli recipes keys {name}")
    for i, part in enumerate([name] if name else SECTIONS):
        yield from [""] if i else []
        if part == "task":
            yield from _tasks()
        elif part == "target_tokenizer":
            yield "target_tokenizer:  # for the target of pairs, with the keys of tokenizer; none: one for both sides"
        elif part == "train":
            yield "train:  # how a gradient-trained model is trained"
            yield from _block(TrainConfig)
        else:
            yield from _kinds(part, kind)


def _tasks() -> Iterator[str]:
    for task, kinds in tasks().items():
        own = task_model(task)
        yield f"task: {task}  # models: {', '.join(f'{k} (default)' if k == own else k for k in kinds)}"


def _kinds(section: str, kind: str) -> Iterator[str]:
    folder = FOLDERS[section]
    known = registry.names(folder)
    if kind and kind not in known:
        raise UsageError(f"unknown {section} {kind!r}", hint=did_you_mean(kind, known))
    for i, name in enumerate([kind] if kind else known):
        yield from [""] if i else []
        entry = (f"{folder}/{name}", "data") if section == "data" else (folder, name)
        config = registry.load(*entry).Config
        yield f"{section}:  # {registry.summary(*entry)}"
        if "kind" in config.model_fields:
            yield f"  kind: {name}"
        yield from _block(config)
        if (cell := config.model_fields.get("cell")) and cell.default in registry.names("cells"):
            yield from _parts("cells", "cells")
        if "attention" in config.model_fields:
            yield from _parts("attention", "attention")
        if "front_end" in config.model_fields:
            yield from _parts("front ends of frames", "front_ends")
        if "characters" in config.model_fields:
            yield from _parts("encoders of characters", "characters")


def _block(config: type[BaseModel], indent: str = "  ") -> Iterator[str]:
    keys = keys_of(config)
    values = ["(required)" if k.default is None else "" if k.inner else k.default for k in keys]
    said = [f"{indent}{k.name}: {value}".rstrip() for k, value in zip(keys, values, strict=True)]
    width = max(map(len, said), default=0)
    for key, text in zip(keys, said, strict=True):
        yield f"{text:<{width}}  # {key.type}" + (f"; {key.meaning}" if key.meaning else "")
        if key.inner:
            yield from _block(key.inner, f"{indent}  ")


def _parts(title: str, folder: str) -> Iterator[str]:
    """Yield the parts that a key of a model may name, such as the cells for `cell`, each with its options."""
    from seqcli.layers.choice import options_of

    yield f"  # {title}:"
    names = registry.names(folder)
    width = max(map(len, names))
    for name in names:
        yield f"  #   {name:<{width}}  {registry.summary(folder, name)}"
        if folder == "characters":
            keys = ", ".join(f"{k.name}: {k.default}" for k in keys_of(registry.load(folder, name).Config))
            yield f"  #   {'':<{width}}  as in {{kind: {name}, {keys}}}"
            continue
        for option, allowed in options_of(folder, name).items():
            words = ", ".join(describe(a) if isinstance(a, type) else _yaml(a) for a in allowed)
            yield f"  #   {'':<{width}}  as in {{kind: {name}, {option}: ...}}: {words}"
