"""How many examples a property is tried on: few while one works, all in the thorough profile, for a release."""

from __future__ import annotations

import os

THOROUGH = os.environ.get("SEQCLI_TESTS") == "thorough"


def examples(count: int) -> int:
    """`count` in the thorough profile, a quarter of it elsewhere, but three at least."""
    return count if THOROUGH else max(count // 4, min(count, 3))
