"""The `attention` key of a model's configuration: a name, `none`, or a mapping with the kind's own options."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator

from seqcli import registry
from seqcli.errors import did_you_mean
from seqcli.layers._choice import checker

_check = checker("attention", "attention", "general")


def _or_none(value: str | dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = {"kind": value} if isinstance(value, str) else value
    kind = spec.get("kind")
    if kind == "none":
        if further := sorted(map(str, spec.keys() - {"kind"})):
            raise ValueError(f"the attention none has no option {further[0]!r}; it has no options")
        return {"kind": "none"}
    known = registry.names("attention")
    if isinstance(kind, str) and kind not in known:
        raise ValueError(f"unknown attention {kind!r}; {did_you_mean(kind, [*known, 'none'])}")
    return _check(value)


AttentionSpec = Annotated[str | dict[str, Any], AfterValidator(_or_none)]
"""Attention in a recipe; after validation always a dict with `kind`, which may be `none`."""
