"""What `inspect` says of a language model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqcli.tasks.language_model.condition import Condition


def facts(header: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Of a model of numbers, what it is compared with."""
    if condition := Condition.of(header):
        return [("condition", f"{condition.name}: {condition.listed()}")]
    if "forecast" not in header:
        return []
    return [("forecast", f"beside a linear autoregression of order {len(header['forecast']['weights'])}")]
