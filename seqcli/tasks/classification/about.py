"""What `inspect` says of a classifier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def facts(header: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and what they are."""
    found = [("", "a text may have several")] if header["data"]["multi_label"] else []
    if "linear" in header:
        share = header["decoding"]["linear_share"]
        found.append(("beside it", f"{header['linear']['kind']}, whose scores are added {share:g} times"))
    return found
