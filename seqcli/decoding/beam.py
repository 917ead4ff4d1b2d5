"""Beam search over a Seq2Seq: many sources at once, each with its own beam.

Scores are those of Wu et al. 2016, eq. 14: log-probability over a length penalty, plus a coverage term.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from seqcli import ops
from seqcli.decoding import Seq2Seq
from seqcli.decoding._candidates import candidates
from seqcli.decoding._hypotheses import Constraints, End, Hypothesis, Trace, worthwhile
from seqcli.decoding.guide import Rule
from seqcli.decoding.seq2seq import greedy, walk
from seqcli.errors import UsageError

__all__ = ["Hypothesis", "Search", "search"]


@dataclass(frozen=True)
class Search:
    """The settings of a search. Lengths count tokens; `no_repeat` 0 and penalties of 0 have no effect."""

    beam: int = 1
    n_best: int = 1
    length_penalty: float = 1.0
    coverage_penalty: float = 0.0
    no_repeat: int = 0
    min_length: int = 0

    def __post_init__(self) -> None:
        checks = (
            (self.beam >= 1, "--beam must be 1 or more"),
            (self.n_best >= 1, "--n-best must be 1 or more"),
            (0 <= self.length_penalty <= 10, "--length-penalty must be from 0 to 10"),
            (0 <= self.coverage_penalty < np.inf, "--coverage-penalty must be 0 or more, and finite"),
            (self.no_repeat >= 0, "--no-repeat must be 0 or more"),
            (self.min_length >= 0, "--min-length must be 0 or more"),
        )
        for holds, message in checks:
            if not holds:
                raise UsageError(message)
        if self.n_best > self.beam:
            raise UsageError(
                f"--n-best {self.n_best} asks for more than a beam of {self.beam} finds",
                hint=f"use --beam {self.n_best} or more",
            )

    def divisor(self, n: int) -> float:
        """Return lp(n) = ((5 + n) / 6) ** length_penalty for n tokens, EOS counted."""
        return ((5 + n) / 6) ** self.length_penalty

    def coverage(self, covered: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Return coverage_penalty · Σ_s log min(covered_s, 1) over each row's own source positions: (N,).

        covered (N, S) is the total attention to each position; lengths (N,). A position without any counts as the
        least positive number, so that the score stays finite. Terms are summed in order: padding changes no bit.
        """
        if not covered.shape[1]:
            return np.zeros(len(covered))
        terms = np.log(np.clip(covered, np.finfo(np.float32).tiny, 1.0))
        inside = np.arange(covered.shape[1]) < lengths[:, None]
        return self.coverage_penalty * np.cumsum(np.where(inside, terms, 0.0), axis=1)[:, -1]


def search(
    model: Seq2Seq,
    sources: Sequence[np.ndarray],
    settings: Search,
    *,
    bos: int,
    eos: int,
    limits: Sequence[int],
    prefixes: Sequence[Sequence[int] | np.ndarray] | None = None,
    banned: Sequence[int] = (),
    attention: bool = False,
    lengths: Sequence[int] | None = None,
    rules: Sequence[Sequence[Rule]] | None = None,
) -> list[list[Hypothesis]]:
    """Return the n best targets of each source, best first; unfinished ones come after finished ones.

    limits: the most tokens of each target, EOS counted. `prefixes`, a list of ids a source, is what its target begins
    with (whole, whatever the limit or another rule says; its log-probabilities count). `banned` ids, and BOS, are in
    no target otherwise. `attention` asks for that of each token; `lengths` says how many positions a source has there
    (default: its own length). A target that ends with EOS keeps the `rules` of its source, unless its prefix breaks
    them.

    Each step keeps the `beam` best hypotheses that continue. One whose EOS is among the `beam` best continuations is
    finished; the `beam` best finished ones are kept. A source is done when it has that many and no continuing one has
    a better score at its present length than the worst of them. Since a longer one is divided by more, that is a
    heuristic; at length penalty 0 without coverage it loses nothing. At the limit continuing hypotheses are
    unfinished, and are returned only if there are too few finished ones; if constraints leave nothing to continue,
    fewer than n are returned, but at least one.

    Raises UsageError for a coverage penalty with a model without attention, and for rules with an aim (phrases that
    must occur) with a beam of 1.
    """
    if settings.beam == 1 and any(rule.aimed for of in rules or () for rule in of):
        raise UsageError("phrases that an answer must hold need a beam of 2 or more", hint="use --beam 5")
    constraints = Constraints(
        limits,
        bos=bos,
        eos=eos,
        banned=banned,
        min_length=settings.min_length,
        no_repeat=settings.no_repeat,
        prefixes=prefixes,
        rules=rules,
    )
    lengths = [len(source) for source in sources] if lengths is None else lengths
    asked = _Asked(model, sources, settings, constraints, bos, eos, attention, lengths)
    return _greedy(asked) if settings.beam == 1 else _Beams(asked).run()


class _Asked(NamedTuple):
    """The arguments of a search."""

    model: Seq2Seq
    sources: Sequence[np.ndarray]
    settings: Search
    constraints: Constraints
    bos: int
    eos: int
    attention: bool
    lengths: Sequence[int]


def _greedy(asked: _Asked) -> list[list[Hypothesis]]:
    """Return what a beam of 1 finds: the most probable token each time."""
    model, sources, settings, constraints, bos, eos, attention, lengths = asked
    found = walk(
        model,
        sources,
        greedy,
        constraints,
        bos=bos,
        eos=eos,
        history=constraints.needs_history,
        attention=attention or settings.coverage_penalty > 0,
        lengths=lengths,
    )
    for b, (hypothesis,) in enumerate(found):
        if not (n := len(hypothesis.logprobs)):
            continue
        hypothesis.score = hypothesis.logprob / settings.divisor(n)
        if settings.coverage_penalty:
            covered = np.cumsum(_needed(hypothesis.attention), axis=0, dtype=np.float64)[-1:]
            hypothesis.score += float(settings.coverage(covered, np.array([lengths[b]]))[0])
        if not attention:
            hypothesis.attention = None
    return found


def _needed(attention: np.ndarray | None) -> np.ndarray:
    if attention is None:
        raise UsageError("--coverage-penalty needs a model with attention, and this one has none", hint="remove it")
    return attention


class _Beams:
    """The general search. Letters: A sources that are still searched, with K rows each (one in the first step)."""

    def __init__(self, asked: _Asked):
        model, sources, settings, constraints, bos, eos, attention, lengths = asked
        self._model, self._sources, self._settings, self._constraints = model, sources, settings, constraints
        self._bos, self._eos, self._limits, self._attention = bos, eos, constraints.limits, attention
        self._lengths = np.asarray(lengths, np.int64).reshape(len(sources))
        self._trace = Trace()
        # the K best finished hypotheses of each source, best first, ties in the order of finding
        self._finished: list[list[End]] = [[] for _ in sources]
        self._unfinished = [[End(b, 0, 0, False, 0.0, 0.0, 0.0)] for b in range(len(sources))]
        self._worst = np.full(len(sources), -np.inf)  # score of the worst of K finished; -inf while there are fewer

    def run(self) -> list[list[Hypothesis]]:
        """Search, and return the hypotheses."""
        if (alive := np.flatnonzero(self._limits > 0)).size:
            self._search(alive)
        n_best, ends, counts = self._settings.n_best, [], []
        for finished, unfinished in zip(self._finished, self._unfinished, strict=True):
            chosen = [*finished, *unfinished][:n_best] if len(finished) < n_best else finished[:n_best]
            ends += chosen
            counts.append(len(chosen))
        found = iter(self._trace.collect(ends, self._lengths.tolist()))
        return [[next(found) for _ in range(count)] for count in counts]

    def _search(self, alive: np.ndarray) -> None:
        K, settings, model, trace = self._settings.beam, self._settings, self._model, self._trace
        memory, state = model.start([self._sources[b] for b in alive])
        rows = 1  # of a source
        ids = np.full(len(alive), self._bos, np.int64)
        running, covering = np.zeros(len(alive)), np.zeros(len(alive))  # log-probability, coverage term of each row
        covered: np.ndarray | None = None  # (A·K, S) attention paid so far
        history = np.zeros((len(alive), 0), np.int64) if self._constraints.needs_history else None
        ruled = self._constraints.begin(alive)
        on = np.ones(len(alive), bool)
        t = 0
        while True:
            log_probs, state, weights = model.step(ids, memory, state)
            of = np.repeat(alive, rows)
            log_probs = self._constraints.apply(log_probs, t, of, history, ruled)
            sums, parents, tokens = candidates(log_probs, running, rows, 2 * K)  # (A, 2K)
            if ruled is not None and (guide := self._constraints.guide) is not None:
                aimed = guide.aimed[alive] & on
                if (at := np.flatnonzero(np.repeat(aimed, rows))).size:
                    shared = guide.share(log_probs[at], running[at], 2 * K, of[at], ruled[at])
                    sums[aimed], parents[aimed], tokens[aimed] = shared[0], at[shared[1]], shared[2]
            values = log_probs[parents, tokens]
            before, term = covering, np.zeros(len(of))
            if settings.coverage_penalty:
                weights = _needed(weights)
                covered = weights.astype(np.float64) if covered is None else covered + weights
                term = settings.coverage(covered, self._lengths[of])
            scores = sums / settings.divisor(t + 1) + term[parents]

            ended = (tokens == self._eos) & (sums > -np.inf)
            for a, j in zip(*(x.tolist() for x in np.nonzero(ended[:, :K])), strict=True):
                row, value = int(parents[a, j]), float(values[a, j])
                self._finish(End(int(alive[a]), t, row, True, value, float(sums[a, j]), float(scores[a, j])))

            order = np.argsort(ended, axis=1, kind="stable")[:, :K]  # the first K that continue
            sums, parents = np.take_along_axis(sums, order, axis=1), np.take_along_axis(parents, order, axis=1)
            tokens, values = np.take_along_axis(tokens, order, axis=1), np.take_along_axis(values, order, axis=1)
            scores = np.take_along_axis(scores, order, axis=1)
            going = sums > -np.inf
            stopped = on & (
                (scores.max(axis=1) <= self._worst[alive]) | ~going.any(axis=1) | (self._limits[alive] <= t + 1)
            )
            for a in np.flatnonzero(stopped).tolist():
                b = int(alive[a])
                if len(self._finished[b]) >= settings.n_best:
                    continue
                if going[a].any():
                    self._unfinished[b] = self._ends(b, t + 1, a * K, sums[a], scores[a])
                elif self._finished[b]:
                    self._unfinished[b] = []
                elif t:  # nothing may follow: return the hypotheses so far
                    span = slice(a * rows, (a + 1) * rows)
                    was = running[span] / settings.divisor(t) + before[span]
                    at = int(trace.chosen(np.array([a * rows]))[0])
                    self._unfinished[b] = self._ends(b, t, at, running[span], was)

            trace.add(
                tokens.reshape(-1), parents.reshape(-1), values.reshape(-1), weights if self._attention else None
            )
            on &= ~stopped
            if not on.any():
                return
            sums[~on] = -np.inf
            tokens = np.where(sums > -np.inf, tokens, self._eos)
            if worthwhile(on):
                trace.keep(np.flatnonzero(np.repeat(on, K)))
                memory, alive = ops.take(memory, np.flatnonzero(on)), alive[on]
                sums, parents, tokens, on = sums[on], parents[on], tokens[on], on[on]
            index = parents.reshape(-1)
            running, ids = sums.reshape(-1), tokens.reshape(-1)
            if rows != K or not np.array_equal(index, np.arange(len(of))):
                state = ops.take(state, index)
            covering = term[index]
            covered = None if covered is None else covered[index]
            if history is not None:
                history = np.concatenate([history[index], ids[:, None]], axis=1)
            if ruled is not None:
                ruled = self._constraints.follow(ruled[index], ids, np.repeat(alive, K))
            rows, t = K, t + 1

    def _finish(self, end: End) -> None:
        kept = self._finished[end.source]
        bisect.insort_right(kept, end, key=lambda e: -e.score)
        del kept[self._settings.beam :]
        if len(kept) == self._settings.beam:
            self._worst[end.source] = kept[-1].score

    @staticmethod
    def _ends(source: int, length: int, first: int, sums: np.ndarray, scores: np.ndarray) -> list[End]:
        """Return unfinished hypotheses, best first: rows `first` and those after it, without dead ones."""
        return [
            End(source, length, first + k, False, 0.0, float(sums[k]), float(scores[k]))
            for k in np.argsort(-scores, kind="stable").tolist()
            if sums[k] > -np.inf
        ]
