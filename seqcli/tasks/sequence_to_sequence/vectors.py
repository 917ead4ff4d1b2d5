"""Compute vectors of sources: the encoder's outputs for their symbols."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seqcli.records import Pair
from seqcli.tasks.sequence_to_sequence.codec import Texts
from seqcli.tasks.sequence_to_sequence.predict import SCORED, Translator


def record(own: Translator, text: Texts) -> Pair:
    """Return the record of a text, or of a tuple of columns."""
    return Pair(own.codec.joined(text))


def states(own: Translator, records: Sequence[Pair]) -> list[np.ndarray]:
    """Return the encoder's outputs (S, C) for the symbols of each source, `<eos>` at the end, or for the steps that a
    front end leaves of its frames; (0, C) for a blank source."""
    model, found = own.model, [np.zeros((0, own.model.encoded_size), np.float32)] * len(records)
    sources = {i: own.codec.source_of(pair) for i, pair in enumerate(records) if pair.text.strip()}
    order = sorted(sources, key=lambda i: len(sources[i]))
    for at in range(0, len(order), SCORED):
        part = order[at : at + SCORED]
        for i, y in zip(part, model.encoded([sources[i] for i in part]), strict=True):
            found[i] = y
    return found


def symbols(own: Translator, record: Pair, steps: int) -> list[str]:
    """Return the symbols that the encoder reads; for frames, the numbers of the steps that the front end leaves."""
    if not steps or own.codec.frames is not None:
        return [str(n + 1) for n in range(steps)]
    shown, edited = own.codec.source_symbols(record.text), getattr(own.model, "edited", None)
    return [shown[i] for i in edited(own.codec.source_of(record)).tolist()] if edited else shown
