"""Depth, both directions and padding, against torch's own recurrent networks and packed sequences in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from seqcli import layers
from seqcli.layers.stack import Stack

torch = pytest.importorskip("torch")

T, B, I, H = 6, 5, 4, 3
LENGTHS = np.array([6, 1, 4, 3, 6])
ORACLES = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}
SHAPES = [(1, False), (1, True), (2, False), (3, True)]


def make(cell: str, depth: int, both: bool, dtype: Any = np.float64, hidden: int = H, size: int = I) -> Stack:
    """A stack with drawn biases."""
    rng = np.random.default_rng(depth)
    stack = Stack.create(cell, size, [hidden] * depth, rng, bidirectional=both)
    drawn = {n: rng.normal(0, 0.4, a.shape).astype(dtype) for n, a in layers.arrays(stack).items()}
    return layers.replace(stack, drawn)


def bind(stack: Stack) -> tuple[Stack, dict[str, Any]]:
    weights = {n: torch.from_numpy(a.copy()).requires_grad_() for n, a in layers.arrays(stack).items()}
    return layers.replace(stack, weights), weights


def oracle_of(cell: str, stack: Stack, weights: dict[str, Any]) -> tuple[Any, dict[str, str]]:
    """torch's network with the same weights, and its name for each of ours."""
    depth, both = len(stack.cells), len(stack.cells[0]) == 2
    oracle = ORACLES[cell](I, H, num_layers=depth, bidirectional=both, dtype=torch.float64)
    names = {}
    for name in weights:  # cells.<layer>.<direction>.<weight>
        _, layer, direction, weight = name.split(".")
        names[name] = f"{weight}_l{layer}{'_reverse' if direction == '1' else ''}"
        with torch.no_grad():
            getattr(oracle, names[name]).copy_(weights[name])
    return oracle, names


def flat(state: Any) -> list[Any]:
    """The arrays of a stack's state as torch orders them: h of every layer and direction, then c."""
    cells = [cell for layer in state for cell in layer]
    return [array for kind in zip(*cells, strict=True) for array in kind]


def drawn_state(stack: Stack, dtype: Any = np.float64) -> Any:
    """A state that is not zero."""
    rng = np.random.default_rng(8)
    return tuple(
        tuple(tuple(rng.normal(0, 0.5, s.shape).astype(dtype) for s in cell) for cell in layer)
        for layer in stack.initial_state(B)
    )


def to_torch(state: Any) -> Any:
    if isinstance(state, tuple):
        return tuple(map(to_torch, state))
    return torch.from_numpy(state.copy()).requires_grad_()


def total(*parts: Any) -> Any:
    generator = torch.Generator().manual_seed(3)
    return sum((p * torch.randn(p.shape, generator=generator, dtype=torch.float64)).sum() for p in parts)


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["equal lengths", "packed"])
@pytest.mark.parametrize(("depth", "both"), SHAPES)
@pytest.mark.parametrize("cell", ORACLES)
def test_outputs_states_and_gradients_equal_torch_nn(cell: str, depth: int, both: bool, lengths: Any) -> None:
    stack, weights = bind(make(cell, depth, both))
    oracle, names = oracle_of(cell, stack, weights)
    given = drawn_state(stack)
    x = np.random.default_rng(1).standard_normal((T, B, I))
    ours, theirs = to_torch(x), to_torch(x)
    own_state, other_state = to_torch(given), to_torch(given)

    y, end = stack.unroll(ours, own_state, lengths=None if lengths is None else torch.from_numpy(lengths))
    arrays = flat(other_state)
    half = len(arrays) // 2
    start = (torch.stack(arrays[:half]), torch.stack(arrays[half:])) if cell == "lstm" else torch.stack(arrays)
    packed = theirs
    if lengths is not None:
        packed = torch.nn.utils.rnn.pack_padded_sequence(theirs, torch.from_numpy(lengths), enforce_sorted=False)
    expected, last = oracle(packed, start)
    if lengths is not None:
        expected, _ = torch.nn.utils.rnn.pad_packed_sequence(expected, total_length=T)
    last = [*last[0], *last[1]] if cell == "lstm" else [*last]

    torch.testing.assert_close(y, expected, rtol=0, atol=1e-9)
    for a, b in zip(flat(end), last, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-9)
    wanted = [ours, *flat(own_state), *weights.values()]
    own = torch.autograd.grad(total(y, *flat(end)), wanted)
    other = [theirs, *flat(other_state), *(getattr(oracle, names[n]) for n in weights)]
    for a, b in zip(own, torch.autograd.grad(total(expected, *last), other), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-9)


def test_layers_may_have_different_sizes_and_between_sees_all_but_the_last() -> None:
    stack = Stack.create("gru", I, [7, 5, 2], np.random.default_rng(0), bidirectional=True)
    assert [cell.input_size for layer in stack.cells for cell in layer] == [I, I, 14, 14, 10, 10]
    assert stack.output_size == 4
    seen = []

    def between(y: np.ndarray) -> np.ndarray:
        seen.append(y.shape)
        return y * 0

    x = np.ones((T, B, I), np.float32)
    y, _ = stack.unroll(x, stack.initial_state(B), between=between)
    assert seen == [(T, B, 14), (T, B, 10)]
    assert y.shape == (T, B, 4)
    assert not y.any()  # a GRU without biases that reads zeros


def test_options_reach_every_cell() -> None:
    stack = Stack.create([{"kind": "rnn", "nonlinearity": "relu"}], I, [3, 3], np.random.default_rng(0))
    assert [vars(cell)["nonlinearity"] for layer in stack.cells for cell in layer] == ["relu", "relu"]
