"""Shared code of beam search and sampling: hypotheses and their traces, and constraints on what may be generated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from seqcli.decoding.guide import Guide, Rule

_UNLIKELY = -1e4  # the least log-probability of a forced token: even an impossible one is kept


@dataclass(slots=True)
class Hypothesis:
    """A target with its scores. Arrays have a row for each of T tokens, and one for EOS if it is `finished`."""

    ids: np.ndarray  # (T,), without EOS
    logprob: float  # the sum of logprobs, nats
    score: float  # by which it was ranked
    finished: bool  # whether EOS ended it, not a limit
    attention: np.ndarray | None  # (T + 1, S) or (T, S); None if not asked for, not available, or without tokens
    logprobs: np.ndarray  # (T + 1,) or (T,) float64, nats: the model's own, not renormalised after constraints


def worthwhile(on: np.ndarray) -> bool:
    """Whether enough sources (B,) are no longer `on` (an eighth) for copying the memory of the others to pay off."""
    return 8 * int(on.sum()) <= 7 * len(on)


class Constraints:
    """Constraints on what may be generated: they set log-probabilities to -inf after normalisation, so that all
    others stay the model's.

    BOS and the `banned` ids are never generated; EOS not before `min_length` tokens; no n-gram of `no_repeat` tokens
    twice (0: no such rule); nothing that the `rules` of a source forbid, within its limit. `prefixes`, one list of
    ids a source, take precedence: an answer begins with them. A target has at most `limits` tokens, EOS counted, or
    as many as its prefix.
    """

    def __init__(
        self,
        limits: Sequence[int],
        *,
        bos: int,
        eos: int,
        banned: Sequence[int] = (),
        min_length: int = 0,
        no_repeat: int = 0,
        prefixes: Sequence[Sequence[int] | np.ndarray] | None = None,
        rules: Sequence[Sequence[Rule]] | None = None,
    ):
        sources = len(limits)
        self._eos, self._min_length, self._no_repeat = eos, min_length, no_repeat
        self._banned = np.unique(np.array([*banned, *([bos] if bos != eos else [])], np.int64))
        self.lengths = np.array([len(p) for p in prefixes] if prefixes is not None else [0] * sources, np.int64)
        if len(self.lengths) != sources:
            raise ValueError(f"{sources} sources and {len(self.lengths)} prefixes")
        self._forced = np.full((sources, self.lengths.max(initial=0)), -1, np.int64)
        for b, prefix in enumerate(prefixes or ()):
            self._forced[b, : len(prefix)] = prefix
            if eos in self._forced[b, : len(prefix)]:
                raise ValueError("a prefix holds EOS")
        self.limits = np.maximum(np.asarray(limits, np.int64).reshape(sources), self.lengths)
        self.guide = Guide(rules, eos=eos, limits=self.limits) if rules is not None and any(rules) else None

    @property
    def needs_history(self) -> bool:
        """Whether `apply` needs the tokens so far."""
        return self._no_repeat > 0

    def forced(self, t: int, sources: np.ndarray) -> np.ndarray:
        """Return the token that the prefix of each source requires after t tokens; -1: any."""
        return self._forced[sources, t] if t < self._forced.shape[1] else np.full(len(sources), -1, np.int64)

    def begin(self, sources: np.ndarray) -> np.ndarray | None:
        """Return the states (N, R) of the rules of some sources before their first token; None without any rules."""
        return None if self.guide is None else self.guide.states[sources]

    def follow(self, states: np.ndarray | None, ids: np.ndarray, sources: np.ndarray) -> np.ndarray | None:
        """Return the states after a token of each row; the rows of a source are adjacent."""
        return None if self.guide is None or states is None else self.guide.follow(states, ids, sources)

    def apply(
        self,
        log_probs: np.ndarray,
        t: int,
        sources: np.ndarray,
        history: np.ndarray | None,
        states: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return constrained log_probs (N, V) after t tokens, changed in place if writeable. sources (N,) are those
        of the rows, history (N, t) or None their tokens, states (N, R) or None those of their rules."""
        if not log_probs.flags.writeable:
            log_probs = log_probs.copy()
        forced = self.forced(t, sources)
        rows = np.flatnonzero(forced >= 0)
        kept = log_probs[rows, forced[rows]]
        if len(banned := self._banned[self._banned < log_probs.shape[1]]):
            log_probs[:, banned] = -np.inf
        if t < self._min_length:
            log_probs[:, self._eos] = -np.inf
        if history is not None and 0 < (n := self._no_repeat) <= t:
            windows = np.lib.stride_tricks.sliding_window_view(history, n, axis=1)  # (N, t - n + 1, n)
            last = history[:, t - n + 1 :]  # the n - 1 tokens that what comes next would end
            again = (windows[:, :, : n - 1] == last[:, None]).all(axis=2)
            row, start = np.nonzero(again)
            log_probs[row, windows[row, start, n - 1]] = -np.inf
        if self.guide is not None and states is not None:
            self.guide.apply(log_probs, t, sources, states)
        if len(rows):
            log_probs[rows] = -np.inf
            log_probs[rows, forced[rows]] = np.maximum(kept, _UNLIKELY)
        return log_probs


class End(NamedTuple):
    """The end of a hypothesis, after `length` tokens without EOS. `row` is the row fed at step `length` if it is
    `finished`, else the row chosen at step `length` - 1; `last` is the log-probability of its EOS."""

    source: int
    length: int
    row: int
    finished: bool
    last: float
    logprob: float
    score: float


class _Level(NamedTuple):
    """One step: for each chosen row (M,) its token, the fed row (N,) that it came from, and its log-probability; for
    each fed row its attention."""

    tokens: np.ndarray
    parents: np.ndarray
    logprobs: np.ndarray
    attention: np.ndarray | None


class Trace:
    """The choices of all steps as parent pointers, from which hypotheses are read backwards at the end."""

    def __init__(self) -> None:
        self._levels: list[_Level] = []
        self._fed: list[np.ndarray | None] = [
            None
        ]  # for each step, which of the rows chosen before it were fed; None: all

    def add(
        self, tokens: np.ndarray, parents: np.ndarray, logprobs: np.ndarray, attention: np.ndarray | None
    ) -> None:
        """Add a step: fed rows -> chosen rows."""
        self._levels.append(_Level(tokens, parents, logprobs, attention))
        self._fed.append(None)

    def keep(self, rows: np.ndarray) -> None:
        """Feed only these of the last chosen rows to the next step."""
        self._fed[-1] = rows

    def chosen(self, rows: np.ndarray) -> np.ndarray:
        """Return the rows chosen in the last step that correspond to rows fed to the next one."""
        return self._before(len(self._levels), rows)

    def _before(self, t: int, fed: np.ndarray) -> np.ndarray:
        kept = self._fed[t]
        return fed if kept is None else kept[fed]

    def collect(self, ends: Sequence[End], lengths: Sequence[int]) -> list[Hypothesis]:
        """Return the hypotheses; lengths: how many columns of the attention belong to each source."""
        if not ends:
            return []
        length = np.array([end.length for end in ends])
        T, M = int(length.max()), len(ends)
        ids, logprobs = np.zeros((M, T), np.int64), np.zeros((M, T + 1))
        fed = np.zeros((M, T + 1), np.int64)
        row = np.zeros(M, np.int64)
        for m, end in enumerate(ends):
            row[m] = end.row
            if end.finished:
                logprobs[m, end.length], fed[m, end.length] = end.last, end.row
                row[m] = self._before(end.length, row[m : m + 1])[0]
        for t in range(T - 1, -1, -1):
            level, on = self._levels[t], np.flatnonzero(length > t)
            at = row[on]
            ids[on, t], logprobs[on, t] = level.tokens[at], level.logprobs[at]
            fed[on, t] = level.parents[at]
            row[on] = self._before(t, fed[on, t])
        return [
            Hypothesis(
                ids[m, : end.length],
                end.logprob,
                end.score,
                end.finished,
                self._attention(fed[m, : end.length + end.finished], lengths[end.source]),
                logprobs[m, : end.length + end.finished],
            )
            for m, end in enumerate(ends)
        ]

    def _attention(self, fed: np.ndarray, length: int) -> np.ndarray | None:
        """Return the attention (len(fed), length) of the rows fed at each step."""
        if not len(fed) or self._levels[0].attention is None:
            return None
        levels = zip(self._levels, fed.tolist(), strict=False)
        return np.stack([level.attention[row, :length] for level, row in levels if level.attention is not None])
