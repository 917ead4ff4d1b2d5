"""Front ends: NumPy = torch = a plain loop; a record's result is its own; what comes out is as many as is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from seqcli import front_ends, layers, registry
from seqcli.errors import UsageError
from seqcli.front_ends import padded

SPECS: dict[str, dict[str, Any]] = {
    "linear": {"kind": "linear"},
    "conv": {"kind": "conv"},
    "conv-one": {"kind": "conv", "layers": 1, "width": 4, "stride": 1},
    "conv-wide": {"kind": "conv", "layers": 2, "width": 7, "stride": 3},
    "conv-apart": {"kind": "conv", "layers": 3, "width": 2, "stride": 2},
    "conv-bare": {"kind": "conv", "layers": 2, "width": 3, "norm": False},
    "patches": {"kind": "patches", "side": 2, "channels": 3},
    "patches-wide": {"kind": "patches", "side": 4, "width": 5, "channels": 1},
}
D, E = 12, 8
LENGTHS = np.array([7, 1, 13, 4, 2])
RNG = np.random.default_rng(2)
FRAMES = RNG.standard_normal((int(LENGTHS.sum()), D)).astype(np.float32)
EACH = np.split(FRAMES, np.cumsum(LENGTHS)[:-1])


def made(name: str) -> Any:
    """One whose norms do something."""
    own = front_ends.create(SPECS[name], D, E, np.random.default_rng(1))
    arrays = {n: a + 0.2 * np.random.default_rng(7).standard_normal(a.shape) for n, a in layers.arrays(own).items()}
    return layers.replace(own, {n: a.astype(np.float32) for n, a in arrays.items()})


def wide(own: Any) -> Any:
    """In torch's float64."""
    return layers.replace(own, {n: torch.from_numpy(a.astype(np.float64)) for n, a in layers.arrays(own).items()})


def test_every_kind_is_tested():
    assert {spec["kind"] for spec in SPECS.values()} == set(registry.names("front_ends"))


@pytest.mark.parametrize("name", SPECS)
def test_numpy_is_torch(name):
    own = made(name)
    found, counts = own.read(FRAMES, LENGTHS)
    wanted, same = wide(own).read(torch.from_numpy(FRAMES.astype(np.float64)), LENGTHS)
    np.testing.assert_array_equal(counts, same)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted.numpy(), atol=1e-5)


@pytest.mark.parametrize("name", SPECS)
def test_as_many_come_out_as_is_said(name):
    own = made(name)
    found, counts = own.read(FRAMES, LENGTHS)
    assert found.shape == (counts.sum(), E)
    np.testing.assert_array_equal(counts, own.reduced(LENGTHS))
    for length in range(1, 20):
        rows, (count,) = own.read(FRAMES[:length], np.array([length]))
        assert len(rows) == count == own.reduced(np.array([length]))[0] >= 1
    spec = SPECS[name]
    kept = all(own.reduced(np.array([n]))[0] == n for n in range(1, 20))
    assert front_ends.keeps(spec) == (kept and spec["kind"] != "patches")
    if spec["kind"] != "patches":
        assert own.every == round(1000 / own.reduced(np.array([1000]))[0])


@pytest.mark.parametrize("name", SPECS)
def test_a_record_is_its_own_to_the_last_bit(name):
    own = made(name)
    found, counts = own.read(FRAMES, LENGTHS)
    for record, rows in zip(EACH, np.split(found, np.cumsum(counts)[:-1]), strict=True):
        alone, _ = own.read(record, np.array([len(record)]))
        np.testing.assert_array_equal(alone, rows)
        beside = np.concatenate([np.full((5, D), 1e6, np.float32), record, np.full((3, D), -1e6, np.float32)])
        among, (first, n, _) = own.read(beside, np.array([5, len(record), 3]))
        np.testing.assert_array_equal(among[first : first + n], rows)


@pytest.mark.parametrize("name", [n for n in SPECS if n.startswith("conv")])
def test_conv_is_torchs(name):
    """Zeros around, so that an output stands for every stride frames, its window around the first of them."""
    own = wide(made(name))
    found, counts = own.read(torch.from_numpy(FRAMES.astype(np.float64)), LENGTHS)
    for record, rows in zip(EACH, torch.split(found, counts.tolist()), strict=True):
        x = torch.from_numpy(record.T.astype(np.float64))[None]  # (1, D, T)
        for layer, weight in enumerate(own.weights):
            size, T = x.shape[1], x.shape[2]
            kernel = weight.reshape(E, own.width, size).transpose(1, 2)
            before = (own.width - 1) // 2
            behind = own.width - 1 - before
            x = torch.nn.functional.pad(x, (before, behind))
            y = torch.nn.functional.conv1d(x, kernel, None if own.norms else own.biases[layer], stride=own.stride)
            assert y.shape[2] == -(-T // own.stride)
            if not own.norms:
                x = y.relu()
                continue
            gain, shift = (torch.as_tensor(a) for a in layers.arrays(own.norms[layer]).values())
            x = torch.nn.functional.layer_norm(y.transpose(1, 2), (E,), gain, shift).relu().transpose(1, 2)
        np.testing.assert_allclose(rows.numpy(), x[0].T.numpy(), atol=1e-9)


@pytest.mark.parametrize("name", ["patches", "patches-wide"])
def test_patches_are_torchs_convolutions(name):
    """Pictures (H, W, C), zeros beyond their edges; row by row, with sinusoids of a patch's row and column."""
    own = wide(made(name))
    found, counts = own.read(torch.from_numpy(FRAMES.astype(np.float64)), LENGTHS)
    C, width = own.channels, own.width
    for record, rows in zip(EACH, torch.split(found, counts.tolist()), strict=True):
        x = torch.from_numpy(record.astype(np.float64)).reshape(len(record), D // C, C).permute(2, 0, 1)[None]
        for depth, (weight, bias) in enumerate(zip(own.weights, own.biases, strict=True)):
            kernel = weight.reshape(len(weight), width, width, x.shape[1]).permute(0, 3, 1, 2)
            x = torch.nn.functional.conv2d(x, kernel, bias, stride=1 + (depth > 0), padding=width // 2).relu()
        high, across = own.grid(len(record))
        assert x.shape[2:] == (high, across)
        x = x[0].flatten(1).T
        for at, row in enumerate(rows.numpy()):
            places = np.concatenate([sinusoids(at // across), sinusoids(at % across)])
            np.testing.assert_allclose(row - x[at].numpy(), places, atol=1e-6)


def sinusoids(place: int) -> np.ndarray:
    """Those of Vaswani et al. (2017), 3.5, of half a vector: a sine and a cosine in turn."""
    rates = 10_000.0 ** (-np.arange(E // 4) / (E // 4))
    return np.stack([np.sin(place * rates), np.cos(place * rates)], axis=1).reshape(-1)


@pytest.mark.parametrize("name", ["linear", "conv", "conv-bare", "patches"])
def test_gradients(name):
    own = made(name)
    arrays = {n: torch.from_numpy(a.astype(np.float64)).requires_grad_() for n, a in layers.arrays(own).items()}
    frames = torch.from_numpy(FRAMES[:6].astype(np.float64)).requires_grad_()

    def read(frames: torch.Tensor, *values: torch.Tensor) -> torch.Tensor:
        put = layers.replace(own, dict(zip(arrays, values, strict=True)))
        return put.read(frames, np.array([4, 2]))[0]

    assert torch.autograd.gradcheck(read, (frames, *arrays.values()), fast_mode=True)
    read(frames, *arrays.values()).square().sum().backward()
    assert all(a.grad is not None and a.grad.abs().sum() > 0 for a in arrays.values())


def test_padded_is_zero_beyond_each_length():
    found = padded(FRAMES, LENGTHS, 16)
    assert found.shape == (16, len(LENGTHS), D)
    for b, record in enumerate(EACH):
        np.testing.assert_array_equal(found[: len(record), b], record)
        assert not found[len(record) :, b].any()
    assert padded(FRAMES, LENGTHS).shape == (13, len(LENGTHS), D)


@pytest.mark.parametrize(
    "spec",
    [
        {"kind": "conv", "layers": 0},
        {"kind": "conv", "width": 0},
        {"kind": "conv", "stride": 0},
        {"kind": "conv", "width": 2, "stride": 3},
        {"kind": "patches", "side": 0},
        {"kind": "patches", "channels": 5},
        {"kind": "patches", "channels": 0},
        {"kind": "patches", "side": 3},
        {"kind": "patches", "width": 2},
        {"kind": "patches", "width": -1},
        {"kind": "patches", "side": 8, "channels": 1},
    ],
)
def test_options_that_do_not_go_together(spec):
    with pytest.raises(UsageError, match=r"model\.front_end"):
        front_ends.create(spec, D, E, np.random.default_rng(1))
    with pytest.raises(UsageError, match=r"model\.front_end"):
        front_ends.create({"kind": "patches"}, D, 6, np.random.default_rng(1))
