"""Many sequences side by side against the equations one by one, and against themselves, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cells import CELLS, known
from support.examples import examples
from threadpoolctl import threadpool_limits

from seqcli.inference.batch import BatchForm
from seqcli.layers.stack import Stack


def made(cell: str, layers: int = 1, bidirectional: bool = True, hidden: int = 5, seed: int = 0) -> Stack:
    with known():
        return Stack.create(cell, 3, [hidden] * layers, np.random.default_rng(seed), bidirectional=bidirectional)


def inputs(lengths: list[int], seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(sum(lengths), 3)).astype(np.float32)


def read(stack: Stack, x: np.ndarray, lengths: list[int]) -> np.ndarray:
    form = BatchForm(stack)
    projected = form.project(x)
    return form.read(lengths, lambda places, d: projected[d, places])


@pytest.mark.parametrize("hidden", [5, 300])
@pytest.mark.parametrize("cell", CELLS)
def test_a_sequence_alone_has_the_same_bits(cell, hidden):
    stack = made(cell, 2, hidden=hidden)
    lengths = [int(n) for n in np.random.default_rng(2).integers(0, 12, 37)]
    x, starts = inputs(lengths), np.cumsum([0, *lengths])
    together = read(stack, x, lengths)
    with threadpool_limits(1):
        for i in (0, 5, 20, 36):
            part = slice(starts[i], starts[i + 1])
            assert np.array_equal(read(stack, x[part], [lengths[i]]), together[part])


@settings(deadline=None, max_examples=examples(30))
@given(st.lists(st.integers(0, 9), min_size=1, max_size=40), st.randoms(use_true_random=False))
def test_order_does_not_matter(lengths, random):
    stack, x, starts = made("lstm"), inputs(lengths), np.cumsum([0, *lengths])
    order = list(range(len(lengths)))
    random.shuffle(order)
    mixed = np.concatenate([x[starts[i] : starts[i + 1]] for i in order])
    there, back, at = read(stack, x, lengths), read(stack, mixed, [lengths[i] for i in order]), 0
    for i in order:
        assert np.array_equal(back[at : at + lengths[i]], there[starts[i] : starts[i + 1]])
        at += lengths[i]


def test_long_sequences_are_projected_by_stretches(monkeypatch):
    stack, lengths = made("gru"), [50, 3]
    x = inputs(lengths)
    whole = read(stack, x, lengths)
    monkeypatch.setattr("seqcli.inference.batch.STRETCH", 7)
    form, asked = BatchForm(stack), []

    def project(places: np.ndarray, direction: int) -> np.ndarray:
        asked.append(len(places))
        return form.project(x[places])[direction]

    assert np.array_equal(form.read(lengths, project), whole)
    assert max(asked) <= 7


def test_nothing_to_read():
    assert read(made("lstm"), inputs([0, 0]), [0, 0]).shape == (0, 10)
    assert read(made("lstm"), inputs([]), []).shape == (0, 10)
