"""Edit programs against all programs of small strings: what they write, what they cost, how likely each edit is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples

from seqcli.models._edits import ROUNDS, Costs, Strings, _Padded, programs

VS, V = 5, 6  # source symbols; target symbols, the last two of which begin and end a target
END, DELETE, COPY = V - 1, 2 * V, 2 * V + 1


def strings(source: list[int], target: list[int]) -> Strings:
    x, y = np.array(source, np.int64), np.array(target, np.int64)
    return Strings(x, y, (x[:, None] == y[None]) & (x[:, None] != 3))  # the target side lacks symbol 3


def drawn(seed: int, count: int, most: int = 4) -> list[Strings]:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, most + 1, (count, 2))
    return [strings(rng.integers(0, VS, s).tolist(), rng.integers(0, V - 2, t).tolist()) for s, t in lengths]


def costs(seed: int) -> Costs:
    rng = np.random.default_rng(seed)
    return Costs(rng.random((VS, V)) * 5 + 0.5, rng.random(V) * 3 + 0.5, rng.random(VS) * 3 + 0.5, 0.3)


def every(pair: Strings, s: int = 0, t: int = 0) -> Iterator[list[int]]:
    """All programs that write the target and go over the whole source; the same symbol is copied, not substituted."""
    S, T = pair.same.shape
    if (s, t) == (S, T):
        yield []
    if s < S and t < T:
        edit = COPY if pair.same[s, t] else V + int(pair.target[t])
        yield from ([edit, *rest] for rest in every(pair, s + 1, t + 1))
    if s < S:
        yield from ([DELETE, *rest] for rest in every(pair, s + 1, t))
    if t < T:
        yield from ([int(pair.target[t]), *rest] for rest in every(pair, s, t + 1))


def paid(pair: Strings, program: list[int], costs: Costs) -> float:
    """What a program costs; deletes what it leaves."""
    at, total = 0, 0.0
    for edit in program:
        if edit < V:
            total += costs.insert[edit]
            continue
        x = pair.source[at]
        total += costs.copy if edit == COPY else costs.delete[x] if edit == DELETE else costs.substitute[x, edit - V]
        at += 1
    return float(total + costs.delete[pair.source[at:]].sum())


def written(pair: Strings, program: list[int]) -> list[int]:
    at, found = 0, []
    for edit in program:
        if edit == COPY:
            found.append(int(pair.source[at]))
        elif edit != DELETE:
            found.append(edit % V)
        at += edit >= V
    return found


@given(st.integers(0, 2**32))
@settings(max_examples=examples(15), deadline=None)
def test_programs_write_their_targets_at_the_least_cost(seed: int) -> None:
    pairs, own = drawn(seed, 6), costs(seed)
    for pair, found in zip(pairs, programs(pairs, own), strict=True):
        *edits, end = found.tolist()
        assert end == END
        assert END not in edits
        assert written(pair, edits) == pair.target.tolist()
        least = min(paid(pair, one, own) for one in every(pair))
        assert paid(pair, edits, own) == pytest.approx(least, abs=1e-4)


def test_equal_costs_copy_first_and_the_end_leaves_what_is_not_needed() -> None:
    flat = Costs(np.ones((VS, V)), np.ones(V), np.ones(VS), 0.0)
    for source, target, wanted in [
        ([0, 1, 2], [0, 1], [COPY, COPY, END]),  # nothing is deleted at the end
        ([0, 1], [0, 2, 2], [COPY, V + 2, 2, END]),
        ([], [1], [1, END]),
        ([1], [], [END]),
        ([3], [3], [V + 3, END]),  # the target side has no such symbol to copy
    ]:
        assert programs([strings(source, target)], flat)[0].tolist() == wanted


def test_expected_edits_are_those_of_all_programs() -> None:
    pairs, own = drawn(3, 12), costs(3)
    counts = [np.zeros(VS * V), np.zeros(V), np.zeros(VS)]
    copies = _Padded(pairs).expect(own, counts)
    wanted, copied = [np.zeros_like(c) for c in counts], 0.0
    for pair in pairs:
        all_of = list(every(pair))
        p = np.exp([-paid(pair, one, own) for one in all_of])
        for program, share in zip(all_of, p / p.sum(), strict=True):
            at = 0
            for edit in program:
                if edit < V:
                    wanted[1][edit] += share
                    continue
                x = pair.source[at]
                if edit == COPY:
                    copied += share
                elif edit == DELETE:
                    wanted[2][x] += share
                else:
                    wanted[0][x * V + edit - V] += share
                at += 1
    assert copies == pytest.approx(copied, abs=1e-9)
    for found, expected in zip(counts, wanted, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-9)


def test_learning_raises_the_likelihood_and_finds_what_becomes_what() -> None:
    """Each symbol becomes another one, 4 becomes nothing, and 3 two symbols."""
    becomes = {0: [1], 1: [2], 2: [0], 3: [3, 3], 4: []}
    rng = np.random.default_rng(0)
    sources = [rng.integers(0, VS, n).tolist() for n in rng.integers(1, 6, 60)]
    pairs = [strings(x, [c for s in x for c in becomes[s]]) for x in sources]
    found = Costs.learnt(pairs, VS, V)
    total = np.exp(-found.substitute).sum() + np.exp(-found.insert).sum() + np.exp(-found.delete).sum()
    assert total + np.exp(-found.copy) == pytest.approx(1)
    assert ROUNDS == 10
    first = Costs.first(VS, V)

    def nats(costs: Costs) -> float:
        return sum(-np.log(np.exp([-paid(p, one, costs) for one in every(p)]).sum()) for p in pairs[:20])

    assert nats(found) < nats(first)
    assert found.substitute[:3].argmin(axis=1).tolist() == [1, 2, 0]
    assert found.delete.argmin() == 4
    for edits, x in zip(programs(pairs, found), sources, strict=True):
        if len(set(x)) == len(x) and 3 not in x and x[-1] != 4:
            assert edits.tolist() == [DELETE if s == 4 else V + becomes[s][0] for s in x] + [END]
