"""Look into a classifier: its network, text by text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from seqcli import ops
from seqcli.errors import SeqcliError, UsageError
from seqcli.insight.flow import Unrolled, embeddings, network
from seqcli.insight.shown import Coloured, Shown
from seqcli.insight.why import Asked
from seqcli.records import Example, second
from seqcli.tasks.classification.predict import Classifier


def unrolled(
    own: Classifier, records: Sequence[Example], steps: int, rows: int, *, recurrent: bool = True
) -> Unrolled:
    """Unroll the network over the first `steps` tokens of texts that have as many, or over the longest texts. The
    loss, at the last step, is that of the label that the model predicts."""
    own = own.first
    model = network(own, recurrent=recurrent)
    if getattr(model, "pair", None) == "compare":
        raise UsageError(
            f"{own.path}: this model reads two texts apart, so there is no single sequence to look at",
            hint="classify --explain shows what their words do; with model.pair: attend they are one sequence",
        )
    examples = [own.ready(record) for record in records]
    steps = min(steps, max((len(e.words or ()) for e in examples), default=0))
    kept = [_first(e, steps) for e in examples if len(e.words or ()) >= steps][:rows]
    chosen = [e.words or [] for e in kept]
    if steps < 2:
        raise SeqcliError("a text needs at least two tokens to be looked at")
    x = [np.concatenate([model.of_words(e.words or []), *model.states([e])], axis=1) for e in kept]
    ids = model.logits(kept).argmax(axis=1)

    def losses(bound: Any, y: Any) -> Any:
        lengths = ops.integers(np.full(len(chosen), steps), y)
        seconds = ops.integers(np.array([second(w) for w in chosen]), y) if bound.pair == "attend" else None
        logits = bound.read_off(y, lengths, seconds=seconds)
        return ops.cross_entropy(logits, ops.integers(ids, y))[None]

    return Unrolled(model, np.stack(x, axis=1), losses)


def _first(example: Example, steps: int) -> Example:
    """Return a text with only its first tokens."""
    text, offsets = example.text, example.offsets and example.offsets[:steps]
    words = (example.words or [])[:steps]
    return replace(example, text=text[: offsets[-1][1]] if offsets else text, words=words, offsets=offsets)


def attention(own: Classifier, records: Sequence[Example], count: int, longest: int) -> Shown:
    """Show the attention on the tokens of some texts; nothing for a model without attention weights."""
    if own.reading.frames is not None:
        raise UsageError(
            f"{own.path}: this model reads frames, which have no tokens to colour",
            hint="seqcli classify --attention --jsonl prints their weights",
        )
    short = [r for r in records if 2 <= len(own.ready(r).words or []) <= longest]
    chosen = [short[i * len(short) // count] for i in range(min(count, len(short)))]
    found = Shown(colours="The darker a token, the more attention it gets.")
    for record, answer in zip(
        chosen, own.answer([own.ready(r) for r in chosen], own.asked(attention=True)), strict=True
    ):
        if answer.attention is not None:
            label, p = answer.ranking[0]
            found.texts.append(Coloured(record.text, answer.attention, f"{label}, {p:.4f}"))
    return found


def why(own: Classifier, records: Iterable[Example], most: int) -> Asked:
    """Ask about the label of the first text of 2 to `most` tokens, as the network alone predicts it, without a linear
    model beside it."""
    own = own.first
    network(own, recurrent=False)
    for record in records:
        example = own.ready(record)
        if example.words and 2 <= len(example.words) <= most:
            given = unrolled(own, [record], most, 1, recurrent=False)
            best = int(own.model.logits([example]).argmax())
            return Asked(example.text, own.reading.places(example), given, 0, [own.labels[best]])
    raise SeqcliError(f"no text of 2 to {most:,} tokens to look at")


def table(own: Classifier) -> tuple[list[str], np.ndarray]:
    """Return the tokens and their embeddings."""
    return ["<unknown>", *own.vocabulary.words], embeddings(own)
