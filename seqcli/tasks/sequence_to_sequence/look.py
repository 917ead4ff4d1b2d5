"""Look into a sequence-to-sequence model: its attention, and how its encoder reads a source."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from seqcli import ops
from seqcli.errors import SeqcliError, UsageError
from seqcli.insight.flow import Unrolled, network
from seqcli.insight.shown import Aligned, Shown
from seqcli.insight.why import Asked
from seqcli.records import Pair
from seqcli.tasks.sequence_to_sequence.predict import Settings, Translator


def attention(own: Translator, records: Iterable[Pair], count: int, longest: int) -> Shown:
    """Show the attention of answers to some sources; nothing for a model without attention or for longer texts."""
    short = [p for p in records if p.text.strip() and len(own.codec.source_of(p)) <= longest]
    chosen = [short[i * len(short) // count] for i in range(min(count, len(short)))]
    found = Shown()
    for answer, *_ in own.answer(chosen, Settings(own.search, attention=True)) if chosen else []:
        if answer.attention is not None and len(answer.symbols) <= longest:
            target = [*answer.symbols, "<eos>"][: len(answer.attention)]
            found.alignments.append(Aligned(answer.source_symbols, target, answer.attention.round(6).tolist()))
    return found


def unrolled(own: Translator, records: Iterable[Pair], steps: int, rows: int) -> Unrolled:
    """Unroll the encoder over sources of one length, the greatest up to `steps` tokens. The loss, at the end, is that
    of the answer that the model gives."""
    sources = [(p, len(own.codec.source_ids(p.text))) for p in records if p.text.strip()]
    fits = [(p, n) for p, n in sources if n <= steps]
    longest = max((n for _, n in fits), default=0)
    if longest < 2:
        raise SeqcliError(f"no source of 2 to {steps:,} tokens to look at")
    given, _ = _answered(own, [p for p, n in fits if n == longest][:rows])

    def losses(bound: Any, y: Any) -> Any:
        return given.losses(bound, y).sum(0, keepdims=True)

    return given._replace(losses=losses)


def why(own: Translator, records: Iterable[Pair], most: int) -> Asked:
    """Ask about the tokens of the answer to the first source, each given those before it; by default the least
    certain."""
    for pair in records:
        ids = own.codec.source_ids(pair.text)
        if pair.text.strip() and 2 <= len(ids) <= most:
            given, symbols = _answered(own, [pair])
            places = [*own.codec.source.offsets(pair.text)[: len(ids) - 1], (len(pair.text), len(pair.text))]
            return Asked(pair.text, places, given, None, symbols)
    raise SeqcliError(f"no source of 2 to {most:,} tokens to look at")


def _answered(own: Translator, pairs: Sequence[Pair]) -> tuple[Unrolled, list[str]]:
    """Return sources of one length unrolled through the encoder, with nats (T, B) of the tokens of their answers, 0
    in the padding; and the tokens of the first answer."""
    model = network(own)
    if not hasattr(model, "readouts"):
        raise UsageError(f"{own.path}: a CTC model has no probability for each token of its answer")
    if own.copies:
        raise UsageError(
            f"{own.path} copies words of its source, which have no symbols of their own to look at",
            hint="`seqcli look attention` shows what it copies; the other modes need models without copy_source",
        )
    one = replace(own.search, n_best=1)
    answers = [found[0] for found in own.answer(pairs, Settings(one))]
    targets = [own.codec.target_ids(a.text) for a in answers]
    longest, bos = max(map(len, targets)), model.sizes.target - 2
    gold = np.array([[*t, *[0] * (longest - len(t))] for t in targets])  # (B, T)
    inside = np.array([[i < len(t) for i in range(longest)] for t in targets])
    inputs = np.concatenate([np.full((len(pairs), 1), bos), gold[:, :-1]], axis=1)
    sources = np.stack([own.codec.source_ids(p.text) for p in pairs], axis=1)  # (S, B)

    def losses(bound: Any, y: Any) -> Any:
        lengths = ops.integers(np.full(len(pairs), len(sources)), y)
        memory, state = bound.remembered(y, lengths)
        readout, _ = bound.readouts(ops.integers(inputs, y), memory, state)
        logits = ops.linear(readout, bound.output, bound.output_bias)
        nats = ops.cross_entropy(logits.reshape(-1, logits.shape[-1]), ops.integers(gold.reshape(-1), y))
        return (nats.reshape(gold.shape) * ops.put(inside * 1.0, y)).swapaxes(0, 1)

    symbols = [own.codec.target.symbol(int(i)) for i in targets[0][:-1]]
    return Unrolled(model, ops.embedding(sources, model.source_embedding), losses), [*symbols, "<eos>"]


def table(own: Translator) -> tuple[list[str], np.ndarray]:
    """Return the source's tokens and their embeddings."""
    names = list(own.codec.source.vocabulary())
    return names, own.model.source_embedding[: len(names)]
