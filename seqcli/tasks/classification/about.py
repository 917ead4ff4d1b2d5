"""Describe a classifier for `inspect`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

READ = {
    "joined": "read as one, with a mark between",
    "compare": "read apart, and compared",
    "attend": "read as one, the first attends to the second",
}


def facts(header: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return pairs (name, fact) from a model's header."""
    found = [("", "a text may have several")] if header["data"]["multi_label"] else []
    options, roles = header["data"].get("options", {}), header["data"].get("roles", {})
    if further := options.get("further"):
        named = [roles.get("text", options.get("text")), *further]
        found.append(("texts", f"{', '.join(map(str, named))}: {READ[header['model'].get('pair', 'joined')]}"))
    if "linear" in header:
        decoding = header["decoding"]
        shares = [decoding["linear_share"], *decoding.get("linear_shares", {}).values()]
        times = ", ".join(f"{share:g}" for share in shares)
        found.append(("combined with", f"{header['linear']['kind']}, its scores added with weight {times}"))
    return found
