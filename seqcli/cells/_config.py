"""The `cell` key of every recurrent model's configuration: a name, or a mapping with the cell's own options."""

from __future__ import annotations

import inspect
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from pydantic import AfterValidator

from seqcli import registry
from seqcli.errors import SeqcliError, did_you_mean


def options_of(cell: str) -> dict[str, tuple[Any, ...]]:
    """The options of a cell and their allowed values: the keyword-only parameters of its `create`."""
    create = registry.load("cells", cell).Cell.create
    hints = get_type_hints(create)
    found = {}
    for name, parameter in inspect.signature(create).parameters.items():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            hint = hints[name]
            found[name] = get_args(hint) if get_origin(hint) is Literal else (hint,)
    return found


def _check(cell: str | dict[str, Any]) -> dict[str, Any]:
    spec = {"kind": cell} if isinstance(cell, str) else dict(cell)
    kind = spec.get("kind")
    if not isinstance(kind, str):
        raise ValueError("needs a kind, as in {kind: lstm}")
    try:
        registry.load("cells", kind)
    except SeqcliError as error:
        raise ValueError(f"{error.message}; {error.hint}") from None
    known = options_of(kind)
    for key, value in spec.items():
        if key == "kind":
            continue
        if key not in known:
            hint = did_you_mean(key, known) or "it has no options"
            raise ValueError(f"the cell {kind} has no option {key!r}; {hint}")
        allowed = known[key]
        if isinstance(allowed[0], type):
            if not isinstance(value, allowed[0]):
                raise ValueError(f"{key}: must be {allowed[0].__name__}, not {value!r}")
        elif value not in allowed:
            raise ValueError(f"{key}: unknown value {value!r}; {did_you_mean(str(value), map(str, allowed))}")
    return spec


CellSpec = Annotated[str | dict[str, Any], AfterValidator(_check)]
"""A cell in a recipe; after validation always a dict with `kind`."""
