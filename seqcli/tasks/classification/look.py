"""What can be seen of a classifier: its network, text by text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqcli import ops
from seqcli.errors import SeqcliError
from seqcli.insight.flow import Unrolled, embeddings, network
from seqcli.layers.pooling import pool
from seqcli.records import Example
from seqcli.tasks.classification.predict import Classifier


def unrolled(own: Classifier, records: Sequence[Example], steps: int, rows: int) -> Unrolled:
    """The first tokens of texts of one length, of `steps` or as many as the longest ones have: the loss, that of the
    label that the model gives, stands at the last step."""
    model = network(own)
    words = [own.ready(record).words or [] for record in records]
    steps = min(steps, max(map(len, words), default=0))
    chosen = [w[:steps] for w in words if len(w) >= steps][:rows]
    if steps < 2:
        raise SeqcliError("a text needs at least two tokens to be looked at")
    x = np.stack([model.of_words(w) for w in chosen], axis=1)
    ids = model.logits([Example(" ".join(w), words=w) for w in chosen]).argmax(axis=1)

    def losses(bound: Any, y: Any) -> Any:
        lengths = ops.integers(np.full(len(chosen), steps), y)
        pooled = pool(bound.pooling, y, lengths, bound.attention, both=bound.stack.both)
        logits = ops.linear(pooled, bound.output_weight, bound.output_bias)
        return ops.cross_entropy(logits, ops.integers(ids, y))[None]

    return Unrolled(model, x, losses)


def table(own: Classifier) -> tuple[list[str], np.ndarray]:
    """The tokens and their embeddings."""
    return ["<unknown>", *own.vocabulary.words], embeddings(own)
