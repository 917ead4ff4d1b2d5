"""Answer with a transducer: find the best programs of edits, and return the texts that they write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from seqcli.decoding.beam import Hypothesis, search
from seqcli.decoding.seq2seq import sample
from seqcli.records import Pair
from seqcli.tasks.sequence_to_sequence._copying import Copying
from seqcli.tasks.sequence_to_sequence.transcribing import TRANSDUCER, check

if TYPE_CHECKING:
    from seqcli.tasks.sequence_to_sequence.predict import Settings, Translator


def steered(model: Any) -> bool:
    """Whether a model writes an answer symbol by symbol, so that demands on answers can steer it."""
    return not (hasattr(model, "posteriors") or hasattr(model, "spelt"))


def edited(
    own: Translator,
    model: Copying,
    pairs: Sequence[Pair],
    sources: Sequence[np.ndarray],
    prefixes: Sequence[Sequence[int]],
    settings: Settings,
) -> list[list[Hypothesis]]:
    """Return the best texts for each source; of programs that write the same text, the best counts. Raises UsageError
    for settings that edits cannot meet."""
    check(settings, prefixes, TRANSDUCER)
    codec, s = own.codec, settings
    given: dict[str, Any] = {
        "bos": codec.bos,
        "eos": codec.eos,
        "limits": [own.limit(x) for x in sources],
        "banned": own.model.never([i for i in codec.banned if not (s.replace_unknown and i == codec.target.unk_id)]),
        "attention": s.attention or s.replace_unknown,
    }
    if s.sampling is None:
        found = search(model, sources, replace(s.search, n_best=s.search.beam), **given)
        return [
            _different([_cut(own.model.spelt(h, x, copies), s.max_length) for h in every], s.search.n_best)
            for every, x, copies in zip(found, sources, model.copies, strict=True)
        ]
    rngs = [np.random.default_rng([s.seed, p.record, n]) for p in pairs for n in range(s.samples)]
    drawn = sample(model, sources, s.sampling, rngs, samples=s.samples, **given)
    return [
        [_cut(own.model.spelt(h, x, copies), s.max_length) for h in every]
        for every, x, copies in zip(drawn, sources, model.copies, strict=True)
    ]


def _cut(found: Hypothesis, most: int | None) -> Hypothesis:
    """Return a hypothesis truncated to at most `most` symbols."""
    if most is None or len(found.ids) <= most:
        return found
    logprobs, looked = found.logprobs[:most], found.attention
    looked = None if looked is None else looked[:most]
    total = float(logprobs.sum())
    return replace(found, ids=found.ids[:most], logprob=total, finished=False, logprobs=logprobs, attention=looked)


def _different(found: Sequence[Hypothesis], n_best: int) -> list[Hypothesis]:
    """Return the first hypothesis of each text; if there are too few, the last is repeated."""
    first: dict[tuple[int, ...], Hypothesis] = {}
    for hypothesis in found:
        first.setdefault(tuple(hypothesis.ids.tolist()), hypothesis)
    chosen = list(first.values())[:n_best]
    return chosen + [chosen[-1]] * (n_best - len(chosen))
