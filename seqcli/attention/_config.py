"""The `attention` key of a model's configuration: a name, `none`, or a mapping with the kind's own options."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator

from seqcli.layers._choice import checker

_check = checker("attention", "attention", "general")


def _or_none(value: str | dict[str, Any]) -> dict[str, Any]:
    return {"kind": "none"} if value in ("none", {"kind": "none"}) else _check(value)


AttentionSpec = Annotated[str | dict[str, Any], AfterValidator(_or_none)]
"""Attention in a recipe; after validation always a dict with `kind`, which may be `none`."""
