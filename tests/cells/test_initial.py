"""First weights: what each cell's paper asks for."""

from __future__ import annotations

import numpy as np
import pytest

from seqcli.cells import gru, irnn, lstm, orthogonal, rnn

I, H = 300, 40


def test_inputs_have_variance_one_over_their_number() -> None:
    for module in (rnn, gru, lstm):
        weight = module.Cell.create(I, H, np.random.default_rng(0)).weight_ih
        assert np.abs(weight).max() <= np.sqrt(3 / I)
        assert weight.var() == pytest.approx(1 / I, rel=0.05)
        assert abs(weight.mean()) < 4 / np.sqrt(I * weight.size)


def test_a_fresh_lstm_remembers() -> None:
    """Jozefowicz et al. 2015: the forget gate's biases, of both together, are 1; all others 0."""
    cell = lstm.Cell.create(I, H, np.random.default_rng(0))
    i, f, g, o = np.split(cell.bias_ih + cell.bias_hh, 4)
    np.testing.assert_array_equal(f, np.ones(H))
    for other in (i, g, o):
        np.testing.assert_array_equal(other, np.zeros(H))
    zeros = np.zeros((1, 4 * H), np.float32)
    _, c = cell.recur(zeros + cell.bias_ih, (np.zeros((1, H), np.float32), np.ones((1, H), np.float32)))
    np.testing.assert_allclose(c, 1 / (1 + np.exp(-1.0)), rtol=1e-6)


@pytest.mark.parametrize("module", [rnn, gru])
def test_other_biases_are_zero(module) -> None:
    cell = module.Cell.create(I, H, np.random.default_rng(0))
    assert not cell.bias_ih.any()
    assert not cell.bias_hh.any()


def test_an_irnn_begins_as_the_identity() -> None:
    """Le, Jaitly & Hinton 2015: W_hh = I, biases 0, W_ih ~ N(0, 0.001²): a positive state is kept as it is."""
    cell = irnn.Cell.create(I, H, np.random.default_rng(0))
    np.testing.assert_array_equal(cell.weight_hh, np.eye(H))
    assert not cell.bias_ih.any()
    assert not cell.bias_hh.any()
    assert cell.weight_ih.std() == pytest.approx(0.001, rel=0.05)
    assert abs(cell.weight_ih.mean()) < 4 * 0.001 / np.sqrt(cell.weight_ih.size)
    h = np.abs(np.random.default_rng(1).standard_normal((2, H))).astype(np.float32)
    y, _ = cell.unroll(np.zeros((50, 2, I), np.float32), (h,))
    np.testing.assert_array_equal(y[-1], h)


def test_the_closed_form_of_one_step() -> None:
    """Weights of one, no bias: numbers that can be checked by hand."""
    one, none = np.ones((1, 1)), np.zeros(1)
    x, h = np.array([[0.5]]), np.array([[0.25]])
    (found,) = rnn.Cell(one, one, none, none).step(x, (h,))[1]
    assert found.item() == pytest.approx(np.tanh(0.75))
    (found,) = rnn.Cell(one, one, none, none - 1, "relu").step(x, (h,))[1]
    assert found.item() == 0.0
    s = 1 / (1 + np.exp(-0.75))
    (found,) = gru.Cell(*(np.ones((3, 1)),) * 2, *(np.zeros(3),) * 2).step(x, (h,))[1]
    n = np.tanh(0.5 + s * 0.25)
    assert found.item() == pytest.approx((1 - s) * n + s * 0.25)
    y, (h2, c2) = lstm.Cell(*(np.ones((4, 1)),) * 2, *(np.zeros(4),) * 2).step(x, (h, np.array([[2.0]])))
    c = s * 2 + s * np.tanh(0.75)
    assert c2.item() == pytest.approx(c)
    assert y.item() == h2.item() == pytest.approx(s * np.tanh(c))


@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_orthogonal_matrices(size: int) -> None:
    q = orthogonal(size, np.random.default_rng(size))
    assert q.dtype == np.float32
    np.testing.assert_allclose(q.astype(np.float64) @ q.T, np.eye(size), atol=1e-6)


def test_orthogonal_matrices_are_drawn_evenly() -> None:
    """By the Haar measure each entry has mean 0 and variance 1/n; QR alone, its signs not put right, fails this."""
    n, draws = 3, 4000
    rng = np.random.default_rng(0)
    many = np.stack([orthogonal(n, rng) for _ in range(draws)]).astype(np.float64)
    assert np.abs(many.mean(0)).max() < 5 * np.sqrt(1 / n / draws)
    np.testing.assert_allclose(many.var(0), 1 / n, atol=0.03)
    assert np.mean(np.linalg.det(many) > 0) == pytest.approx(0.5, abs=0.05)
