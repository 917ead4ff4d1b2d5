"""Constraints on answers, token by token: the rules of each source, and a beam allocated by progress towards them.

A rule is an automaton over a vocabulary: for each state and token the next state, and the least number of tokens
until the text is accepted. Beams use dynamic beam allocation (Post & Vilar 2018, https://aclanthology.org/N18-1119;
Hu et al. 2019 for batches): candidates that need equally many more tokens for their required phrases form a bank, and
the best of each bank are chosen before the second best of any.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from seqcli.decoding._candidates import candidates
from seqcli.decoding.automata import Automaton

NEVER = 1 << 20  # tokens: the text can no longer be accepted


Paths = Sequence[tuple[bytes, Sequence[int]]]  # what a text ends with, and the tokens that usually follow
_UNUSUAL = 3  # the cost of a token off the usual paths, in tokens on them


@dataclass(frozen=True)
class Rule:
    """An automaton over tokens. A beam is allocated by the progress of `aimed` rules (phrases that must occur)."""

    after: np.ndarray  # (n, V) the state after each token; 0 is dead
    left: np.ndarray  # (n,) fewest tokens until accepted, EOS not counted; 0: accepted; NEVER: impossible
    start: int
    aimed: bool
    cost: np.ndarray  # (n,) the same, with tokens off the usual paths counted as _UNUSUAL
    usual: dict[int, list[int]]  # by state: the tokens of these paths
    _dead: dict[int, np.ndarray] = field(default_factory=dict, init=False, repr=False)
    _ahead: dict[int, np.ndarray] = field(default_factory=dict, init=False, repr=False)

    def dead(self, state: int) -> np.ndarray:
        """Return the tokens that must not follow."""
        if state not in self._dead:
            self._dead[state] = np.flatnonzero(self.left[self.after[state]] >= NEVER)
        return self._dead[state]

    def ahead(self, state: int) -> np.ndarray:
        """Return the tokens on the cheapest way to the aim."""
        if state not in self._ahead:
            each = np.full(self.after.shape[1], _UNUSUAL)
            each[self.usual.get(state, [])] = 1
            self._ahead[state] = np.flatnonzero(each + self.cost[self.after[state]] == self.cost[state])
        return self._ahead[state]

    @property
    def most(self) -> int:
        """How many tokens suffice from any state that can still be accepted."""
        return int(self.left[self.left < NEVER].max(initial=0))

    @property
    def needed(self) -> int:
        """The fewest tokens from the start; NEVER if no text of these tokens is accepted."""
        return int(self.left[self.start])


class Lexicon:
    """The texts of V tokens as bytes, and which of them can be `written`; it makes rules."""

    def __init__(self, texts: Sequence[bytes], written: np.ndarray):
        self._texts, self._written = list(texts), written
        lengths = np.array([len(t) for t in texts], np.int64)
        self._order = np.argsort(-lengths, kind="stable")
        longest = int(lengths.max(initial=0))
        self._columns = [  # byte i of the tokens that are long enough, in that order
            np.frombuffer(bytes(texts[n][i] for n in self._order[: int((lengths > i).sum())].tolist()), np.uint8)
            for i in range(longest)
        ]

    def rule(self, automaton: Automaton, *, aimed: bool, paths: Paths = ()) -> Rule:
        """Return the rule of an automaton over these tokens; `paths` are the usual tokens of the aim."""
        n = len(automaton.table)
        table = automaton.table.astype(np.min_scalar_type(n))
        states = np.repeat(np.arange(n, dtype=table.dtype)[:, None], len(self._texts), axis=1)
        for column in self._columns:
            states[:, : len(column)] = table[states[:, : len(column)], column]
        after = np.empty_like(states)
        after[:, self._order] = states
        usual: dict[int, list[int]] = {}
        for before, ids in paths:
            state = automaton.after(automaton.start, before)
            for id in ids:
                if self._written[id]:
                    usual.setdefault(state, []).append(id)
                state = int(after[state, id])
        return _rule(after, self._written, automaton, aimed, usual)

    def extended(self, rule: Rule, automaton: Automaton, texts: Sequence[bytes]) -> Rule:
        """Return the rule with further tokens, which can be written."""
        more = [[automaton.after(state, text) for text in texts] for state in range(len(rule.after))]
        after = np.hstack([rule.after, np.array(more, rule.after.dtype)])
        return _rule(after, np.append(self._written, [True] * len(texts)), automaton, rule.aimed, rule.usual)


def _rule(
    after: np.ndarray, written: np.ndarray, automaton: Automaton, aimed: bool, usual: dict[int, list[int]]
) -> Rule:
    n = len(after)
    edges = np.full((n, n), NEVER, np.int32)
    edges[np.arange(n)[:, None], after[:, written]] = 1
    left = _fewest(edges, automaton.accepting)
    if not aimed:
        return Rule(after, left, automaton.start, aimed, left, {})
    edges[edges == 1] = _UNUSUAL
    for state, ids in usual.items():
        edges[state, after[state, ids]] = 1
    return Rule(after, left, automaton.start, aimed, _fewest(edges, automaton.accepting), usual)


def _fewest(edges: np.ndarray, accepting: np.ndarray) -> np.ndarray:
    """Return the least sum of edges (n, n) from each state to an accepting one: (n,), NEVER if there is none."""
    found = np.where(accepting, 0, NEVER)
    while True:
        better = np.minimum(found, (edges + found).min(axis=1))
        if (better == found).all():
            return found
        found = better


class Guide:
    """The rules of the sources of a batch, for the searches.

    The states of a row's rules are one row of an array (N, R); columns beyond a source's rules stay 0. `limits` are
    the most tokens of each target, EOS counted. No result of a source depends on another source.
    """

    def __init__(self, rules: Sequence[Sequence[Rule]], *, eos: int, limits: np.ndarray):
        self._rules, self._eos, self._limits = [list(of) for of in rules], eos, limits
        self._width = max(map(len, self._rules), default=0)
        self.aimed = np.array([any(rule.aimed for rule in of) for of in self._rules], bool)
        self._most = [int(_sure(of, [np.array([rule.most]) for rule in of])[0]) for of in self._rules]

    @property
    def states(self) -> np.ndarray:
        """The initial states, a row for each source."""
        found = np.zeros((len(self._rules), self._width), np.int64)
        for b, of in enumerate(self._rules):
            found[b, : len(of)] = [rule.start for rule in of]
        return found

    def follow(self, states: np.ndarray, ids: np.ndarray, of: np.ndarray) -> np.ndarray:
        """Return the states (N, R) after a token of each row; `of` (N,) are the sources, equal ones adjacent."""
        found = np.zeros_like(states)
        for b, rows in _spans(of):
            for r, rule in enumerate(self._rules[b]):
                found[rows, r] = rule.after[states[rows, r], ids[rows]]
        return found

    def apply(self, log_probs: np.ndarray, t: int, of: np.ndarray, states: np.ndarray) -> None:
        """Rule out, in log_probs (N, V) after t tokens, what must not follow, EOS before all rules accept the text,
        and what leaves too few tokens up to the limit."""
        for b, rows in _spans(of):
            rules, room = self._rules[b], int(self._limits[b]) - t - 2  # tokens after this one and before EOS
            for n, own in zip(range(rows.start, rows.stop), states[rows].tolist(), strict=True):
                for rule, state in zip(rules, own, strict=False):
                    log_probs[n, rule.dead(state)] = -np.inf
                    if rule.left[state]:
                        log_probs[n, self._eos] = -np.inf
                if rules and room < self._most[b]:
                    self._within(log_probs[n], room, rules, own)

    def _within(self, log_probs: np.ndarray, room: int, rules: Sequence[Rule], states: Sequence[int]) -> None:
        """Rule out tokens that may leave too few tokens; if those are all, only those that certainly do."""
        left = [rule.left[rule.after[state]].astype(np.int64) for rule, state in zip(rules, states, strict=False)]
        eos, size = log_probs[self._eos], len(left[0])
        for needed in (_sure(rules, left), np.max(left, axis=0)):
            if ((log_probs[:size] > -np.inf) & (needed <= room)).any() or eos > -np.inf:
                break
        log_probs[:size][needed > room] = -np.inf
        log_probs[self._eos] = eos

    def share(
        self, log_probs: np.ndarray, running: np.ndarray, count: int, of: np.ndarray, states: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return `count` continuations of each source in `of` (N,), the sources of rows, equal ones adjacent, which
        all have an aim: sums, rows and ids (A, count), like `candidates`, but allocated to the banks.

        Candidates are the best of each row, and the best token of each row towards each phrase. The bank that needs
        the fewest tokens comes first, then the one that needs the most (the answer as the model would give it), then
        the others, from fewer to more.
        """
        sums, row, ids = (x.ravel() for x in candidates(log_probs, running, 1, count))
        towards = self._towards(log_probs, of, states)
        listed = set(zip(row.tolist(), ids.tolist(), strict=True)) if len(sums) else set()
        more = np.array([pair for pair in towards if pair not in listed], np.int64).reshape(-1, 2)
        sums = np.concatenate([sums, running[more[:, 0]] + log_probs[more[:, 0], more[:, 1]]])
        row, ids = np.concatenate([row, more[:, 0]]), np.concatenate([ids, more[:, 1]])
        there = sums > -np.inf
        sums, row, ids = sums[there], row[there], ids[there]
        spans = _spans(of)
        first = np.array([rows.start for _, rows in spans])
        source = np.searchsorted(first, row, side="right") - 1
        order = np.lexsort((ids, row, -sums, source))
        sums, row, ids, source = sums[order], row[order], ids[order], source[order]
        needed = np.zeros(len(sums), np.int64)
        ends = np.searchsorted(source, np.arange(len(spans) + 1))
        for (b, _), begin, end in zip(spans, ends, ends[1:], strict=False):
            for r, rule in enumerate(self._rules[b]):
                if rule.aimed:
                    needed[begin:end] += rule.cost[rule.after[states[row[begin:end], r], ids[begin:end]]]
        order = np.lexsort((_turns(source, needed), source))
        sums, row, ids, source = sums[order], row[order], ids[order], source[order]
        place = np.arange(len(source)) - ends[source]
        kept = place < count
        found = np.full((len(spans), count), -np.inf), np.repeat(first[:, None], count, axis=1)
        tokens = np.zeros((len(spans), count), np.int64)
        for into, values in zip((*found, tokens), (sums, row, ids), strict=True):
            into[source[kept], place[kept]] = values[kept]
        return *found, tokens

    def _towards(self, log_probs: np.ndarray, of: np.ndarray, states: np.ndarray) -> list[tuple[int, int]]:
        """Return (row, id) of the most probable token that leads each row towards each phrase."""
        found: dict[tuple[int, int], None] = {}
        for b, rows in _spans(of):
            for r, rule in enumerate(self._rules[b]):
                if rule.aimed:
                    for n, state in zip(range(rows.start, rows.stop), states[rows, r].tolist(), strict=True):
                        if len(ahead := rule.ahead(state)):
                            found[n, int(ahead[log_probs[n, ahead].argmax()])] = None
        return list(found)


def _turns(source: np.ndarray, needed: np.ndarray) -> np.ndarray:
    """Return each candidate's turn among those of its source; sources are in order, the best of a bank first."""
    if not len(source):
        return source
    order = np.lexsort((needed, source))
    opens = np.append(True, (source[order][1:] != source[order][:-1]) | (needed[order][1:] != needed[order][:-1]))
    bank = np.cumsum(opens) - 1  # of all sources
    place = np.arange(len(order)) - np.flatnonzero(opens)[bank]
    of = source[order][opens]  # the source of each bank
    number = np.arange(len(of)) - np.searchsorted(of, of)  # of the bank in its source, and how many that has
    banks = np.searchsorted(of, of, side="right") - np.searchsorted(of, of)
    turn = np.where(number == 0, 0, np.where(number == banks - 1, 1, number + 1))
    turns = np.empty(len(order), np.int64)
    turns[order] = place * (int(banks.max()) + 1) + turn[bank]
    return turns


def _sure(rules: Sequence[Rule], left: Sequence[np.ndarray]) -> np.ndarray:
    """Return how many tokens are certainly enough, (n,), if the rules need `left` (n,): first for the phrase that is
    begun, then for the others from any state; rules without an aim are satisfied meanwhile."""
    total, begun, other = np.zeros((3, len(left[0]) if left else 1), np.int64)
    for rule, own in zip(rules, left, strict=True):
        if rule.aimed:
            total = total + np.where(own > 0, rule.most, 0)
            begun = np.maximum(begun, np.where(own > 0, rule.most - own, 0))
        else:
            other = np.maximum(other, own)
    return np.maximum(total - begun, other)


class Followed:
    """A rule that R continuations of at most `limit` tokens follow; `end` may come after an accepted text."""

    def __init__(self, rule: Rule, rows: int, end: int, limit: int):
        self._rule, self._end, self._limit = rule, end, limit
        self._states = np.full(rows, rule.start)

    def allowed(self, logits: np.ndarray, rows: np.ndarray, step: int) -> np.ndarray:
        """Return logits (r, V) of some rows after `step` tokens, -inf for tokens that must not follow."""
        left, found = self._rule.left, np.full_like(logits, -np.inf)
        for n, state in enumerate(self._states[rows].tolist()):
            ids = np.flatnonzero(left[self._rule.after[state]] < self._limit - step)
            found[n, ids] = logits[n, ids]
            found[n, self._end] = -np.inf if left[state] else logits[n, self._end]
        return found

    def take(self, rows: np.ndarray, ids: np.ndarray) -> None:
        """Advance some rows by a token each."""
        self._states[rows] = self._rule.after[self._states[rows], ids]


def _spans(of: np.ndarray) -> list[tuple[int, slice]]:
    """Return the range of adjacent rows of each source."""
    starts = np.flatnonzero(np.append(True, of[1:] != of[:-1])) if len(of) else np.zeros(0, np.int64)
    ends = np.append(starts[1:], len(of))
    return [(int(of[a]), slice(a, b)) for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
