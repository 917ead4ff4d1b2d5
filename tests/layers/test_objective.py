"""What a record costs, against torch's own losses in float64."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.layers.objective import nats

torch = pytest.importorskip("torch")
F = torch.nn.functional

SMOOTHING = [0.0, 0.1, 0.5, 0.99]
B, K = 9, 4


def logits(seed: int = 0, spread: float = 3.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, spread, (B, K))


@pytest.mark.parametrize("spread", [0.0, 3.0, 300.0])
@pytest.mark.parametrize("smoothing", SMOOTHING)
def test_one_label_is_torchs_cross_entropy(smoothing: float, spread: float) -> None:
    x, targets = logits(1, spread), np.random.default_rng(2).integers(0, K, B)
    wanted = F.cross_entropy(
        torch.from_numpy(x), torch.from_numpy(targets), label_smoothing=smoothing, reduction="none"
    )
    np.testing.assert_allclose(nats(x, targets, smoothing=smoothing), wanted.numpy(), rtol=1e-12, atol=1e-12)
    ours = nats(torch.from_numpy(x), torch.from_numpy(targets), smoothing=smoothing)
    np.testing.assert_allclose(ours.numpy(), wanted.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("spread", [0.0, 3.0, 1000.0])
@pytest.mark.parametrize("smoothing", SMOOTHING)
def test_several_labels_are_torchs_binary_cross_entropy(smoothing: float, spread: float) -> None:
    x, y = logits(1, spread), np.random.default_rng(2).integers(0, 2, (B, K)).astype(np.float64)
    drawn = y * (1 - smoothing) + smoothing / 2
    wanted = F.binary_cross_entropy_with_logits(torch.from_numpy(x), torch.from_numpy(drawn), reduction="none")
    for found in (
        nats(x, y, smoothing=smoothing),
        nats(torch.from_numpy(x), torch.from_numpy(y), smoothing=smoothing),
    ):
        assert found.shape == (B,)
        np.testing.assert_allclose(np.asarray(found), wanted.mean(-1).numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("smoothing", SMOOTHING)
def test_gradients_are_torchs(smoothing: float, several: bool) -> None:
    rng = np.random.default_rng(3)
    targets = torch.from_numpy(rng.integers(0, 2, (B, K)).astype(np.float64) if several else rng.integers(0, K, B))
    x, z = (torch.from_numpy(logits(4)).requires_grad_() for _ in range(2))
    nats(x, targets, smoothing=smoothing).sum().backward()
    if several:
        drawn = targets * (1 - smoothing) + smoothing / 2
        (F.binary_cross_entropy_with_logits(z, drawn, reduction="none").mean(-1)).sum().backward()
    else:
        F.cross_entropy(z, targets, label_smoothing=smoothing, reduction="sum").backward()
    torch.testing.assert_close(x.grad, z.grad, rtol=1e-12, atol=1e-12)


def test_half_precision_costs_what_float32_does() -> None:
    x, targets = torch.from_numpy(logits()).bfloat16(), torch.arange(B) % K
    several = F.one_hot(targets, K).bfloat16()
    for own in (targets, several):
        for smoothing in (0.0, 0.1):
            found = nats(x, own, smoothing=smoothing)
            assert found.dtype == torch.float32
            as_float = own.float() if own.is_floating_point() else own
            torch.testing.assert_close(found, nats(x.float(), as_float, smoothing=smoothing), rtol=1e-3, atol=1e-3)


@given(seed=st.integers(0, 2**32), shift=st.floats(-50, 50), smoothing=st.floats(0, 0.99))
def test_a_constant_a_row_costs_nothing(seed: int, shift: float, smoothing: float) -> None:
    """A softmax knows no constant; what is costed is never below the entropy of the smoothed target, so never below 0."""
    x, targets = logits(seed), np.random.default_rng(seed).integers(0, K, B)
    one, two = nats(x, targets, smoothing=smoothing), nats(x + shift, targets, smoothing=smoothing)
    np.testing.assert_allclose(one, two, rtol=0, atol=1e-9)
    target = np.full(K, smoothing / K)
    target[0] += 1 - smoothing
    entropy = -(target[target > 0] * np.log(target[target > 0])).sum()
    assert (one >= entropy - 1e-9).all()


def test_by_hand() -> None:
    assert nats(np.zeros((1, 4)), np.array([2])) == pytest.approx(np.log(4))
    assert nats(np.zeros((1, 4)), np.array([[1.0, 0, 0, 1]])) == pytest.approx(np.log(2))
    assert nats(np.array([[100.0, -100.0]]), np.array([[1.0, 0.0]])) == pytest.approx(0, abs=1e-40)
    assert nats(np.array([[0.0, np.log(3.0)]]), np.array([1]), smoothing=0.5) == pytest.approx(
        -0.75 * np.log(0.75) - 0.25 * np.log(0.25)
    )
