"""Explain an answer: its probability without each token of the source, and with the source up to each token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seqcli.insight.leaving import Token, short, tokens, variants
from seqcli.records import Pair

if TYPE_CHECKING:
    from seqcli.tasks.sequence_to_sequence.predict import Translator


def explained(own: Translator, source: str, target: str) -> list[Token]:
    """Return the effect of each token of a source on the probability of a target."""
    spans = own.codec.source.offsets(source)
    if not short(len(spans)):
        return []
    costs = own.costs([Pair(text, target) for text in (source, *variants(source, spans))])
    whole, *others = [-cost.nll for cost in costs]
    return tokens(spans, whole, np.array(others[: len(spans)]), np.array(others[len(spans) :]))
