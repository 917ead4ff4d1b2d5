"""Cross-entropy of a last layer's logits, of which never many are held: the same numbers as with all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from seqcli import ops
from seqcli.ops import _losses

torch = pytest.importorskip("torch")
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

N, R, V = 7, 5, 23


@pytest.fixture(params=["rows", "parts"])
def split(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Logits of two rows, or of three symbols, at a time."""
    monkeypatch.setattr(_losses, "FEW", 0)
    monkeypatch.setattr(_losses, "ROWS", 2 * V + 1)
    monkeypatch.setattr(_losses, "PART", 3 * N + 1)
    if request.param == "parts":
        monkeypatch.setattr(_losses, "WHOLE", 0)


def arrays(dtype: Any = torch.float64) -> tuple[list[Any], Any]:
    generator = torch.Generator().manual_seed(0)
    drawn = [torch.randn(s, generator=generator, dtype=torch.float64) for s in ((N, R), (V, R), (V,))]
    return [a.to(dtype).requires_grad_() for a in drawn], torch.randint(V, (N,), generator=generator)


def plain(x: Any, weight: Any, bias: Any, targets: Any, smoothing: float) -> Any:
    logits = torch.nn.functional.linear(x, weight, bias)
    return torch.nn.functional.cross_entropy(logits, targets, reduction="none", label_smoothing=smoothing)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_nats_and_gradients_are_those_of_all_logits(split: None, smoothing: float) -> None:
    given, targets = arrays()
    row = torch.linspace(-1, 2, N, dtype=torch.float64)  # each row counts otherwise, one against
    ours = ops.linear_cross_entropy(*given, targets, smoothing)
    theirs = plain(*given, targets, smoothing)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)
    for a, b in zip(*(torch.autograd.grad((y * row).sum(), given) for y in (ours, theirs)), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


def test_gradients_are_those_of_finite_differences(split: None) -> None:
    given, targets = arrays()
    assert torch.autograd.gradcheck(lambda *a: ops.linear_cross_entropy(*a, targets, 0.2), given, atol=1e-7)


def test_bfloat16_gives_float32_nats_and_close_gradients(split: None) -> None:
    (exact, targets), (rough, _) = arrays(), arrays(torch.bfloat16)
    a, b = ops.linear_cross_entropy(*rough, targets), plain(*exact, targets, 0.0)
    assert a.dtype == torch.float32
    torch.testing.assert_close(a.double(), b, rtol=0.02, atol=0.02)
    for x, y in zip(torch.autograd.grad(a.sum(), rough), torch.autograd.grad(b.sum(), exact), strict=True):
        assert x.dtype == torch.bfloat16
        assert (x.double() - y).norm() < 0.02 * y.norm()


def test_far_logits_neither_overflow_nor_vanish(split: None) -> None:
    given, targets = arrays()
    far = [given[0].detach() * 1e3, *(g.detach() for g in given[1:])]
    ours, theirs = ops.linear_cross_entropy(*far, targets), plain(*far, targets, 0.0)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-9)


def test_numpy_equals_torch() -> None:
    given, targets = arrays()
    ours = ops.linear_cross_entropy(*(a.detach().numpy() for a in given), targets.numpy())
    np.testing.assert_allclose(ours, plain(*given, targets, 0.0).detach().numpy(), rtol=0, atol=1e-12)


class Largest(TorchDispatchMode):
    """The size of the largest array that any operation gives, N rows of the symbols aside."""

    def __init__(self) -> None:
        super().__init__()
        self.elements = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        for a in found if isinstance(found, tuple | list) else [found]:
            self.elements = max(self.elements, a.numel() if isinstance(a, torch.Tensor) else 0)
        return found


def test_no_array_holds_all_logits(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, size, symbols = 64, 4, 1000
    monkeypatch.setattr(_losses, "FEW", 1 << 14)
    monkeypatch.setattr(_losses, "WHOLE", 1 << 14)
    monkeypatch.setattr(_losses, "PART", 1 << 13)
    x, weight, bias = (torch.randn(s, requires_grad=True) for s in ((rows, size), (symbols, size), (symbols,)))
    with Largest() as seen:
        ops.linear_cross_entropy(x, weight, bias, torch.randint(symbols, (rows,))).mean().backward()
    assert seen.elements <= 1 << 13 < rows * symbols
