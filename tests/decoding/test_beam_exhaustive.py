"""A beam wide enough for everything finds what trying everything finds, whatever the penalties and constraints."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.tables import Table, allowed, rescored, score, sources

from seqcli.decoding.beam import Search, search
from seqcli.decoding.ensemble import Ensemble


def everything(
    model: Any, source: np.ndarray, settings: Search, limit: int, V: int, prefix: list[int], banned: list[int]
) -> list[tuple[bool, float, list[int]]]:
    """(finished, score, ids) of all targets of at most `limit` tokens: finished ones first, the best first."""
    bos, eos = V, V - 1
    found, ends = [], []

    def extend(ids: list[int]) -> None:
        if len(ids) == limit:
            ends.append((ids, False))
            return
        for id in range(V):
            if allowed(ids, id, settings, prefix, banned, bos, eos):
                if id == eos:
                    ends.append((ids, True))
                else:
                    extend([*ids, id])

    extend([])
    for ids, finished in ends:
        logprobs, attention = rescored(model, source, ids, finished, bos, eos)
        found.append((finished, score(settings, logprobs, attention), ids))
    return sorted(found, key=lambda end: (not end[0], -end[1]))


def compare(model: Any, V: int, limits: list[int], *, prefix: list[int], banned: list[int], **settings: Any) -> None:
    given = sources(len(limits), seed=len(limits))
    beam = max(2, (V - 1) ** (max(limits) - 1) * V)
    wide = Search(beam=beam, n_best=beam, **settings)
    found = search(model, given, wide, bos=V, eos=V - 1, limits=limits, prefixes=[prefix] * len(given), banned=banned)
    for source, limit, hypotheses in zip(given, limits, found, strict=True):
        expected = everything(model, source, wide, limit, V, prefix, banned)[:beam]
        assert [h.finished for h in hypotheses] == [finished for finished, _, _ in expected]
        np.testing.assert_allclose([h.score for h in hypotheses], [s for _, s, _ in expected], rtol=1e-9)
        assert [h.ids.tolist() for h in hypotheses] == [ids for _, _, ids in expected]


@pytest.mark.parametrize("length_penalty", [0.0, 0.6, 1.0, 2.5])
@pytest.mark.parametrize(("coverage_penalty", "V", "limit"), [(0.0, 3, 5), (0.3, 4, 4), (2.0, 3, 5)])
def test_every_penalty(length_penalty: float, coverage_penalty: float, V: int, limit: int) -> None:
    penalties = {"length_penalty": length_penalty, "coverage_penalty": coverage_penalty}
    compare(Table(V, V), V, [limit, 1, limit - 1], prefix=[], banned=[], **penalties)


@pytest.mark.parametrize(
    "constraint", [{"no_repeat": 1}, {"no_repeat": 2}, {"min_length": 2}, {"min_length": 9}], ids=str
)
@pytest.mark.parametrize("prefix", [[], [0], [1, 1]], ids=str)
@pytest.mark.parametrize("banned", [[], [1]], ids=str)
def test_every_constraint(constraint: dict[str, int], prefix: list[int], banned: list[int]) -> None:
    compare(Table(4, 7), 4, [4, 3], prefix=prefix, banned=banned, coverage_penalty=0.2, **constraint)


def test_an_ensemble() -> None:
    compare(Ensemble([Table(3, 1), Table(3, 2), Table(3, 3)]), 3, [5, 3], prefix=[], banned=[], coverage_penalty=0.5)
