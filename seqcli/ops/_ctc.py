"""Connectionist temporal classification (Graves et al. 2006): the sum over alignments of frames and symbols.

Letters: T frames, B sequences, V symbols with the blank, U symbols of a target, S = 2U + 1 states: the blank, the
first symbol, the blank, …, the blank. An alignment goes through the states one by one, from one of the first two to
one of the last two, may stay in each for any number of frames, and may skip the blank between two different symbols.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from seqcli.ops._losses import logsumexp
from seqcli.ops._products import Array, at_least_float32

_LEAST = np.finfo(np.float64).min


def ctc_scores(logprobs: np.ndarray, targets: np.ndarray, blank: int, *, best: bool = False) -> np.ndarray:
    """Return the log-probability of the first t frames, summed over all alignments that end in state s: (T + 1, B, S)
    float64, nats.

    logprobs (T, B, V) in NumPy, targets (B, U) padded with any symbol. Before any frame all are in the first state.
    `best`: of the best alignment alone (Viterbi). Values beyond a sequence's frames, or its target's states, are
    meaningless and do not affect the others.
    """
    (T, B, _), U = logprobs.shape, targets.shape[1]
    states = np.full((B, 2 * U + 1), blank)
    states[:, 1::2] = targets
    scores = np.full((T + 1, B, 2 * U + 1), -np.inf)
    scores[0, :, 0] = 0
    scores[1:] = np.take_along_axis(logprobs, states[None], axis=2)
    leap = np.full((B, 2 * U + 1), -np.inf)  # from a symbol to the next one, skipping the blank
    leap[:, 3::2][targets[:, 1:] != targets[:, :-1]] = 0
    ways = np.full(
        (3, B, 2 * U + 1), -np.inf
    )  # from the state itself, from the one before it, from a symbol to the next
    with np.errstate(divide="ignore"):  # log 0
        for before, now in itertools.pairwise(scores):
            ways[0] = before
            ways[1, :, 1:] = before[:, :-1]
            np.add(before[:, :-2], leap[:, 2:], out=ways[2, :, 2:])
            top = ways.max(axis=0)
            if not best:
                np.maximum(top, _LEAST, out=top)
                top += np.log(np.exp(ways - top).sum(axis=0))
            now += top
    return scores


def ctc_nats(logits: Array, lengths: Array, targets: Array, target_lengths: Array, blank: int) -> Array:
    """Return -log p(target | frames) of each sequence: logits (T, B, V) -> (B,) nats, at least float32.

    lengths (B,), targets (B, U) padded with any symbol, target_lengths (B,): integers of the same library. The loss
    of a target that needs more frames than there are is inf, without a gradient: exclude it from sums. Logits must be
    finite within the lengths; beyond them they are ignored.
    """
    if not isinstance(logits, np.ndarray):
        return _torch_nats(logits, lengths, targets, target_lengths, blank)
    scores = ctc_scores(logits - logsumexp(logits)[..., None], targets, blank)
    ends = scores[lengths, np.arange(len(lengths))]  # (B, S)
    last = 2 * target_lengths[:, None]
    in_blank, in_symbol = (np.take_along_axis(ends, np.maximum(s, 0), axis=1)[:, 0] for s in (last, last - 1))
    return -np.where(target_lengths > 0, np.logaddexp(in_blank, in_symbol), in_blank)


def _torch_nats(logits: Any, lengths: Any, targets: Any, target_lengths: Any, blank: int) -> Any:
    """Return `ctc_nats` by torch's own forward and backward sums."""
    import torch

    inside = torch.arange(len(logits), device=logits.device)[:, None] < lengths
    logprobs = torch.where(inside[..., None], at_least_float32(logits), 0).log_softmax(-1)
    nats = torch.nn.functional.ctc_loss(
        logprobs, targets, lengths, target_lengths, blank=blank, reduction="none", zero_infinity=True
    )
    within = torch.arange(1, max(targets.shape[1], 1), device=targets.device) < target_lengths[:, None]
    repeated = ((targets[:, 1:] == targets[:, :-1]) & within).sum(1)
    return torch.where(target_lengths + repeated > lengths, torch.inf, nats)
