"""Confident learning against its definition, record by record."""

from __future__ import annotations

import numpy as np
import pytest

from seqcli.selection.doubt import Doubts


def by_definition(own: np.ndarray, p: np.ndarray) -> list[tuple[int, int, int]]:
    """(record, label, other) of each that is contradicted, the least self-confident first."""
    K = p.shape[1]
    least = [p[own == k, k].mean() if (own == k).any() else np.inf for k in range(K)]
    found = []
    for i, label in enumerate(own):
        sure = [k for k in range(K) if p[i, k] >= least[k] and p[i, k] > p[i, label]]
        if not sure or p[i, label] == p[i].max():
            continue
        other = max(sure, key=lambda k, i=i: (p[i, k], -k))
        if other != label:
            found.append((float(p[i, label]), i, int(label), other))
    return [(i, label, other) for _, i, label, other in sorted(found)]


@pytest.mark.parametrize("seed", range(20))
def test_found_is_as_defined_however_records_come(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p, own = rng.dirichlet(np.ones(4) * 0.4, 60), rng.integers(0, 4 - seed % 2, 60)
    wanted = by_definition(own, p)
    for size in (60, 7, 1):
        doubts = Doubts(4)
        for first in range(0, 60, size):
            part = slice(first, first + size)
            doubts.add(np.arange(60)[part], own[part], p[part])
        found = doubts.found()
        assert [(d.record, d.label, d.other) for d in found] == wanted
        assert all(d.confidence == p[d.record, d.label] and d.probability == p[d.record, d.other] for d in found)


def test_labels_that_were_changed_are_found_first() -> None:
    rng = np.random.default_rng(5)
    right = rng.integers(0, 3, 400)
    p = np.full((400, 3), 0.05)
    p[np.arange(400), right] = 0.9
    p += rng.random(p.shape) * 0.02
    p /= p.sum(axis=1, keepdims=True)
    changed = np.sort(rng.choice(400, 20, replace=False))
    own = right.copy()
    own[changed] = (right[changed] + 1) % 3
    doubts = Doubts(3)
    doubts.add(np.arange(400), own, p)
    assert sorted(d.record for d in doubts.found()) == changed.tolist()


def test_equally_doubtful_ones_come_in_their_order_and_nothing_gives_nothing() -> None:
    assert Doubts(2).found() == []
    doubts = Doubts(2)
    doubts.add(np.arange(6), np.array([0, 0, 0, 1, 1, 1]), np.array([[0.9, 0.1]] * 2 + [[0.1, 0.9]] * 4))
    doubts.add(np.array([7, 6]), np.array([0, 0]), np.array([[0.1, 0.9]] * 2))
    assert [d.record for d in doubts.found()] == [2, 6, 7]
