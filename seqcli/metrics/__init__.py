"""Metrics: one file a family. This module is the contract.

A file offers `OFFERS`, a dict from the names it computes to `Offer(unit, more_is_better, meaning)`, and `Metric`
with `update(...)` and `result() -> {name: value}`.
"""

from __future__ import annotations

from typing import NamedTuple

from seqcli import registry
from seqcli.errors import UsageError, did_you_mean


class Offer(NamedTuple):
    """What a metric's number is."""

    unit: str
    more_is_better: bool
    meaning: str


def offers() -> dict[str, Offer]:
    """Every metric by name."""
    found: dict[str, Offer] = {}
    for family in registry.names("metrics"):
        found |= registry.load("metrics", family).OFFERS
    return found


def check(name: str, known: dict[str, Offer] | None = None) -> str:
    """The name, if it is a metric's. Raises UsageError with a suggestion."""
    known = offers() if known is None else known
    if name not in known:
        raise UsageError(f"unknown metric {name!r}", hint=did_you_mean(name, known))
    return name
