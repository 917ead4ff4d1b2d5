"""The work of `seqcli eval` on a tagger."""

from __future__ import annotations

from typing import Any

from seqcli import threads
from seqcli.cli._options import Given
from seqcli.cli._scoring import report
from seqcli.cli.eval import Asked


def run(asked: Asked, predictor: Any, given: Given) -> None:
    """Score FILES or a split, and print."""
    limit = threads.limit(1)  # noqa: F841  in force while it is referenced
    if predictor.targets and asked.reading.tag:
        predictor = predictor.of(asked.reading.tag)
    report(asked, predictor, given, unknown=asked.unknown)
