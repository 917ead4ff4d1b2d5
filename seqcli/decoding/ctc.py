"""Connectionist temporal classification (Graves et al. 2006): from log-probabilities of frames to symbols.

All functions take the frames of one sequence, (T, V) log-probabilities in nats, V symbols with the blank. A path has
a symbol a frame; removing repeated symbols, then blanks, from it gives its text. Sums are float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from seqcli import ops
from seqcli.decoding._candidates import check
from seqcli.decoding._ctc_search import Following, Hypothesis, TextModel, search

__all__ = [
    "Alignment",
    "Following",
    "Greedy",
    "Hypothesis",
    "TextModel",
    "align",
    "greedy",
    "log_probability",
    "needed",
    "search",
]


def needed(ids: Sequence[int] | np.ndarray) -> int:
    """Return the fewest frames that can give a text: one a symbol, and a blank between two equal symbols."""
    ids = np.asarray(ids)
    return len(ids) + int((ids[1:] == ids[:-1]).sum())


def log_probability(logprobs: np.ndarray, ids: Sequence[int] | np.ndarray, blank: int) -> float:
    """Return log p(ids | frames) in nats, over all alignments; -inf if there are too few frames."""
    return float(np.logaddexp.reduce(_lattice(logprobs, np.asarray(ids, np.int64), blank)[-1, -2:]))


def _lattice(logprobs: np.ndarray, ids: np.ndarray, blank: int, *, best: bool = False) -> np.ndarray:
    """Return `ops.ctc_scores` of one sequence: (T + 1, S)."""
    check(logprobs)
    return ops.ctc_scores(logprobs[:, None], ids[None], blank, best=best)[:, 0]


def greedy(logprobs: np.ndarray, blank: int) -> tuple[np.ndarray, float]:
    """Return the text (U,) of the best path, and the log-probability of that path (that of the text is higher)."""
    ids, _ = Greedy(blank).push(logprobs)
    return ids, float(logprobs.max(axis=1).sum(dtype=np.float64))


class Greedy:
    """Finds the text of the best path while frames still come, the same however they are split."""

    def __init__(self, blank: int) -> None:
        self._blank = self._last = blank
        self.frames = 0  # pushed so far

    def push(self, logprobs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Read the next frames (t, V), t >= 0; return the symbols (n,) that begin in them, and their frames (n,),
        counted from the very first one."""
        check(logprobs)
        path = logprobs.argmax(axis=1)
        begins = (path != self._blank) & (path != np.concatenate([[self._last], path[:-1]])[: len(path)])
        at = np.flatnonzero(begins)
        places = at + self.frames
        self.frames += len(path)
        if len(path):
            self._last = path[-1]
        return path[at], places


class Alignment(NamedTuple):
    """The positions of a text's symbols on the best of its paths."""

    first: np.ndarray  # (U,): the first frame of each symbol
    end: np.ndarray  # (U,): the frame after its last
    placed: np.ndarray  # (U,): the highest posterior in its frames that a path of this text is at this symbol
    confidence: np.ndarray  # (U,): the highest probability of the symbol in its frames, whatever the text
    logprob: float  # of the path, nats


def align(logprobs: np.ndarray, ids: Sequence[int] | np.ndarray, blank: int) -> Alignment:
    """Find where each symbol of a text is (Viterbi), and how certain that is (forward-backward).

    `placed` assumes that the text is right: it is low if the place is in doubt, and high for a wrong symbol that can
    be nowhere else. `confidence` is about the symbol itself: one frame with a high probability is enough, because the
    others may be blank. Raises ValueError if no path gives the text, for instance because there are too few frames.
    """
    ids = np.asarray(ids, np.int64)
    best = _lattice(logprobs, ids, blank, best=True)
    T, S = len(logprobs), 2 * len(ids) + 1
    last = max(range(max(S - 2, 0), S), key=lambda s: best[T, s])
    if best[T, last] == -np.inf:
        raise ValueError(f"{T} frames cannot give this text of {len(ids)} symbols: it needs {needed(ids)}")
    states = np.full(S, blank)
    states[1::2] = ids
    path = [last]  # states, from the last frame back
    for t in range(T - 1, 0, -1):
        s = path[-1]
        least = s - 2 if s % 2 and s > 1 and states[s] != states[s - 2] else max(s - 1, 0)
        path.append(max(range(least, s + 1), key=lambda s: best[t, s]))
    path = np.array(path[:T][::-1], np.int64)
    symbols = np.arange(1, S, 2)
    first, end = path.searchsorted(symbols), path.searchsorted(symbols, side="right")
    posteriors = _posteriors(logprobs, ids, blank)
    spans = [slice(a, b) for a, b in zip(first.tolist(), end.tolist(), strict=True)]
    placed = np.array([posteriors[span, u].max() for u, span in enumerate(spans)])
    highest = np.array([logprobs[span, id].max() for span, id in zip(spans, ids.tolist(), strict=True)], np.float64)
    return Alignment(first, end, placed, np.exp(highest), float(best[T, last]))


def _posteriors(logprobs: np.ndarray, ids: np.ndarray, blank: int) -> np.ndarray:
    """Return the probability, given the text, that frame t is in its symbol u: (T, U)."""
    forward = _lattice(logprobs, ids, blank)
    backward = _lattice(logprobs[::-1], ids[::-1], blank)[::-1, ::-1]  # rows 0 to T - 1: from frame t to the end
    total = np.logaddexp.reduce(forward[-1, -2:])
    with np.errstate(invalid="ignore"):  # what is impossible from both sides
        found = np.exp(forward[1:, 1::2] + backward[:-1, 1::2] - logprobs[:, ids] - total)
    return np.where(np.isnan(found), 0, found)
