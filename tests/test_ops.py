"""Every operation, NumPy against torch in float64; the promises of `linear`; what dropout draws."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples
from threadpoolctl import threadpool_limits

from seqcli import ops

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(0)
X = RNG.standard_normal((3, 4, 6))
IDS = RNG.integers(0, 6, (3, 4))

# name: (operation over float arrays, the arrays); integers are put in by `ops.integers`
OPERATIONS: dict[str, tuple[Callable[..., Any], list[np.ndarray]]] = {
    "linear": (ops.linear, [X, RNG.standard_normal((5, 6)), RNG.standard_normal(5)]),
    "linear without bias": (ops.linear, [X, RNG.standard_normal((5, 6))]),
    "linear, large": (ops.linear, [RNG.standard_normal((2, 200)), RNG.standard_normal((3, 200))]),
    "embedding": (lambda w: ops.embedding(ops.integers(IDS, w), w), [RNG.standard_normal((6, 5))]),
    "sigmoid": (ops.sigmoid, [X]),
    "tanh": (ops.tanh, [X]),
    "relu": (ops.relu, [X]),
    "where": (lambda x, y: ops.where(x > y, x, y), [X, -X]),
    "logsumexp": (ops.logsumexp, [X]),
    "log_softmax": (ops.log_softmax, [X]),
    "softmax": (ops.softmax, [X]),
    "cross_entropy": (lambda x: ops.cross_entropy(x, ops.integers(IDS[0], x)), [X[0]]),
    "segment_sum": (lambda x: ops.segment_sum(x, ops.integers(np.array([0, 1, 4]), x)), [X[:, 1:].reshape(9, 6)]),
    "take_along": (lambda x: ops.take_along(x, ops.integers(IDS, x)), [X]),
    "stack": (lambda x, y: ops.stack([x, y]), [X, X + 1]),
    "concat": (lambda x, y: ops.concat([x, y]), [X, X[..., :2].copy()]),
    "concat, axis 0": (lambda x, y: ops.concat([x, y], axis=0), [X, X[:1].copy()]),
    "split": (lambda x: ops.split(x, 3)[1] * 2, [X]),
    "amax": (lambda x: ops.amax(x, axis=1), [X]),
    "amax, last axis": (lambda x: ops.amax(x, -1), [X]),
    "zeros": (lambda x: ops.zeros((2, 3), x) + x.sum(), [X]),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_numpy_equals_torch(name: str) -> None:
    operation, arrays = OPERATIONS[name]
    ours = operation(*arrays)
    theirs = operation(*map(torch.from_numpy, arrays))
    assert isinstance(ours, np.ndarray)
    assert ours.shape == tuple(theirs.shape)
    assert ours.dtype == np.float64
    assert theirs.dtype == torch.float64
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", OPERATIONS)
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    operation, arrays = OPERATIONS[name]
    leaves = [torch.from_numpy(a.copy()).requires_grad_() for a in arrays]
    assert torch.autograd.gradcheck(operation, leaves, atol=1e-7)


@pytest.mark.parametrize("name", [n for n in OPERATIONS if n != "zeros"])
def test_float32_stays_float32(name: str) -> None:
    operation, arrays = OPERATIONS[name]
    assert operation(*(a.astype(np.float32) for a in arrays)).dtype == np.float32


def test_operations_leave_their_arguments_alone() -> None:
    for operation, arrays in OPERATIONS.values():
        before = [a.copy() for a in arrays]
        operation(*arrays)
        for a, b in zip(arrays, before, strict=True):
            np.testing.assert_array_equal(a, b)


def test_is_array_tells_arrays_from_numbers() -> None:
    assert ops.is_array(np.zeros(2))
    assert ops.is_array(torch.zeros(2))
    assert ops.is_torch(torch.zeros(2))
    assert not ops.is_torch(np.zeros(2))
    assert not ops.is_array([1.0])
    assert not ops.is_array(1.0)


@settings(max_examples=examples(40))
@given(counts=st.lists(st.integers(1, 9), min_size=1, max_size=12), seed=st.integers(0, 2**32))
def test_a_segment_is_added_up_by_itself(counts: list[int], seed: int) -> None:
    """From its first row on, to the last bit, whatever the others are."""
    x = np.random.default_rng(seed).standard_normal((sum(counts), 3)).astype(np.float32)
    ends = np.cumsum(counts)
    sums = ops.segment_sum(x, ends - counts)
    for own, end, n in zip(sums, ends, counts, strict=True):
        total = x[end - n].copy()
        for row in x[end - n + 1 : end]:
            total += row
        np.testing.assert_array_equal(own, total)


def test_no_segments() -> None:
    assert ops.segment_sum(np.zeros((0, 3)), np.zeros(0, np.int64)).shape == (0, 3)


# linear: a row's bits are its own

SIZES = st.one_of(st.integers(1, 140), st.sampled_from([200, 257, 320, 384, 400, 500, 513, 650, 769, 1000, 1150]))


@st.composite
def products(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows (n, I), a weight (O, I), and an index of rows, any order and number."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    inner, outer = draw(SIZES), draw(st.one_of(st.integers(1, 70), st.sampled_from([128, 200, 256, 513])))
    n = draw(st.one_of(st.integers(1, 100), st.sampled_from([200, 256, 300])))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    x, w = rng.standard_normal((n, inner)).astype(dtype), rng.standard_normal((outer, inner)).astype(dtype)
    return x, w, rng.integers(0, n, draw(st.integers(1, 70)))


@settings(max_examples=examples(80), deadline=None)
@given(products())
def test_a_row_does_not_depend_on_its_batch_or_on_threads(product: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    x, weight, index = product
    y = ops.linear(x, weight)
    full = np.arange(ops.TILE) % len(x)  # tiles without padding
    np.testing.assert_array_equal(ops.linear(x[full], weight), y[full])
    np.testing.assert_allclose(y, x @ weight.T, rtol=0, atol=1e-3 if x.dtype == np.float32 else 1e-10)
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="blas"):
            np.testing.assert_array_equal(ops.linear(x, weight), y)
            np.testing.assert_array_equal(ops.linear(x[index], weight), y[index])  # other mates, places, size
            np.testing.assert_array_equal(ops.linear(x[:1], weight), y[:1])  # alone


@pytest.mark.parametrize("inner", [385, 500, 650, 1000, 1500])
def test_large_inner_sizes_are_the_same_on_any_number_of_threads(inner: int) -> None:
    """OpenBLAS cuts these otherwise on one thread than on two: a product of the whole differs in the last bit."""
    rng = np.random.default_rng(inner)
    x = rng.standard_normal((100, inner), np.float32)
    weight = rng.standard_normal((4 * inner, inner), np.float32)
    with threadpool_limits(1, user_api="blas"):
        expected = ops.linear(x, weight)
    for threads in (2, 3):
        with threadpool_limits(threads, user_api="blas"):
            np.testing.assert_array_equal(ops.linear(x, weight), expected)


@pytest.mark.parametrize("kernel", ["Nehalem", "Sandybridge", "Haswell"])
def test_rows_are_equal_on_other_processors_too(kernel: str) -> None:
    """OpenBLAS can be told to take an older processor's kernels, whose rounding depends on a row's place in the
    product, on the number of rows and on threads, each kernel in its own way."""
    program = """
import numpy as np
from threadpoolctl import threadpool_limits
from seqcli.ops import linear
rng = np.random.default_rng(0)
for inner, outer in [(20, 66), (100, 60), (52, 1), (384, 201), (650, 65), (1000, 608), (1589, 193), (33, 1855)]:
    weight = rng.standard_normal((outer, inner), np.float32)
    x = np.repeat(rng.standard_normal((1, inner), np.float32), 330, axis=0)
    x[::3] = rng.standard_normal((110, inner), np.float32)
    found = []
    for threads in (1, 2, 3):
        with threadpool_limits(threads, user_api="blas"):
            y = linear(x, weight)
            found += [*np.delete(y, np.s_[::3], axis=0), linear(x[1:2], weight)[0]]
    assert all(np.array_equal(found[0], row) for row in found), (inner, outer)
"""
    root = Path(__file__).resolve().parent.parent
    env = {**os.environ, "OPENBLAS_CORETYPE": kernel}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, env=env, capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize("rows", [15, 16, 64, 65])
def test_memory_layout_changes_no_bit(rows: int) -> None:
    x, weight = RNG.standard_normal((rows, 70), np.float32), RNG.standard_normal((33, 70), np.float32)
    y = ops.linear(x, weight)
    np.testing.assert_array_equal(ops.linear(x[::-1], weight), y[::-1])
    np.testing.assert_array_equal(ops.linear(np.asfortranarray(x), weight), y)
    wide = np.repeat(x, 2, axis=1)
    np.testing.assert_array_equal(ops.linear(wide[:, ::2], weight), y)
    np.testing.assert_array_equal(ops.linear(x.reshape(1, rows, 70), weight), y[None])


@pytest.mark.parametrize("shape", [(0, 4), (3, 0, 4), (0, 3, 4)])
def test_linear_of_nothing_is_nothing(shape: tuple[int, ...]) -> None:
    assert ops.linear(np.zeros(shape, np.float32), np.ones((5, 4), np.float32)).shape == (*shape[:-1], 5)


@settings(max_examples=examples(40), deadline=None)
@given(st.integers(1, 40), st.integers(1, 60), st.integers(0, 2**32))
def test_softmaxes_of_a_row_do_not_depend_on_other_rows(n: int, size: int, seed: int) -> None:
    x = np.random.default_rng(seed).standard_normal((n, size), np.float32)
    for operation in (ops.logsumexp, ops.softmax, ops.log_softmax, ops.sigmoid, ops.tanh):
        whole = operation(x)
        for i in range(0, n, 7):
            np.testing.assert_array_equal(operation(x[i : i + 1])[0], whole[i])


# stability


@pytest.mark.parametrize(("dtype", "large"), [(np.float32, 1e30), (np.float64, 1e300)])
def test_large_logits_neither_overflow_nor_vanish(dtype: Any, large: float) -> None:
    x = np.array([[large, large, -large], [-large, -large, -large], [0.0, large, 0.0]], dtype)
    with np.errstate(over="ignore"):  # large - -large
        np.testing.assert_allclose(ops.logsumexp(x), x.max(-1))
        np.testing.assert_allclose(ops.softmax(x), [[0.5, 0.5, 0], [1 / 3] * 3, [0, 1, 0]], rtol=1e-6)
        np.testing.assert_allclose(ops.cross_entropy(x[:1], np.array([0])), [0.0], atol=1e-6)
    with np.errstate(all="raise"):
        np.testing.assert_array_equal(ops.sigmoid(np.array([-large, 0, large], dtype)), [0, 0.5, 1])


def test_minus_infinity_is_probability_zero() -> None:
    x = np.array([[-np.inf, 0.0, -np.inf], [-np.inf] * 3, [np.inf, 0.0, 1.0]])
    with np.errstate(all="raise"):
        found = ops.logsumexp(x[:2])
    np.testing.assert_array_equal(found, [0.0, -np.inf])
    np.testing.assert_array_equal(found, torch.from_numpy(x[:2]).logsumexp(-1).numpy())
    assert ops.logsumexp(x[2:])[0] == np.inf
    assert np.isnan(ops.logsumexp(np.array([[np.nan, 0.0]]))).all()


def test_cross_entropy_is_float32_under_bfloat16() -> None:
    logits = torch.randn(50, 40, generator=torch.Generator().manual_seed(1)).bfloat16()
    targets = torch.arange(50) % 40
    found = ops.cross_entropy(logits, targets)
    assert found.dtype == torch.float32
    exact = torch.nn.functional.cross_entropy(logits.double(), targets, reduction="none")
    torch.testing.assert_close(found.double(), exact, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_at_least_float32(dtype: str) -> None:
    x = np.array([0.5, -2.0], dtype)
    for array in (x, torch.from_numpy(x)):
        found = ops.at_least_float32(array)
        assert str(found.dtype).removeprefix("torch.") == ("float64" if dtype == "float64" else "float32")
        assert (found is array) == (dtype != "float16")
        assert found.tolist() == [0.5, -2.0]
    assert ops.at_least_float32(torch.zeros(2, dtype=torch.bfloat16)).dtype == torch.float32


# dropout

RATES = [0.0, 0.1, 0.25, 0.5, 0.65, 0.9]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_put_gives_numbers_the_type_of_the_model_and_leaves_integers_indices(dtype: Any) -> None:
    like = torch.zeros(1, dtype=dtype)
    numbers = ops.put(X.astype(np.float32), like)
    assert (numbers.dtype, tuple(numbers.shape)) == (dtype, X.shape)
    np.testing.assert_allclose(numbers.double().numpy(), X, atol=0.02 if dtype == torch.bfloat16 else 1e-6)
    for kind in (np.int64, np.int32, np.uint8, np.uint32):
        indices = ops.put(IDS.astype(kind), like)
        assert indices.dtype == torch.int64
        np.testing.assert_array_equal(indices.numpy(), IDS)
    assert ops.put(np.zeros((0, 2), np.int64), like).shape == (0, 2)


def test_put_hands_numpy_its_own_array() -> None:
    for values in (X, IDS, X.astype(np.float32)):
        assert ops.put(values, np.zeros(1)) is values


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.int64])
def test_to_numpy_is_the_same_numbers_without_their_gradient(dtype: Any) -> None:
    x = torch.arange(6).reshape(2, 3).to(dtype)
    if dtype.is_floating_point:
        x.requires_grad_()
    found = ops.to_numpy(x)
    assert isinstance(found, np.ndarray)
    assert found.tolist() == [[0, 1, 2], [3, 4, 5]]
    own = {torch.float64: np.float64, torch.int64: np.int64}
    assert found.dtype == own.get(dtype, np.float32)
    assert ops.to_numpy(found) is found


@pytest.mark.parametrize("dtype", [torch.uint8, torch.bool])
def test_to_numpy_keeps_small_types_that_are_no_floats(dtype: Any) -> None:
    assert ops.to_numpy(torch.ones(2, dtype=dtype)).dtype == {torch.uint8: np.uint8, torch.bool: np.bool_}[dtype]


def test_put_and_to_numpy_are_inverse() -> None:
    like = torch.zeros(1, dtype=torch.float64)
    np.testing.assert_array_equal(ops.to_numpy(ops.put(X, like)), X)
    np.testing.assert_array_equal(ops.to_numpy(ops.put(IDS, like)), IDS)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("rate", RATES)
def test_dropout_mask_has_its_rate_and_mean_one(rate: float, dtype: Any) -> None:
    n = 1_000_000
    mask = ops.dropout_mask((n,), rate, torch.Generator().manual_seed(3), torch.zeros(1, dtype=dtype))
    assert mask.dtype == dtype
    kept = mask != 0
    assert mask[kept].unique().numel() == 1
    keep = round((1 - rate) * 256) / 256  # the nearest a byte can say
    assert abs(keep - (1 - rate)) <= 1 / 512
    assert abs(kept.double().mean().item() - keep) <= 5 * math.sqrt(keep * (1 - keep) / n)
    assert mask[kept][0].item() == pytest.approx(1 / keep, rel=2**-8 if dtype == torch.bfloat16 else 1e-6)


def test_dropout_draws_are_independent_of_their_neighbours() -> None:
    n = 100_000
    kept = ops.dropout_mask((n,), 0.5, torch.Generator().manual_seed(5), torch.zeros(1)).ne(0).double() - 0.5
    for shift in (1, 2, 4, 7, 8, 16, 64):
        correlation = (kept[shift:] * kept[:-shift]).mean().item() * 4
        assert abs(correlation) < 5 / math.sqrt(n), shift


def test_dropout_is_the_generators_alone() -> None:
    def draw(generator: Any) -> Any:
        return ops.dropout_mask((7, 3), 0.4, generator, torch.zeros(1))

    one, two = torch.Generator().manual_seed(9), torch.Generator().manual_seed(9)
    torch.manual_seed(0)
    first = draw(one)
    torch.manual_seed(1)
    assert torch.equal(first, draw(two))
    assert not torch.equal(first, draw(two))
    assert first.shape == (7, 3)


def test_an_extreme_rate_still_keeps_something() -> None:
    mask = ops.dropout_mask((100_000,), 0.9999, torch.Generator().manual_seed(1), torch.zeros(1))
    assert abs(mask.ne(0).sum() - 100_000 / 256) < 100  # as seldom as a byte can say


# the seam


def test_numpy_never_brings_torch_in() -> None:
    """All operations, and a model that scores and steps, in a process where importing torch fails."""
    program = """
import sys
sys.modules["torch"] = None  # `import torch` raises ImportError
import numpy as np
from seqcli import ops
from seqcli.models import language_model
x = np.ones((2, 3), np.float32)
ids = np.zeros(2, np.int64)
for y in (ops.linear(x, x, x[0, :2]), ops.embedding(ids, x), ops.sigmoid(x), ops.tanh(x), ops.relu(x),
          ops.where(x > 0, x, x), ops.logsumexp(x), ops.log_softmax(x), ops.softmax(x), ops.cross_entropy(x, ids),
          ops.take_along(x, ids), ops.stack([x, x]), ops.concat([x, x]), ops.zeros((2,), x)):
    assert isinstance(y, np.ndarray) and y.dtype == np.float32
with ops.no_gradients(x):
    pass
for cell in ("rnn", "irnn", "lstm", "gru"):
    config = language_model.Config(cell=cell, embedding=4, hidden=4, layers=2)
    model = language_model.Model.create(config, 5, np.random.default_rng(0))
    for rows in (1, 3):
        grid = np.zeros((rows, 4), np.int64)
        model.score(grid, grid, model.initial_state(rows))
    memory, state = model.start(np.array([1, 2]))
    model.step(np.array([1]), memory, state)
assert sys.modules.pop("torch") is None
assert not [m for m in sys.modules if m.split(".")[0] in ("torch", "array_api_compat")]
"""
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
