"""Every cell, and a new one as soon as its file is there: equation, kernel, NumPy and prepared form are one."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from support.cells import CELLS, OWN, kind_of

from seqcli import layers, registry
from seqcli.cells import BaseCell
from seqcli.layers.blank import Blank
from seqcli.layers.choice import options_of

torch = pytest.importorskip("torch")

T, B, I, H = 7, 4, 5, 6
BIASES = 0.5  # a fresh cell's biases are 0 or 1: drawn, so that no mistake can hide in them

VARIANTS = [
    pytest.param(name, options, id=" ".join([name, *options.values()]))
    for name in CELLS
    for given in [options_of("cells", name) if name not in OWN else {}]
    for options in [{}, *({key: value} for key, values in given.items() for value in values[1:])]
]
ORACLES: dict[tuple[str, str], Any] = {
    ("rnn", ""): torch.nn.RNN,
    ("rnn", "relu"): lambda *sizes, **kwargs: torch.nn.RNN(*sizes, nonlinearity="relu", **kwargs),
    ("irnn", ""): lambda *sizes, **kwargs: torch.nn.RNN(*sizes, nonlinearity="relu", **kwargs),
    ("lstm", ""): torch.nn.LSTM,
    ("gru", ""): torch.nn.GRU,
}
WITH_ORACLE = [p for p in VARIANTS if (p.values[0], "".join(p.values[1].values())) in ORACLES]  # type: ignore[union-attr]


def make(name: str, options: dict[str, str], hidden: int = H, seed: int = 0) -> BaseCell:
    """A cell in float32, its biases and input weights drawn."""
    rng = np.random.default_rng(seed)
    cell = kind_of(name).create(I, hidden, rng, **options)
    drawn = {
        n: rng.normal(0, BIASES if a.ndim == 1 else a.shape[-1] ** -0.5, a.shape).astype(np.float32)
        for n, a in layers.arrays(cell).items()
        if not n.endswith("weight_hh")
    }
    return layers.replace(cell, drawn)


def cast(cell: BaseCell, dtype: Any) -> BaseCell:
    """The same numbers in another NumPy type."""
    return layers.replace(cell, {n: a.astype(dtype) for n, a in layers.arrays(cell).items()})


def leaves(cell: BaseCell) -> tuple[BaseCell, dict[str, Any]]:
    """The cell with torch leaves in its own type, and the leaves."""
    weights = {n: torch.from_numpy(a.copy()).requires_grad_() for n, a in layers.arrays(cell).items()}
    return layers.replace(cell, weights), weights


def inputs(dtype: Any = np.float64, steps: int = T, hidden: int = H, states: int = 1) -> Any:
    """x (T, B, I) and a state that is not zero."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((steps, B, I)).astype(dtype)
    return x, tuple(rng.normal(0, 0.5, (B, hidden)).astype(dtype) for _ in range(states))


def equation(cell: BaseCell, x: Any, state: Any) -> tuple[Any, Any]:
    """`unroll` by the equation alone, in torch."""
    ys = []
    for px in cell.project(x):
        state = cell.recur(px, state)
        ys.append(state[0])
    return torch.stack(ys), state


def gradients(y: Any, state: Any, wanted: list[Any]) -> list[Any]:
    """Of a number that every output and last state takes part in, each with another weight."""
    generator = torch.Generator().manual_seed(2)
    total = sum(
        (part.double() * torch.randn(part.shape, generator=generator, dtype=torch.float64)).sum()
        for part in (y, *state)
    )
    return list(torch.autograd.grad(total, wanted, materialize_grads=True))  # zeros: not every cell reads its last h


def tensors(*arrays: np.ndarray) -> list[Any]:
    return [torch.from_numpy(a.copy()).requires_grad_() for a in arrays]


@pytest.mark.parametrize(("name", "options"), WITH_ORACLE)
@pytest.mark.parametrize("path", ["equation", "unroll"])
def test_outputs_and_gradients_equal_torch_nn_in_float64(name: str, options: dict[str, str], path: str) -> None:
    cell, weights = leaves(cast(make(name, options), np.float64))
    oracle = ORACLES[name, "".join(options.values())](I, H, dtype=torch.float64)
    with torch.no_grad():
        for n, w in weights.items():
            getattr(oracle, f"{n}_l0").copy_(w)
    start = inputs(states=cell.states)
    x, state = start[0], start[1]
    x_ours, *state_ours = tensors(x, *state)
    x_theirs, *state_theirs = tensors(x, *state)
    unroll = equation if path == "equation" else type(cell).unroll
    y, end = unroll(cell, x_ours, tuple(state_ours))
    given = state_theirs[0][None] if cell.states == 1 else tuple(s[None] for s in state_theirs)
    expected, last = oracle(x_theirs, given)
    last = (last[0],) if cell.states == 1 else tuple(s[0] for s in last)
    for ours, theirs in zip((y, *end), (expected, *last), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)
    own = gradients(y, end, [x_ours, *state_ours, *weights.values()])
    names = [f"{n}_l0" for n in weights]
    other = gradients(expected, last, [x_theirs, *state_theirs, *(getattr(oracle, n) for n in names)])
    for n, a, b in zip(["x", *(f"state {i}" for i in range(cell.states)), *weights], own, other, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-9, msg=lambda m, n=n: f"gradient of {n}: {m}")


@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_gradients_of_the_equation_are_those_of_finite_differences(name: str, options: dict[str, str]) -> None:
    cell, weights = leaves(cast(make(name, options, hidden=3), np.float64))
    x, state = inputs(steps=3, hidden=3, states=cell.states)
    x, state = x[:, :2], tuple(s[:2] for s in state)  # two rows tell as much as four

    def run(x: Any, *rest: Any) -> Any:
        state, arrays = rest[: cell.states], rest[cell.states :]
        y, end = equation(layers.replace(cell, dict(zip(weights, arrays, strict=True))), x, state)
        return torch.cat([y.reshape(-1), *(s.reshape(-1) for s in end)])

    given = (*tensors(x, *state), *weights.values())
    assert torch.autograd.gradcheck(run, given, atol=1e-6, fast_mode=True)  # a random combination of all of them


# |error| / |exact|, Euclidean, of each output and of each gradient: about three times the worst of 20 seeds. float32
# adds in another order than float64, bfloat16 rounds to 8 bits. The gradient of a ReLU (and of `mingru.positive`) jumps at 0, and rounding puts
# some units on the other side: its bfloat16 gradients are only of the right size and direction.
TOLERANCE = {torch.float32: 1e-6, torch.bfloat16: 3e-2}
KINKED = 0.5


@pytest.mark.parametrize("dtype", TOLERANCE, ids=["float32", "bfloat16"])
@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_training_kernels_stay_close_to_float64(name: str, options: dict[str, str], dtype: Any) -> None:
    """Weights are float32 leaves, cast to the precision of the products as training does."""
    hidden, steps = 32, 12
    single = make(name, options, hidden)
    scaled = {n: a * np.float32(0.5) for n, a in layers.arrays(single).items() if n == "weight_ih"}
    single = layers.replace(single, scaled)
    x, state = inputs(np.float32, steps, hidden, single.states)

    def run(cell: BaseCell, leaf: Any, wanted: Any) -> list[Any]:
        cell, weights = leaves(cell)
        cell = layers.replace(cell, {n: w.to(wanted) for n, w in weights.items()})
        x_, *state_ = [leaf(a) for a in (x, *state)]
        y, end = cell.unroll(x_.to(wanted), tuple(s.to(wanted) for s in state_))
        assert y.dtype == wanted
        return [y, *end, *gradients(y, end, [x_, *state_, *weights.values()])]

    exact = run(cast(single, np.float64), lambda a: torch.from_numpy(a).double().requires_grad_(), torch.float64)
    rough = run(single, lambda a: torch.from_numpy(a).clone().requires_grad_(), dtype)
    kinks = {"relu", "mingru", "minlstm"} & {name, *options.values(), getattr(single, "nonlinearity", "")}
    kinked = dtype == torch.bfloat16 and bool(kinks)
    outputs = 1 + single.states
    for i, (a, b) in enumerate(zip(rough, exact, strict=True)):
        error = ((a.double() - b).norm() / b.norm().clamp(min=1e-12)).item()
        allowed = KINKED if kinked and i >= outputs else TOLERANCE[dtype]
        assert error < allowed, f"{'output' if i < outputs else 'gradient'} {i}: {error:.2e}"
        assert i < outputs or a.dtype == torch.float32


@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_a_sequence_may_be_cut_anywhere(name: str, options: dict[str, str]) -> None:
    """Truncated back-propagation rests on this: the state carries all there is to carry."""
    cell = make(name, options)
    x, state = inputs(np.float32, states=cell.states)
    y, end = cell.unroll(x, state)
    for cut in range(1, T):
        first, middle = cell.unroll(x[:cut], state)
        second, last = cell.unroll(x[cut:], middle)
        np.testing.assert_array_equal(np.concatenate([first, second]), y)
        for a, b in zip(last, end, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("inherited", [False, True], ids=["own", "inherited"])
@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_the_prepared_form_equals_the_equation(name: str, options: dict[str, str], inherited: bool) -> None:
    cell = make(name, options, hidden=48)
    rng = np.random.default_rng(4)
    x = rng.standard_normal((30, I)).astype(np.float32)
    start = tuple(rng.normal(0, 0.5, 48).astype(np.float32) for _ in range(cell.states))
    prepared = BaseCell.prepare(cell) if inherited else cell.prepare()
    state = tuple(s.astype(np.float64)[None] for s in start)
    expected, end = cast(cell, np.float64).unroll(x[:, None].astype(np.float64), state)
    own, recur = tuple(s.copy() for s in start), prepared.stream()
    for t in range(len(x)):
        px = prepared.weight @ x[t] + prepared.bias
        recur(px, own)  # in place
        scale = max(1.0, float(np.abs(expected[t]).max()))
        np.testing.assert_allclose(own[0] / scale, expected[t, 0] / scale, rtol=0, atol=1e-5)
    for a, b in zip(own, end, strict=True):
        assert a.dtype == np.float32
        np.testing.assert_allclose(a, b[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_preparing_leaves_the_weights_alone(name: str, options: dict[str, str]) -> None:
    cell = make(name, options)
    before = {n: a.copy() for n, a in layers.arrays(cell).items()}
    form = cell.prepare()
    form.stream()(form.bias.copy(), tuple(np.ones(H, np.float32) for _ in range(cell.states)))
    for n, a in layers.arrays(cell).items():
        np.testing.assert_array_equal(a, before[n])


@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_a_fresh_cell(name: str, options: dict[str, str]) -> None:
    kind = kind_of(name)
    cell = kind.create(I, H, np.random.default_rng(7), **options)
    again = kind.create(I, H, np.random.default_rng(7), **options)
    blank = kind.create(I, H, Blank(), **options)
    other = kind.create(I, H, np.random.default_rng(8), **options)
    assert (cell.input_size, cell.hidden_size) == (I, H)
    assert (cell.weight_ih.shape, cell.bias_ih.shape) == ((cell.gates * H, I), (cell.gates * H,))
    if cell.recurrent:
        assert (cell.weight_hh.shape, cell.bias_hh.shape) == ((cell.gates * H, H), (cell.gates * H,))
    else:
        assert cell.weight_hh is cell.bias_hh is None
    assert not np.array_equal(cell.weight_ih, other.weight_ih)
    for n, a in layers.arrays(cell).items():
        assert a.dtype == np.float32, n
        np.testing.assert_array_equal(a, layers.arrays(again)[n])
        assert layers.arrays(blank)[n].shape == a.shape
        assert layers.arrays(blank)[n].dtype == np.float32
    state = cell.initial_state(3)
    assert len(state) == cell.states
    assert all(s.shape == (3, H) and s.dtype == np.float32 and not s.any() for s in state)
    tensor_state = leaves(cell)[0].initial_state(3)
    assert all(isinstance(s, torch.Tensor) and s.dtype == torch.float32 for s in tensor_state)


@pytest.mark.parametrize(("name", "options"), WITH_ORACLE)
def test_singular_values_of_fresh_recurrences_are_one(name: str, options: dict[str, str]) -> None:
    cell = kind_of(name).create(I, 40, np.random.default_rng(0), **options)
    for gate in np.split(cell.weight_hh.astype(np.float64), cell.gates):
        np.testing.assert_allclose(gate @ gate.T, np.eye(40), atol=1e-5)


@pytest.mark.parametrize("name", registry.names("cells"))
def test_what_recipes_and_help_rely_on(name: str) -> None:
    module = registry.load("cells", name)
    assert issubclass(module.Cell, BaseCell)
    assert inspect.getdoc(module.Cell)
    assert all(0 <= gate < module.Cell.gates for gate in module.Cell.sigmoids.values())
    assert registry.summary("cells", name)
    first = list(inspect.signature(module.Cell.create).parameters)[:3]
    assert first == ["input_size", "hidden_size", "rng"]
    for option, allowed in options_of("cells", name).items():
        assert allowed, option
