"""One stream, prepared for speed, equals the equations."""

from __future__ import annotations

import numpy as np
import pytest
from support.cells import CELLS, stack_of

from seqcli import layers
from seqcli.inference import stream
from seqcli.inference.stream import StreamForm
from seqcli.layers.stack import Stack

V, E, H, T = 9, 5, 24, 40


@pytest.fixture(params=CELLS)
def stack(request: pytest.FixtureRequest) -> Stack:
    return stack_of(request.param, [H, 7], both=False, inputs=E)


@pytest.fixture(params=[True, False], ids=["table", "no table"])
def form(request: pytest.FixtureRequest, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> StreamForm:
    if not request.param:
        monkeypatch.setattr(stream, "LARGEST_TABLE", 0)
    return StreamForm(EMBEDDING, stack)


EMBEDDING = np.random.default_rng(0).standard_normal((V, E)).astype(np.float32)
IDS = np.random.default_rng(1).integers(0, V, T)


def double(layer: Stack) -> Stack:
    return layers.replace(layer, {n: a.astype(np.float64) for n, a in layers.arrays(layer).items()})


def test_unroll_equals_the_stack_in_float64(form: StreamForm, stack: Stack) -> None:
    exact = double(stack)
    y, end = exact.unroll(EMBEDDING[IDS][:, None].astype(np.float64), exact.initial_state(1))
    h, last = form.unroll(IDS, stack.initial_state(1))
    assert h.shape == (T, 7)
    assert h.dtype == np.float32
    np.testing.assert_allclose(h, y[:, 0], rtol=1e-4, atol=1e-5)
    for a, b in zip(layers.arrays(last).values(), layers.arrays(end).values(), strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_steps_are_the_unrolling_to_the_bit_and_change_no_state_given(form: StreamForm, stack: Stack) -> None:
    h, last = form.unroll(IDS, stack.initial_state(1))
    state = stack.initial_state(1)
    for t, id in enumerate(IDS.tolist()):
        before = [a.copy() for a in layers.arrays(state).values()]
        out, new = form.step(id, state)
        for a, b in zip(layers.arrays(state).values(), before, strict=True):
            np.testing.assert_array_equal(a, b)
        state = new
        np.testing.assert_array_equal(out, h[t])
    for a, b in zip(layers.arrays(state).values(), layers.arrays(last).values(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_step_may_be_taken_back(form: StreamForm, stack: Stack) -> None:
    """Beam search and `generate -n` go on from one state many times."""
    _, state = form.unroll(IDS, stack.initial_state(1))
    first, after = form.step(3, state)
    first = first.copy()
    kept = [a.copy() for a in layers.arrays(after).values()]
    form.step(4, state)
    form.step(5, after)
    for a, b in zip(layers.arrays(after).values(), kept, strict=True):
        np.testing.assert_array_equal(a, b)
    again, _ = form.step(3, state)
    np.testing.assert_array_equal(again, first)


def test_no_ids_change_nothing(form: StreamForm, stack: Stack) -> None:
    _, state = form.unroll(IDS, stack.initial_state(1))
    h, after = form.unroll(IDS[:0], state)
    assert h.shape == (0, 7)
    for a, b in zip(layers.arrays(after).values(), layers.arrays(state).values(), strict=True):
        np.testing.assert_array_equal(a, b)
