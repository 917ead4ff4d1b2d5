"""Explain how each token of a prompt changes the probability of a continuation, using nothing but scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from seqcli.decoding.sampling import Token
from seqcli.insight.leaving import Token as Left
from seqcli.insight.leaving import short
from seqcli.insight.leaving import tokens as left_out

if TYPE_CHECKING:
    from seqcli.tasks.language_model.predict import Generator, Ready


def explained(own: Generator, record: Ready, drawn: Sequence[Token]) -> list[Left]:
    """Return the tokens of a prompt, explained for what was drawn; none if the prompt has parts without a symbol."""
    spans = [] if record.lacking else own.tokenizer.offsets(record.text)
    ids, written = record.ids, np.array([token.id for token in drawn], np.int64)
    if not spans or not len(written) or not short(len(spans)):
        return []
    n, lead = len(spans), record.lead
    begun = [own.begun(np.delete(ids, lead + i)) for i in range(n)] + [ids[: lead + i + 1] for i in range(n)]
    logp = np.array([_logprob(own, prompt, written) for prompt in begun])
    return left_out(spans, sum(token.logprob for token in drawn), logp[:n], logp[n:])


def _logprob(own: Generator, prompt: np.ndarray, written: np.ndarray) -> float:
    """Return log p of ids after a prompt, in nats."""
    both = np.concatenate([prompt, written])
    logp, _ = own.model.score(both[None, :-1], both[None, 1:], own.model.initial_state(1))
    return float(logp[0, -len(written) :].sum(dtype=np.float64))
