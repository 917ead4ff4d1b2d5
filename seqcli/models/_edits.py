"""Write targets as edits of their sources: learn the cost of each edit from pairs, and find a pair's cheapest edits.

A program of edits goes over a source from left to right. Copying, substituting or deleting the symbol under the head
moves the head to the next symbol; inserting a symbol does not. With V target symbols, BOS and EOS included, edits are
numbered: c inserts symbol c (inserting EOS ends the target, wherever the head is), V + c substitutes c, 2V deletes,
2V + 1 copies.

Letters: B pairs, S source and T target symbols, without BOS and EOS; Vs different source symbols. Costs are in nats.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

ROUNDS = 10  # of expectation maximisation
TOGETHER = 1024  # pairs of similar lengths that are aligned at once
PRIOR = 1e-3  # added to the expected count of each edit
SAME = 1e-6  # costs that differ by no more than this share of the total count as equal


class Strings(NamedTuple):
    """A pair of source and target without BOS and EOS."""

    source: np.ndarray  # (S,)
    target: np.ndarray  # (T,), each below V
    same: np.ndarray  # (S, T): whether copying the source symbol writes the target symbol


@dataclass(frozen=True)
class Costs:
    """The cost -log p of each edit of a memoryless transducer; the probabilities of all edits sum to 1."""

    substitute: np.ndarray  # (Vs, V)
    insert: np.ndarray  # (V,)
    delete: np.ndarray  # (Vs,)
    copy: float

    @classmethod
    def first(cls, sources: int, targets: int) -> Costs:
        """Return initial costs: copying has probability 1/2, the edits of each other kind are equally probable."""
        one = np.log(6.0)
        return cls(
            np.full((sources, targets), one + np.log(sources * targets)),
            np.full(targets, one + np.log(targets)),
            np.full(sources, one + np.log(sources)),
            float(np.log(2.0)),
        )

    @classmethod
    def learnt(cls, pairs: Sequence[Strings], sources: int, targets: int) -> Costs:
        """Fit costs to pairs by expectation maximisation over all edit programs (Ristad & Yianilos 1998)."""
        costs, groups = cls.first(sources, targets), [_Padded(group) for group in _alike(pairs)]
        for _ in range(ROUNDS):
            counts = [np.full(sources * targets, PRIOR), np.full(targets, PRIOR), np.full(sources, PRIOR)]
            copies = PRIOR
            for group in groups:
                copies += group.expect(costs, counts)
            total = np.log(sum(float(c.sum()) for c in counts) + copies)
            substitute, insert, delete = (total - np.log(c) for c in counts)
            costs = cls(substitute.reshape(sources, targets), insert, delete, float(total - np.log(copies)))
        return costs


def programs(pairs: Sequence[Strings], costs: Costs) -> list[np.ndarray]:
    """Return the cheapest edits (P,) of each pair; the last edit ends the target. Ties prefer to copy, then to
    substitute, then to insert, as early as possible. Source symbols left over at the end are not deleted."""
    found: list[np.ndarray] = [np.zeros(0, np.int64)] * len(pairs)
    order = sorted(range(len(pairs)), key=lambda i: (len(pairs[i].source), len(pairs[i].target)))
    for first in range(0, len(order), TOGETHER):
        chosen = order[first : first + TOGETHER]
        group = _Padded([pairs[i] for i in chosen])
        ahead = group.cheapest(costs)
        for b, i in enumerate(chosen):
            found[i] = _read(pairs[i], ahead[b, group.first[b] :, group.begin[b] :], costs)
    return found


def _read(pair: Strings, ahead: np.ndarray, costs: Costs) -> np.ndarray:
    """Return the program that a table (S + 1, T + 1) of remaining costs describes."""
    V, (S, T), s, t, edits = len(costs.insert), pair.same.shape, 0, 0, []
    margin, table = SAME * max(float(ahead[0, 0]), 1.0), ahead.tolist()
    while t < T:
        c, here = int(pair.target[t]), table[s][t] + margin
        if s < S:
            x, copies = int(pair.source[s]), bool(pair.same[s, t])
            own = costs.copy if copies else float(costs.substitute[x, c])
            if own + table[s + 1][t + 1] <= here:
                edits.append(2 * V + 1 if copies else V + c)
                s, t = s + 1, t + 1
                continue
        if s == S or float(costs.insert[c]) + table[s][t + 1] <= here:
            edits.append(c)
            t += 1
        else:
            edits.append(2 * V)
            s += 1
    return np.array([*edits, V - 1], np.int64)


def _alike(pairs: Sequence[Strings]) -> Iterator[list[Strings]]:
    ordered = sorted(pairs, key=lambda p: (len(p.source), len(p.target)))
    for first in range(0, len(ordered), TOGETHER):
        yield ordered[first : first + TOGETHER]


class _Padded:
    """A batch of pairs, aligned at their last symbols, so that all of them end at (S, T)."""

    def __init__(self, pairs: Sequence[Strings]):
        B, S, T = len(pairs), max(len(p.source) for p in pairs), max(len(p.target) for p in pairs)
        self.first = np.array([S - len(p.source) for p in pairs])
        self.begin = np.array([T - len(p.target) for p in pairs])
        self.source, self.target = np.zeros((B, S), np.int64), np.zeros((B, T), np.int64)
        self.same = np.zeros((B, S, T), bool)
        for b, (pair, s, t) in enumerate(zip(pairs, self.first, self.begin, strict=True)):
            self.source[b, s:], self.target[b, t:], self.same[b, s:, t:] = pair

    def _steps(self, costs: Costs) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the costs of advancing in both sides (B, S, T), of deleting a source symbol (B, S), and of inserting
        all target symbols before each position (B, T + 1)."""
        both = np.where(self.same, costs.copy, costs.substitute[self.source[:, :, None], self.target[:, None]])
        inserted = np.zeros((len(self.target), self.target.shape[1] + 1))
        np.cumsum(costs.insert[self.target], axis=1, out=inserted[:, 1:])
        return both, costs.delete[self.source], inserted

    def cheapest(self, costs: Costs) -> np.ndarray:
        """Return the lowest remaining cost at each place (B, S + 1, T + 1)."""
        both, delete, inserted = self._steps(costs)
        found = np.empty((len(both), both.shape[1] + 1, both.shape[2] + 1))
        found[:, -1] = inserted[:, -1:] - inserted
        for s in range(both.shape[1] - 1, -1, -1):
            best = delete[:, s, None] + found[:, s + 1]
            np.minimum(best[:, :-1], both[:, s] + found[:, s + 1, 1:], out=best[:, :-1])
            best += inserted
            found[:, s] = np.minimum.accumulate(best[:, ::-1], axis=1)[:, ::-1] - inserted
        return found

    def expect(self, costs: Costs, counts: list[np.ndarray]) -> float:
        """Add the expected count of each edit to `counts`: substitutions (Vs·V,), insertions (V,), deletions (Vs,);
        return the expected count of copies. Forward and backward sums over all programs, in logarithms."""
        both, delete, inserted = (-x for x in self._steps(costs))
        (B, S, T), rows = both.shape, np.arange(len(both))
        after = np.empty((B, S + 1, T + 1))
        after[:, -1] = inserted[:, -1:] - inserted
        for s in range(S - 1, -1, -1):
            total = delete[:, s, None] + after[:, s + 1]
            total[:, :-1] = np.logaddexp(total[:, :-1], both[:, s] + after[:, s + 1, 1:])
            total += inserted
            after[:, s] = np.logaddexp.accumulate(total[:, ::-1], axis=1)[:, ::-1] - inserted
        before = np.full((B, S + 1, T + 1), -np.inf)
        for s in range(S + 1):
            total = np.full((B, T + 1), -np.inf) if s == 0 else before[:, s - 1] + delete[:, s - 1, None]
            if s:
                total[:, 1:] = np.logaddexp(total[:, 1:], before[:, s - 1, :-1] + both[:, s - 1])
            starts = self.first == s
            total[rows[starts], self.begin[starts]] = 0.0
            before[:, s] = np.logaddexp.accumulate(total - inserted, axis=1) + inserted
        whole = after[rows, self.first, self.begin][:, None, None]
        one = np.exp(before[:, :-1, :-1] + both + after[:, 1:, 1:] - whole)
        gone = np.exp(before[:, :-1] + delete[:, :, None] + after[:, 1:] - whole).sum(axis=2)
        new = np.exp(before[:, :, :-1] + np.diff(inserted, axis=1)[:, None] + after[:, :, 1:] - whole).sum(axis=1)
        V = len(costs.insert)
        pairs = self.source[:, :, None] * V + self.target[:, None]
        other = np.where(self.same, 0.0, one)
        counts[0] += np.bincount(pairs.ravel(), other.ravel(), len(counts[0]))
        counts[1] += np.bincount(self.target.ravel(), new.ravel(), V)
        counts[2] += np.bincount(self.source.ravel(), gone.ravel(), len(counts[2]))
        return float(one.sum() - other.sum())
