"""Cells beside their papers' equations, transcribed anew with loops and whole matrices, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from seqcli import layers, ops, registry
from seqcli.cells import deltanet

T, B, I, H = 9, 3, 5, 8


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def made(name: str, hidden: int = H) -> Any:
    """A cell with all weights drawn, in float64."""
    rng = np.random.default_rng(3)
    cell = registry.load("cells", name).Cell.create(I, hidden, rng)
    return layers.replace(cell, {n: rng.normal(0, 0.5, a.shape) for n, a in layers.arrays(cell).items()})


def inputs(steps: int = T) -> Any:
    return np.random.default_rng(4).standard_normal((steps, B, I))


def unrolled(cell: Any, x: Any) -> Any:
    return cell.unroll(x, tuple(np.zeros((x.shape[1], cell.hidden_size)) for _ in range(cell.states)))[0]


def gates(cell: Any, x: Any) -> Any:
    return np.split(x @ cell.weight_ih.T + cell.bias_ih, cell.gates, axis=-1)


def test_mingru_in_logarithms() -> None:
    """Algorithm 6 of the paper: log-space cumulative sums."""
    cell, x = made("mingru"), inputs()
    z, c = gates(cell, x)
    log_z, log_rest = -np.logaddexp(0, -z), -np.logaddexp(0, z)
    log_c = np.where(c >= 0, np.log(np.maximum(c, 0) + 0.5), -np.logaddexp(0, -c))
    decays = np.cumsum(log_rest, axis=0)
    h = np.exp(decays + np.logaddexp.accumulate(log_z + log_c - decays, axis=0))
    np.testing.assert_allclose(unrolled(cell, x), h, atol=1e-12)


def test_minlstm_with_normalised_gates() -> None:
    cell, x = made("minlstm"), inputs()
    f, i, c = gates(cell, x)
    f, i, c, h = sigmoid(f), sigmoid(i), np.where(c >= 0, c + 0.5, sigmoid(c)), np.zeros((B, H))
    for t, y in enumerate(unrolled(cell, x)):
        h = f[t] / (f[t] + i[t]) * h + i[t] / (f[t] + i[t]) * c[t]
        np.testing.assert_allclose(y, h, atol=1e-12)


def test_qrnn_as_a_masked_convolution_of_width_two() -> None:
    cell, x = made("qrnn"), inputs()
    now, before = np.split(cell.weight_ih, 2)
    constant, more = np.split(cell.bias_ih, 2)
    c = np.zeros((B, H))
    for t, y in enumerate(unrolled(cell, x)):
        z, f, o = np.split(x[t] @ now.T + constant + (x[t - 1] @ before.T + more if t else 0), 3, axis=-1)
        c = sigmoid(f) * c + (1 - sigmoid(f)) * np.tanh(z)
        np.testing.assert_allclose(y, sigmoid(o) * c, atol=1e-12)


def test_rglru_with_powers_of_its_decay() -> None:
    cell, x = made("rglru"), inputs()
    r, i, v = gates(cell, x)
    a, h = np.exp(-np.log1p(np.exp(cell.decay))), np.zeros((B, H))
    for t, y in enumerate(unrolled(cell, x)):
        kept = a ** (8 * sigmoid(r[t]))
        h = kept * h + np.sqrt(1 - kept**2) * sigmoid(i[t]) * v[t]
        np.testing.assert_allclose(y, h, atol=1e-12)


def test_a_fresh_rglru_forgets_at_rates_from_0_9_to_0_999() -> None:
    decay = registry.load("cells", "rglru").Cell.create(I, 4000, np.random.default_rng(0)).decay.astype(np.float64)
    kept = np.exp(-8 * np.log1p(np.exp(decay)))
    assert 0.9 <= kept.min() < 0.901
    assert 0.998 < kept.max() <= 0.99901


def test_slstm_needs_no_stabiliser_where_nothing_overflows() -> None:
    """Equations 8 to 17 of the paper, with exp as it stands."""
    cell, x = made("slstm"), inputs()
    h, c, n = np.zeros((B, H)), np.zeros((B, H)), np.zeros((B, H))
    for t, y in enumerate(unrolled(cell, x)):
        sums = x[t] @ cell.weight_ih.T + cell.bias_ih + h @ cell.weight_hh.T + cell.bias_hh
        i, f, z, o = np.split(sums, 4, axis=-1)
        c, n = sigmoid(f) * c + np.exp(i) * np.tanh(z), sigmoid(f) * n + np.exp(i)
        h = sigmoid(o) * c / n
        np.testing.assert_allclose(y, h, atol=1e-12)


@pytest.mark.parametrize("size", [-200.0, 200.0])
def test_slstm_survives_gates_that_would_overflow_float32(size: float) -> None:
    cell = made("slstm")
    cell = layers.replace(cell, {n: a.astype(np.float32) for n, a in layers.arrays(cell).items()})
    bias = cell.bias_ih.copy()
    bias[:H] = size
    cell = layers.replace(cell, {**layers.arrays(cell), "bias_ih": bias})
    y = unrolled(cell, inputs().astype(np.float32))
    assert np.isfinite(y).all()
    assert np.abs(y).max() <= 1  # n is never less than |c|
    assert np.abs(y).max() > 0.1
    torch = pytest.importorskip("torch")
    weights = {n: torch.from_numpy(a).requires_grad_() for n, a in layers.arrays(cell).items()}
    y, _ = layers.replace(cell, weights).unroll(
        torch.from_numpy(inputs().astype(np.float32)), tuple(torch.zeros(4, B, H))
    )
    assert all(g.isfinite().all() for g in torch.autograd.grad(y.sum(), list(weights.values())))


def test_mogrifier_gates_in_turns() -> None:
    cell, xs = made("mogrifier"), inputs()
    h, c = np.zeros((B, H)), np.zeros((B, H))
    for t, y in enumerate(unrolled(cell, xs)):
        x = xs[t] @ cell.weight_ih.T + cell.bias_ih
        x = 2 * sigmoid(h @ cell.weight_hh.T + cell.bias_hh) * x
        h = 2 * sigmoid(x @ cell.r1.T) * h
        x = 2 * sigmoid(h @ cell.q2.T) * x
        h = 2 * sigmoid(x @ cell.r2.T) * h
        i, f, g, o = np.split(x @ cell.lstm_ih.T + h @ cell.lstm_hh.T + cell.lstm_bias, 4, axis=-1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        np.testing.assert_allclose(y, h, atol=1e-12)


def delta_rule(cell: Any, x: Any) -> Any:
    """S = α (I - β k k^T) S + β k v^T with whole matrices, head by head."""
    u, v, o = gates(cell, x)
    made = (u * sigmoid(u)) @ cell.key_weight.T + cell.key_bias
    heads, d = 4, deltanet.KEYS
    e, ys = cell.hidden_size // heads, np.zeros((len(x), B, cell.hidden_size))
    for b in range(B):
        for g in range(heads):
            S = np.zeros((d, e))
            for t in range(len(x)):
                q, k = made[t, b, g * d : (g + 1) * d], made[t, b, (heads + g) * d : (heads + g + 1) * d]
                q, k = q / np.sqrt(q @ q + 1e-6), k / np.sqrt(k @ k + 1e-6)
                a, beta = (sigmoid(made[t, b, 2 * heads * d + i * heads + g]) for i in range(2))
                S = a * (np.eye(d) - 2 * beta * np.outer(k, k)) @ S + 2 * beta * np.outer(
                    k, v[t, b, g * e : g * e + e]
                )
                ys[t, b, g * e : (g + 1) * e] = sigmoid(o[t, b, g * e : g * e + e]) * (S.T @ q)
    return ys


def test_deltanet_with_whole_matrices_in_steps_and_in_chunks() -> None:
    torch = pytest.importorskip("torch")
    cell, x = made("deltanet"), inputs(2 * deltanet.CHUNK + 7)
    expected = delta_rule(cell, x)
    np.testing.assert_allclose(unrolled(cell, x), expected, atol=1e-12)
    there = layers.replace(cell, {n: torch.from_numpy(a) for n, a in layers.arrays(cell).items()})
    start = tuple(torch.zeros(B, H, dtype=torch.float64) for _ in range(cell.states))
    y, end = there.unroll(torch.from_numpy(x), start)
    np.testing.assert_allclose(y, expected, atol=1e-12)
    first, middle = there.unroll(torch.from_numpy(x[:40]), start)  # cut within a chunk
    second, last = there.unroll(torch.from_numpy(x[40:]), middle)
    np.testing.assert_allclose(torch.cat([first, second]), expected, atol=1e-12)
    for a, b in zip(last, end, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)


# the scan that most of them stand on


@pytest.mark.parametrize("steps", [1, 2, 3, 8, 13])
def test_scan_and_its_gradient(steps: int) -> None:
    torch = pytest.importorskip("torch")
    from seqcli.ops import _scan

    rng = np.random.default_rng(steps)
    a, b, h = rng.uniform(-1.2, 1.2, (steps, B, H)), rng.standard_normal((steps, B, H)), rng.standard_normal((B, H))
    expected, last = [], h
    for t in range(steps):
        last = a[t] * last + b[t]
        expected.append(last)
    np.testing.assert_allclose(ops.scan(a, b, h), np.stack(expected), atol=1e-12)
    leaves = [torch.from_numpy(part).requires_grad_() for part in (a, b, h)]
    np.testing.assert_allclose(ops.scan(*leaves).detach(), np.stack(expected), atol=1e-12)
    assert torch.autograd.gradcheck(ops.scan, leaves)
    ours, at_once = (run(*(part.detach() for part in leaves)) for run in (_scan._steps, _scan._doubling))
    torch.testing.assert_close(at_once, ours, atol=1e-12, rtol=0)
    back = [run(leaves[0].detach(), leaves[1].detach(), torch.zeros(B, H).double(), True) for run in (_scan._steps, _scan._doubling)]  # fmt: skip
    torch.testing.assert_close(back[0], back[1], atol=1e-12, rtol=0)


def test_a_scan_of_halves_adds_in_float32() -> None:
    torch = pytest.importorskip("torch")
    a, b = torch.ones(4096, 1), torch.full((4096, 1), 2.0**-10)
    y = ops.scan(a.bfloat16(), b.bfloat16(), torch.zeros(1).bfloat16())
    assert y.dtype == torch.bfloat16
    assert y[-1].item() == 4  # in bfloat16 sums end at 0.25


def test_local_attention_is_softmax_over_the_last_inputs_of_each_head() -> None:
    drawn, window, heads, x = np.random.default_rng(3), 4, 4, inputs()
    cell = registry.load("cells", "local-attention").Cell.create(I, H, drawn, window=window)
    cell = layers.replace(cell, {n: drawn.normal(0, 0.5, a.shape) for n, a in layers.arrays(cell).items()})
    q, k, v = (part.reshape(T, B, heads, -1) for part in gates(cell, x))
    bias = cell.distance_bias.reshape(window, heads)
    for t, y in enumerate(unrolled(cell, x)):
        seen = range(max(0, t - window + 1), t + 1)
        for b in range(B):
            for head in range(heads):
                e = np.exp([q[t, b, head] @ k[j, b, head] / np.sqrt(H / heads) + bias[t - j, head] for j in seen])
                expected = (e / e.sum()) @ np.stack([v[j, b, head] for j in seen])
                np.testing.assert_allclose(y[b].reshape(heads, -1)[head], expected, atol=1e-12)
