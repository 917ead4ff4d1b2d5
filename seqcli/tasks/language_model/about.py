"""Describe a language model for `inspect`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqcli.tasks.language_model.condition import Condition


def facts(header: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return pairs (name, fact) from a model's header: its condition, or its linear baseline for forecasts."""
    if condition := Condition.of(header):
        return [("condition", f"{condition.name}: {condition.listed()}")]
    if "forecast" not in header:
        return []
    return [("forecast", f"compared with a linear autoregression of order {len(header['forecast']['weights'])}")]
