"""The operations of attention: NumPy against torch in float64, and what a NumPy result may depend on."""

from __future__ import annotations

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
Q, K, V = RNG.standard_normal((3, 4, 6)), RNG.standard_normal((3, 5, 6)), RNG.standard_normal((3, 5, 2))
INSIDE = RNG.random((3, 4, 5)) < 0.6
INSIDE[..., 0] = True
W = RNG.standard_normal((3, 4, 5))


def put(x: np.ndarray, like: Any) -> Any:
    return x if isinstance(like, np.ndarray) else torch.from_numpy(x)


OPERATIONS: dict[str, tuple[Callable[..., Any], list[np.ndarray]]] = {
    "similarities": (ops.similarities, [Q, K]),
    "mix": (ops.mix, [W, V]),
    "masked_softmax": (lambda x: ops.masked_softmax(x, put(INSIDE, x)), [W]),
    "masked_softmax, one mask": (lambda x: ops.masked_softmax(x, put(INSIDE[:, :1], x)), [W]),
    "layer_norm": (ops.layer_norm, [Q, RNG.standard_normal(6), RNG.standard_normal(6)]),
    "exp": (ops.exp, [Q]),
    "log": (lambda x: ops.log(x * x + 1), [Q]),
    "cross_entropy, smooth": (lambda x: ops.cross_entropy(x, ops.integers(np.arange(4), x), 0.2), [Q[0]]),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_numpy_equals_torch(name: str) -> None:
    operation, arrays = OPERATIONS[name]
    ours, theirs = operation(*arrays), operation(*map(torch.from_numpy, arrays))
    assert ours.dtype == np.float64
    assert ours.shape == tuple(theirs.shape)
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=0, atol=1e-13)
    assert operation(*(a.astype(np.float32) for a in arrays)).dtype == np.float32


@pytest.mark.parametrize("name", OPERATIONS)
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    operation, arrays = OPERATIONS[name]
    leaves = [torch.from_numpy(a.copy()).requires_grad_() for a in arrays]
    assert torch.autograd.gradcheck(operation, leaves, atol=1e-7)


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 16, 16), (2, 17, 300), (1, 33, 513), (1, 2, 1100)])
def test_products_equal_the_plain_ones(shape: tuple[int, int, int]) -> None:
    rng, (B, T, A) = np.random.default_rng(1), shape
    q, k, w = (rng.standard_normal((B, n, m)) for n, m in ((T, A), (37, A), (T, 37)))
    np.testing.assert_allclose(ops.similarities(q, k), q @ k.swapaxes(1, 2), rtol=0, atol=1e-11)
    np.testing.assert_allclose(ops.mix(w, k), w @ k, rtol=0, atol=1e-11)


@pytest.mark.parametrize("operation", [ops.linear, ops.similarities, ops.mix])
def test_a_product_of_two_types_has_the_wider_one(operation: Callable[..., Any]) -> None:
    x, y = np.ones((2, 3, 3), np.float32), np.ones((2, 3, 3) if operation is not ops.linear else (3, 3))
    assert operation(x, y).dtype == operation(y if y.ndim == 3 else y[None], y.astype(np.float32)).dtype == np.float64


def test_softmax_of_what_is_inside_alone() -> None:
    found = ops.masked_softmax(W, INSIDE)
    for at in np.ndindex(3, 4):
        e = np.exp(W[at][INSIDE[at]])
        np.testing.assert_allclose(found[at][INSIDE[at]], e / e.sum(), rtol=1e-14)
    assert not found[~INSIDE].any()
    some = INSIDE.copy()
    some[1, 2] = False
    np.testing.assert_array_equal(ops.masked_softmax(W, some), found * some[..., :1])
    theirs = ops.masked_softmax(torch.from_numpy(W), torch.from_numpy(some))
    np.testing.assert_allclose(theirs, found * some[..., :1], rtol=1e-14)
    large, first = np.array([1e4, 0, 1e5]), np.array([True, True, False])
    np.testing.assert_array_equal(ops.masked_softmax(large, first), [1, 0, 0])
    nothing = np.zeros_like(INSIDE)
    assert not ops.masked_softmax(W, nothing).any()
    assert not ops.masked_softmax(torch.from_numpy(W), torch.from_numpy(nothing)).any()


@pytest.mark.parametrize("garbage", [np.nan, np.inf, -np.inf, 1e30])
def test_what_is_outside_is_not_read(garbage: float) -> None:
    with np.errstate(all="raise"):
        x = W.astype(np.float32)
        other = np.where(INSIDE, x, np.float32(garbage))
        np.testing.assert_array_equal(ops.masked_softmax(other, INSIDE), ops.masked_softmax(x, INSIDE))
    found = [ops.masked_softmax(torch.from_numpy(a), torch.from_numpy(INSIDE)) for a in (x, other)]
    assert torch.equal(*found)


@given(seed=st.integers(0, 2**32), B=st.integers(1, 3), T=st.integers(1, 40), S=st.integers(1, 40), data=st.data())
@settings(max_examples=examples(60), deadline=None)
def test_a_query_depends_on_its_own_row_alone_to_the_last_bit(
    seed: int, B: int, T: int, S: int, data: st.DataObject
) -> None:
    """Not on its place among the queries, nor on the other queries, nor on what stands behind what is inside."""
    rng, A = np.random.default_rng(seed), data.draw(st.sampled_from([1, 5, 64, 300]))
    q, k = rng.standard_normal((B, T, A), np.float32), rng.standard_normal((B, S, A), np.float32)
    inside = np.arange(S) < rng.integers(1, S + 1, (B, 1))

    def run(q: np.ndarray, k: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        weights = ops.masked_softmax(ops.similarities(q, k), inside[:, None])
        return weights, ops.mix(weights, k)

    weights, y = run(q, k, inside)
    rows = rng.permutation(T)[: data.draw(st.integers(1, T))]
    b, more = int(rng.integers(B)), data.draw(st.integers(0, 35))
    behind = rng.standard_normal((1, more, A), np.float32) * np.float32(1e20)
    garbage = np.where(inside[b, :, None], k[b], np.float32(-1e20))[None]
    w, z = run(
        q[b : b + 1, rows],
        np.concatenate([garbage, behind], axis=1),
        np.concatenate([inside[b : b + 1], np.zeros((1, more), bool)], axis=1),
    )
    np.testing.assert_array_equal(w[0, :, :S], weights[b, rows])
    assert not w[..., S:].any()
    np.testing.assert_array_equal(z[0], y[b, rows])


def test_threads_change_no_bit() -> None:
    rng = np.random.default_rng(2)
    q, k = rng.standard_normal((2, 40, 700), np.float32), rng.standard_normal((2, 50, 700), np.float32)
    with threadpool_limits(1, user_api="blas"):
        scores, y = ops.similarities(q, k), ops.mix(q[..., :50], k)
    for threads in (2, 3):
        with threadpool_limits(threads, user_api="blas"):
            np.testing.assert_array_equal(ops.similarities(q, k), scores)
            np.testing.assert_array_equal(ops.mix(q[..., :50], k), y)


@pytest.mark.parametrize("kernel", ["Nehalem", "Sandybridge", "Haswell"])
def test_queries_are_equal_on_other_processors_too(kernel: str) -> None:
    """OpenBLAS can be told to take an older processor's kernels: in some of them a row's place in a product matters."""
    program = """
import numpy as np
from seqcli.ops import mix, similarities
rng = np.random.default_rng(0)
for A, S in [(1, 3), (20, 17), (64, 50), (300, 40), (1300, 20)]:
    k = rng.standard_normal((1, S, A), np.float32)
    q = np.repeat(rng.standard_normal((1, 1, A), np.float32), 40, axis=1)
    w = np.repeat(rng.standard_normal((1, 1, S), np.float32), 40, axis=1)
    for x in (q, w):
        x[0, ::3] = rng.standard_normal((14, x.shape[2]), np.float32)
    for operation, x in ((similarities, q), (mix, w)):
        y = operation(x, k)[0]
        found = [*np.delete(y, np.s_[::3], axis=0), operation(x[:, 1:2], k)[0, 0]]
        assert all(np.array_equal(found[0], row) for row in found), (operation, A, S)
"""
    root = Path(__file__).resolve().parent.parent
    env = {**os.environ, "OPENBLAS_CORETYPE": kernel}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, env=env, capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr.decode()


def test_layer_norm_of_a_row_is_its_own_and_of_known_moments() -> None:
    x = RNG.standard_normal((40, 70), np.float32) * 3 + 1
    weight, bias = RNG.standard_normal(70, np.float32), RNG.standard_normal(70, np.float32)
    y = ops.layer_norm(x, weight, bias)
    for i in (0, 7, 39):
        np.testing.assert_array_equal(ops.layer_norm(x[i : i + 1], weight, bias)[0], y[i])
    plain = ops.layer_norm(x, np.ones(70, np.float32), np.zeros(70, np.float32))
    np.testing.assert_allclose(plain.mean(-1), 0, atol=1e-6)
    np.testing.assert_allclose(plain.var(-1), 1, atol=1e-4)
    np.testing.assert_array_equal(ops.layer_norm(np.full((1, 70), 5, np.float32), weight, bias)[0], bias)


def test_like_takes_the_number_type_of_another() -> None:
    x = np.ones(3)
    assert ops.like(x, x) is x
    assert ops.like(x, np.zeros(1, np.float32)).dtype == np.float32
    t = torch.ones(3)
    assert ops.like(t, t) is t
    assert ops.like(t, torch.zeros(1, dtype=torch.bfloat16)).dtype == torch.bfloat16


def test_no_gradients_records_nothing() -> None:
    leaf = torch.ones(2, requires_grad=True)
    with ops.no_gradients(leaf):
        assert not (leaf * 2).requires_grad
    assert (leaf * 2).requires_grad
    with ops.no_gradients(np.ones(2)):
        pass


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_smoothed_cross_entropy_is_that_of_the_mixed_target(smoothing: float) -> None:
    x, gold = Q[0], np.array([1, 0, 5, 3])
    target = (1 - smoothing) * np.eye(6)[gold] + smoothing / 6
    expected = -(target * (x - np.log(np.exp(x).sum(-1, keepdims=True)))).sum(-1)
    np.testing.assert_allclose(ops.cross_entropy(x, gold, smoothing), expected, rtol=1e-12)
