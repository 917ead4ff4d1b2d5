"""Parts of a model that a recipe names: a name, or a mapping with `kind` and the part's own options."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from pydantic import AfterValidator

from seqcli import registry
from seqcli.errors import SeqcliError, did_you_mean

Spec = dict[str, Any]


def options_of(folder: str, name: str) -> dict[str, tuple[Any, ...]]:
    """Return the options of an entry and their allowed values: the keyword-only parameters of its `create`."""
    create = getattr(registry.load(folder, name), _CLASSES[folder]).create
    hints = get_type_hints(create)
    found = {}
    for key, parameter in inspect.signature(create).parameters.items():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            hint = hints[key]
            found[key] = get_args(hint) if get_origin(hint) is Literal else (hint,)
    return found


_CLASSES = {"cells": "Cell", "attention": "Attention", "front_ends": "FrontEnd"}
_COMMON: dict[str, dict[str, tuple[Any, ...]]] = {"cells": {"block": (bool,)}, "attention": {}, "front_ends": {}}
"""Options of all entries: any cell may be put into a residual block."""


def checker(folder: str, what: str, example: str) -> Callable[[str | Spec], Spec]:
    """Return a validator of a key that names a part; it returns a mapping with `kind`, or raises ValueError with a
    suggestion."""

    def check(value: str | Spec) -> Spec:
        spec = {"kind": value} if isinstance(value, str) else dict(value)
        kind = spec.get("kind")
        if not isinstance(kind, str):
            raise ValueError(f"needs a kind, as in {{kind: {example}}}")
        try:
            registry.load(folder, kind)
        except SeqcliError as error:
            raise ValueError(f"{error.message}; {error.hint}") from None
        known = options_of(folder, kind) | _COMMON[folder]
        for key, own in spec.items():
            if key != "kind":
                _check_option(f"the {what} {kind}", key, own, known)
        return spec

    return check


def _check_option(owner: str, key: str, value: Any, known: dict[str, tuple[Any, ...]]) -> None:
    if key not in known:
        hint = did_you_mean(key, known) or "it has no options"
        raise ValueError(f"{owner} has no option {key!r}; {hint}")
    allowed = known[key]
    if isinstance(allowed[0], type):
        if not isinstance(value, allowed[0]) or (isinstance(value, bool) and allowed[0] is int):
            raise ValueError(f"{key}: must be {allowed[0].__name__}, not {value!r}")
    elif value not in allowed:
        raise ValueError(f"{key}: unknown value {value!r}; {did_you_mean(str(value), map(str, allowed))}")


def _or_none(value: str | Spec) -> Spec:
    """Validate an attention, which may be `none`, although that is not an entry of its folder."""
    spec: Spec = {"kind": value} if isinstance(value, str) else value
    kind = spec.get("kind")
    if kind == "none":
        if further := sorted(map(str, spec.keys() - {"kind"})):
            raise ValueError(f"the attention none has no option {further[0]!r}; it has no options")
        return {"kind": "none"}
    known = registry.names("attention")
    if isinstance(kind, str) and kind not in known:
        raise ValueError(f"unknown attention {kind!r}; {did_you_mean(kind, [*known, 'none'])}")
    return checker("attention", "attention", "general")(value)


def _each(value: str | Spec | list[str | Spec]) -> Spec | list[Spec]:
    """Validate a cell, or a list of one for each layer."""
    check = checker("cells", "cell", "lstm")
    if not isinstance(value, list):
        return check(value)
    if not value:
        raise ValueError("names no cell")
    return [check(own) for own in value]


def cells(spec: Spec | list[Spec]) -> list[Spec]:
    """Return the cells of a validated `cell` key, a mapping with `kind` each."""
    return spec if isinstance(spec, list) else [spec]


OneCellSpec = Annotated[str | Spec, AfterValidator(checker("cells", "cell", "lstm"))]
"""The `cell` key of a part with one layer; after validation always a dict with `kind`."""
CellSpec = Annotated[str | Spec | list[str | Spec], AfterValidator(_each)]
"""The `cell` key of a recurrent model's configuration; after validation a dict with `kind`, or a list of those."""
AttentionSpec = Annotated[str | Spec, AfterValidator(_or_none)]
"""The `attention` key; after validation always a dict with `kind`, which may be `none`."""
FrontEndSpec = Annotated[
    str | Spec | None, AfterValidator(lambda v: v and checker("front_ends", "front end", "conv")(v))
]
"""The `front_end` key; after validation a dict with `kind`, or None for text, or frames read by a projection."""
