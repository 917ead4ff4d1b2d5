"""GRU and LSTM with a backward of our own, beside torch's kernels: the same numbers, the same gradients."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from seqcli.cells import _training, lstm  # noqa: E402

T, B, I, H = 9, 4, 5, 6
GATES = {"gru": 3, "lstm": 4}
KINDS = list(GATES)


def arrays(kind: str, dtype: Any, sizes: tuple[int, int, int, int] = (T, B, I, H)) -> list[Any]:
    """x, the state and the weights, as leaves."""
    steps, batch, inputs, hidden = sizes
    generator = torch.Generator().manual_seed(0)
    shapes = [(steps, batch, inputs), *[(batch, hidden)] * (1 + (kind == "lstm"))]
    shapes += [(GATES[kind] * hidden, n) for n in (inputs, hidden)] + [(GATES[kind] * hidden,)] * 2
    scale = [1.0] * (len(shapes) - 4) + [inputs**-0.5, hidden**-0.5, 0.3, 0.3]
    drawn = (torch.randn(s, generator=generator, dtype=torch.float64) * a for s, a in zip(shapes, scale, strict=True))
    return [a.to(dtype).requires_grad_() for a in drawn]


def ours(kind: str, given: list[Any]) -> list[Any]:
    """Outputs and last states of the function under test."""
    found = getattr(_training, kind)()(*given)
    return [found, found[-1]] if kind == "gru" else [found[0], found[0][-1], found[1]]


def theirs(kind: str, given: list[Any]) -> list[Any]:
    x, *rest = given
    state, weights = rest[:-4], rest[-4:]
    if kind == "gru":
        y, h = torch.gru(x, state[0][None], weights, True, 1, 0.0, True, False, False)
        return [y, h[0]]
    y, h, c = torch.lstm(x, [s[None] for s in state], weights, True, 1, 0.0, True, False, False)
    return [y, h[0], c[0]]


def all_of(found: list[Any], given: list[Any]) -> list[Any]:
    """The results, and the gradients of a number that each of them takes part in."""
    generator = torch.Generator().manual_seed(1)
    weights = [torch.randn(f.shape, generator=generator, dtype=torch.float64).to(f.dtype) for f in found]
    total = sum((f * w).sum() for f, w in zip(found, weights, strict=True))
    return [*(f.detach() for f in found), *torch.autograd.grad(total, given)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sizes", [(T, B, I, H), (1, 1, 3, 2), (2, 3, 4, 4)])
def test_outputs_states_and_gradients_are_those_of_torch_in_float64(kind: str, sizes: Any) -> None:
    given = arrays(kind, torch.float64, sizes)
    for a, b in zip(all_of(ours(kind, given), given), all_of(theirs(kind, given), given), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_finite_differences(kind: str) -> None:
    given = arrays(kind, torch.float64, (3, 2, 3, 2))
    assert torch.autograd.gradcheck(lambda *a: tuple(ours(kind, list(a))), given, atol=1e-7)


@pytest.mark.parametrize("kind", KINDS)
def test_bfloat16_rounds_no_worse_than_torch_does(kind: str) -> None:
    sizes = (24, 8, 48, 64)
    exact = all_of(theirs(kind, wide := arrays(kind, torch.float64, sizes)), wide)
    errors = []
    for run in (ours, theirs):
        given = arrays(kind, torch.bfloat16, sizes)
        found = all_of(run(kind, given), given)
        errors.append([((a.double() - b).norm() / b.norm()).item() for a, b in zip(found, exact, strict=True)])
    assert all(a < 2 * b + 1e-3 for a, b in zip(*errors, strict=True)), errors


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_gradient_that_is_asked_for_may_be_asked_for(kind: str) -> None:
    """Outputs alone, or the last cell state alone: what is not used has no gradient, and that is no error."""
    given = arrays(kind, torch.float64)
    results = len(ours(kind, given))
    for at in range(results):
        a, b = (torch.autograd.grad(run(kind, given)[at].sum(), given) for run in (ours, theirs))
        for x, y in zip(a, b, strict=True):
            torch.testing.assert_close(x, y, rtol=0, atol=1e-12)


def test_large_lstms_in_bfloat16_take_it(monkeypatch: pytest.MonkeyPatch) -> None:
    taken, cell = [], lstm.Cell.create(3, 4, np.random.default_rng(0))
    function = _training.lstm()
    monkeypatch.setattr(lstm, "lstm", lambda: lambda *a: taken.append(a) or function(*a))
    monkeypatch.setattr(lstm, "LARGE", 4)
    for dtype, expected in ((torch.float32, 0), (torch.bfloat16, 1)):
        weights = {n: torch.from_numpy(getattr(cell, n)).to(dtype).requires_grad_() for n in cell.__dict__}
        torched = lstm.Cell(**weights)
        y, _ = torched.unroll(torch.zeros(2, 1, 3, dtype=dtype), torched.initial_state(1))
        assert len(taken) == expected
        y.sum().backward()
    with torch.no_grad():
        torched.unroll(torch.zeros(2, 1, 3, dtype=torch.bfloat16), torched.initial_state(1))
    assert len(taken) == 1  # no gradients, no need


def test_weights_end_to_end_are_the_same_and_gradients_reach_them() -> None:
    weights = arrays("gru", torch.float64)[-4:]
    flat = _training.end_to_end(weights)
    starts = [w.data_ptr() for w in flat]
    assert [b - a for a, b in pairwise(starts)] == [8 * w.numel() for w in flat[:-1]]
    for a, b in zip(flat, weights, strict=True):
        assert torch.equal(a, b)
    for at, g in enumerate(torch.autograd.grad(sum((i + 1) * w.sum() for i, w in enumerate(flat)), weights)):
        assert torch.equal(g, torch.full_like(g, at + 1))
