"""The loss of CTC: all alignments counted; NumPy and torch alike; gradients; padding; targets that do not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.ctc import texts

from seqcli import ops

torch = pytest.importorskip("torch")

LENGTHS = [5, 5, 3, 1, 4, 2, 0, 0]
TARGETS = [[1, 1, 2], [], [2, 1], [2], [1, 1, 1], [2, 2], [], [1]]  # the fifth, sixth and last do not fit
FITS = np.array([True, True, True, True, False, False, True, False])


def batch(V: int, blank: int, dtype: Any = torch.float64) -> tuple[Any, Any, Any, Any]:
    """Logits, lengths, targets, their lengths: of torch. Symbols 1 and 2 are those that are not the blank."""
    logits = torch.randn((5, len(LENGTHS), V), generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2
    symbols = {1: (blank + 1) % V, 2: (blank + 2) % V}
    targets = torch.full((len(TARGETS), 4), (blank + 1) % V)
    for row, target in zip(targets, TARGETS, strict=True):
        row[: len(target)] = torch.tensor([symbols[s] for s in target])
    lengths = torch.tensor([len(target) for target in TARGETS])
    return logits.to(dtype).requires_grad_(), torch.tensor(LENGTHS), targets, lengths


def of_numpy(given: tuple[Any, ...]) -> list[np.ndarray]:
    return [x.detach().numpy() for x in given]


@pytest.mark.parametrize(("V", "blank"), [(3, 0), (3, 2), (4, 1)])
def test_both_libraries_count_all_alignments(V: int, blank: int) -> None:
    given = batch(V, blank)
    found = ops.ctc_nats(*of_numpy(given), blank)
    logits, lengths, targets, target_lengths = of_numpy(given)
    for b, (T, U) in enumerate(zip(lengths, target_lengths, strict=True)):
        every = texts(ops.log_softmax(logits[:T, b]), blank)
        expected = -every.get(tuple(targets[b, :U].tolist()), -np.inf)
        assert found[b] == pytest.approx(expected, abs=1e-12)
    np.testing.assert_array_equal(np.isfinite(found), FITS)
    np.testing.assert_allclose(ops.ctc_nats(*given, blank).detach().numpy(), found, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("V", "blank"), [(3, 0), (4, 3)])
def test_gradients_are_those_of_finite_differences(V: int, blank: int) -> None:
    logits, *rest = batch(V, blank)
    fits = torch.tensor(FITS)
    assert torch.autograd.gradcheck(lambda x: ops.ctc_nats(x, *rest, blank)[fits].sum(), [logits])


def test_a_target_that_does_not_fit_has_no_gradient_and_padding_none() -> None:
    logits, *rest = batch(4, 0)
    ops.ctc_nats(logits, *rest, 0).sum().backward()
    assert torch.isfinite(logits.grad).all()
    assert not logits.grad[:, ~FITS].any()
    for b, T in enumerate(LENGTHS):
        assert not logits.grad[T:, b].any()
        assert logits.grad[:T, b].any() == (FITS[b] and T > 0)


def test_what_is_beyond_the_lengths_is_not_looked_at() -> None:
    logits, lengths, targets, target_lengths = batch(4, 0)
    clean = ops.ctc_nats(logits, lengths, targets, target_lengths, 0)
    (expected,) = torch.autograd.grad(clean[FITS].sum(), logits)
    dirty, other = logits.detach().clone(), targets.clone()
    for b, (T, U) in enumerate(zip(LENGTHS, target_lengths.tolist(), strict=True)):
        dirty[T:, b] = torch.nan
        other[b, U:] = 3
    dirty.requires_grad_()
    found = ops.ctc_nats(dirty, lengths, other, target_lengths, 0)
    assert torch.equal(found, clean)
    assert torch.equal(torch.autograd.grad(found[FITS].sum(), dirty)[0], expected)
    whole = of_numpy((logits, lengths, targets, target_lengths))
    np.testing.assert_array_equal(
        ops.ctc_nats(*of_numpy((dirty, lengths, other, target_lengths)), 0), ops.ctc_nats(*whole, 0)
    )


def test_numpy_rows_do_not_depend_on_their_batch() -> None:
    given = of_numpy(batch(4, 0))
    whole = ops.ctc_nats(*given, 0)
    logits, *rest = given
    for b, n in enumerate(LENGTHS):
        row = ops.ctc_nats(logits[:n, b : b + 1], *(part[b : b + 1] for part in rest), 0)
        assert row[0] == whole[b]


def test_bfloat16_gives_float32_nats_and_close_gradients() -> None:
    (exact, *rest), (rough, *_) = batch(4, 0), batch(4, 0, torch.bfloat16)
    fits = torch.tensor(FITS)
    a, b = (ops.ctc_nats(x, *rest, 0)[fits] for x in (rough, exact))
    assert a.dtype == torch.float32
    torch.testing.assert_close(a.double(), b, rtol=0.02, atol=0.02)
    for x in (a, b):
        x.sum().backward()
    assert rough.grad.dtype == torch.bfloat16
    assert (rough.grad.double() - exact.grad).norm() < 0.02 * exact.grad.norm()


def test_many_frames_in_float32() -> None:
    rng = np.random.default_rng(0)
    logits, targets = rng.normal(size=(400, 3, 30)) * 3, rng.integers(1, 30, size=(3, 60))
    rest = (np.array([400, 350, 200]), targets, np.array([60, 50, 1]))
    exact = ops.ctc_nats(logits, *rest, 0)
    x = torch.tensor(logits, dtype=torch.float32, requires_grad=True)
    found = ops.ctc_nats(x, *map(torch.as_tensor, rest), 0)
    found.sum().backward()
    np.testing.assert_allclose(found.detach().numpy(), exact, rtol=1e-5)
    np.testing.assert_allclose(ops.ctc_nats(logits.astype(np.float32), *rest, 0), exact, rtol=1e-6)
    assert torch.isfinite(x.grad).all()
