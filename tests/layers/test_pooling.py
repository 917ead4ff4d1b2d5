"""Pooling: against direct formulas, NumPy against torch, and each sequence's bits whatever stands beside it."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples

from seqcli import layers
from seqcli.layers.pooling import Attention, Kind, pool, pool_flat

torch = pytest.importorskip("torch")

KINDS: tuple[Kind, ...] = get_args(Kind)
T, B, C = 7, 5, 6
LENGTHS = np.array([7, 1, 4, 3, 7])


def attention(size: int = C, dtype: Any = np.float64, seed: int = 0) -> Attention:
    """Attention with every weight drawn."""
    rng = np.random.default_rng(seed)
    fresh = Attention.create(size, rng)
    return layers.replace(
        fresh, {n: rng.normal(0, 0.7, a.shape).astype(dtype) for n, a in layers.arrays(fresh).items()}
    )


def padded(garbage: float = 0.0, dtype: Any = np.float64) -> np.ndarray:
    """Outputs (T, B, C), with something where the padding is."""
    y = np.random.default_rng(1).uniform(-1, 1, (T, B, C)).astype(dtype)
    for b, n in enumerate(LENGTHS):
        y[n:, b] = garbage
    return y


def flat(y: np.ndarray) -> np.ndarray:
    return np.concatenate([y[:n, b] for b, n in enumerate(LENGTHS)])


def direct(kind: Kind, y: np.ndarray, own: Attention, both: bool) -> np.ndarray:
    """What one sequence y (n, C) is as a vector."""
    if kind == "mean":
        return y.sum(axis=0) / len(y)
    if kind == "max":
        return np.array([max(column) for column in y.T])
    if kind == "last":
        half = y.shape[1] // 2
        return np.array([*y[-1, :half], *y[0, half:]]) if both else y[-1]
    scores = [float(own.context[0] @ np.tanh(own.weight @ row + own.bias)) for row in y]
    e = np.exp(np.array(scores) - max(scores))
    return sum((w * row for w, row in zip(e / e.sum(), y, strict=True)), np.zeros(y.shape[1]))


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("garbage", [0.0, 5.0, -7.0])
@pytest.mark.parametrize("kind", KINDS)
def test_a_padded_batch_is_pooled_by_the_formula(kind: Kind, garbage: float, both: bool) -> None:
    """In NumPy, in torch and end to end alike; padding is not read."""
    own, y = attention(), padded(garbage)
    wanted = np.stack([direct(kind, y[:n, b], own, both) for b, n in enumerate(LENGTHS)])
    np.testing.assert_allclose(pool(kind, y, LENGTHS, own, both=both), wanted, rtol=0, atol=1e-12)
    bound = layers.replace(own, {n: torch.from_numpy(a) for n, a in layers.arrays(own).items()})
    found = pool(kind, torch.from_numpy(y), torch.from_numpy(LENGTHS), bound, both=both)
    np.testing.assert_allclose(found.numpy(), wanted, rtol=0, atol=1e-12)
    ended, weights = pool_flat(kind, flat(y), LENGTHS, own, both=both)
    np.testing.assert_allclose(ended, wanted, rtol=0, atol=1e-12)
    assert (weights is None) == (kind != "attention")


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_in_float32_all_three_agree(kind: Kind, both: bool) -> None:
    own, y = attention(dtype=np.float32), padded(dtype=np.float32)
    ended, _ = pool_flat(kind, flat(y), LENGTHS, own, both=both)
    batch = pool(kind, y, LENGTHS.astype(np.float32) if kind == "mean" else LENGTHS, own, both=both)
    bound = layers.replace(own, {n: torch.from_numpy(a) for n, a in layers.arrays(own).items()})
    fused = pool(kind, torch.from_numpy(y), torch.from_numpy(LENGTHS), bound, both=both)
    assert ended.dtype == np.float32
    assert fused.dtype == torch.float32
    np.testing.assert_allclose(batch, ended, rtol=0, atol=1e-6)
    np.testing.assert_allclose(fused.numpy(), ended, rtol=0, atol=1e-6)


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_the_formula_s(kind: Kind, both: bool) -> None:
    """torch's gradcheck through the equation; the padding gets none."""
    own = {n: torch.from_numpy(a).requires_grad_() for n, a in layers.arrays(attention()).items()}
    y = torch.from_numpy(padded(3.0)).requires_grad_()
    lengths = torch.from_numpy(LENGTHS)

    def pooled(y: Any, *arrays: Any) -> Any:
        bound = layers.replace(attention(), dict(zip(own, arrays, strict=True)))
        return pool(kind, y, lengths, bound, both=both)

    arrays = tuple(own.values()) if kind == "attention" else tuple(a.detach() for a in own.values())
    assert torch.autograd.gradcheck(pooled, (y, *arrays), fast_mode=True)
    pooled(y, *arrays).pow(2).sum().backward()
    assert y.grad is not None
    for b, n in enumerate(LENGTHS):
        assert not bool(y.grad[n:, b].any())
        assert bool(y.grad[:n, b].any())


def test_attention_is_torchs_softmax_of_its_scores() -> None:
    own, y = attention(), padded()
    scores = torch.from_numpy(np.tanh(y @ own.weight.T + own.bias) @ own.context[0])
    np.testing.assert_allclose(own.scores(y), scores.numpy(), rtol=0, atol=1e-12)
    _, weights = pool_flat("attention", flat(y), LENGTHS, own)
    assert weights is not None
    for part, (b, n) in zip(np.split(weights, np.cumsum(LENGTHS)[:-1]), enumerate(LENGTHS), strict=True):
        np.testing.assert_allclose(part, torch.softmax(scores[:n, b], 0).numpy(), rtol=0, atol=1e-12)
        assert part.sum() == pytest.approx(1, abs=1e-12)


def test_scores_far_from_zero_do_not_overflow() -> None:
    """exp(1000) has no float32: the largest score is taken off first, in each sequence its own."""
    own = Attention(np.eye(2, dtype=np.float32) * 50, np.zeros(2, np.float32), np.array([[1000.0, 0]], np.float32))
    y = np.array([[1.0, 0], [-1, 0], [-1, 1], [-1, 1]], np.float32)
    pooled, weights = pool_flat("attention", y, np.array([2, 2]), own)
    assert weights is not None
    np.testing.assert_allclose(weights, [1, 0, 0.5, 0.5], atol=1e-7)
    np.testing.assert_allclose(pooled, [[1, 0], [-1, 1]], atol=1e-7)


@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=30),
    size=st.sampled_from([1, 2, 6, 16, 33]),
    kind=st.sampled_from(KINDS),
    seed=st.integers(0, 2**32),
    data=st.data(),
)
@settings(max_examples=examples(150))
def test_a_sequence_has_its_bits_whatever_stands_beside_it(
    lengths: list[int], size: int, kind: Kind, seed: int, data: st.DataObject
) -> None:
    rng = np.random.default_rng(seed)
    both = size % 2 == 0
    own = attention(size, np.float32, seed % 7)
    sequences = [rng.normal(0, 1, (n, size)).astype(np.float32) for n in lengths]
    order = data.draw(st.permutations(range(len(lengths))))
    chosen = [sequences[i] for i in order]
    ns = np.array([len(s) for s in chosen])
    together, weights = pool_flat(kind, np.concatenate(chosen), ns, own, both=both)
    parts = np.split(weights, np.cumsum(ns)[:-1]) if weights is not None else [None] * len(ns)
    for place in rng.permutation(len(chosen))[:4]:
        alone, single = pool_flat(kind, chosen[place], ns[place : place + 1], own, both=both)
        np.testing.assert_array_equal(together[place], alone[0])
        if single is not None:
            np.testing.assert_array_equal(parts[place], single)


def test_maxima_below_zero_are_kept() -> None:
    """The padding is below all that a bounded cell gives, and not zero."""
    y = np.full((4, 2, 3), -0.9)
    y[2:, 1] = 0
    assert pool("max", y, np.array([4, 2])).max() == -0.9
    assert pool("max", torch.from_numpy(y), torch.tensor([4, 2])).max().item() == -0.9


def test_half_precision_weighs_in_float32() -> None:
    """Scores under bfloat16 are summed in float32: 300 equal tokens weigh 1/300 each, and not 0 or 1/256."""
    own = Attention(*(torch.zeros(s, dtype=torch.bfloat16) for s in ((2, 2), (2,), (1, 2))))
    y = torch.ones(300, 1, 2, dtype=torch.bfloat16)
    assert pool("attention", y, torch.tensor([300]), own).float().tolist() == [[pytest.approx(1, abs=1e-3)] * 2]


def test_fresh_attention_is_a_function_of_the_generator() -> None:
    one, two, other = (Attention.create(5, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert [a.shape for a in layers.arrays(one).values()] == [(5, 5), (5,), (1, 5)]
    assert all(a.dtype == np.float32 and abs(a).max() <= 5**-0.5 for a in layers.arrays(one).values())
    np.testing.assert_array_equal(one.weight, two.weight)
    assert (one.context != other.context).any()
