"""What `inspect` says of a language model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def facts(header: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Nothing beyond what every model has."""
    return []
