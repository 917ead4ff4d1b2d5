"""The work of `seqcli eval`, a file a task: `run(asked, stored, given)` scores FILES or a split, and prints."""

from __future__ import annotations

from collections.abc import Sequence


def named(files: Sequence[str]) -> str:
    """What FILES are called together."""
    return ", ".join("<stdin>" if f == "-" else f for f in files)
