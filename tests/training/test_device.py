"""Static rules for device and precision; weights as torch leaves."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seqcli import layers
from seqcli.errors import UsageError
from seqcli.models import language_model
from seqcli.recipe.schema import TrainConfig
from seqcli.training import device

MODEL = language_model.Model.create(
    language_model.Config(cell="lstm", embedding=4, hidden=6), 5, np.random.default_rng(0)
)


@pytest.mark.parametrize(
    ("hidden", "has", "precision"),
    [(255, True, "float32"), (256, True, "bfloat16"), (1024, True, "bfloat16"), (1024, False, "float32")],
)
def test_precision_is_a_rule_of_size_and_hardware(monkeypatch, hidden, has, precision):
    monkeypatch.setattr(device, "has_bfloat16", lambda _: has)
    assert device.resolve(TrainConfig(device="cpu"), hidden).precision == precision
    assert device.resolve(TrainConfig(device="cpu", precision="float32"), hidden).precision == "float32"
    assert device.resolve(TrainConfig(device="cpu", precision="bfloat16"), hidden).precision == "bfloat16"


def test_hardware_is_asked_of_torch(monkeypatch):
    for check in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, check, lambda: False, raising=False)
    assert not device.has_bfloat16("cpu")
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    assert device.has_bfloat16("cpu")
    assert not device.has_bfloat16("mps")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: not including_emulation)
    assert device.has_bfloat16("cuda")


def test_all_is_definite_once_resolved():
    config = device.resolve(TrainConfig(), 8)
    assert config.device in ("cpu", "cuda", "mps")
    assert config.threads
    assert device.resolve(config, 8) == config
    assert device.resolve(TrainConfig(threads=3), 8).threads == 3


def test_processes_share_the_cores_unless_told(monkeypatch, capsys):
    config = TrainConfig(device="cpu")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(device.os, "sched_getaffinity", lambda _: range(6), raising=False)
    assert [device.resolve(config, 8, n).threads for n in (1, 2, 4, 9)] == [6, 3, 1, 1]
    assert "9 processes of 1 threads on 6 cores" in capsys.readouterr().err
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert device.resolve(config, 8, 3).threads == 2
    assert device.resolve(TrainConfig(device="cpu", threads=5), 8, 1).threads == 5
    assert not capsys.readouterr().err
    assert device.resolve(TrainConfig(device="cpu", threads=5), 8, 2).threads == 5
    assert "2 processes of 5 threads on 6 cores: fewer are faster" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "available"), [("cuda", torch.cuda.is_available), ("mps", torch.backends.mps.is_available)]
)
def test_a_device_that_is_not_there(name, available):
    if available():
        pytest.skip(f"this machine has {name}")
    with pytest.raises(UsageError, match=f"train.device: {name} was asked for"):
        device.resolve(TrainConfig(device=name), 8)


def test_leaves_are_copies_with_gradients():
    weights = device.leaves(MODEL, "cpu")
    assert weights.keys() == layers.arrays(MODEL).keys()
    assert all(w.is_leaf and w.requires_grad and w.dtype == torch.float32 for w in weights.values())
    with torch.no_grad():
        weights["output_bias"].fill_(3)
    assert not MODEL.output_bias.any()
    assert np.array_equal(device.to_numpy(weights)["output_bias"], np.full(5, 3, np.float32))


def test_bfloat16_gradients_reach_the_float32_leaves():
    weights = device.leaves(MODEL, "cpu")
    bound = device.bind(MODEL, weights, "bfloat16")
    assert {a.dtype for a in layers.arrays(bound).values()} == {torch.bfloat16}
    ids = torch.tensor([[1], [2], [3]])
    loss, _ = bound.loss(ids, ids, bound.initial_state(1))
    loss.backward()
    exact = device.leaves(MODEL, "cpu")
    whole = device.bind(MODEL, exact, "float32")
    loss32, _ = whole.loss(ids, ids, whole.initial_state(1))
    loss32.backward()
    assert loss.item() == pytest.approx(loss32.item(), rel=0.02)
    for name, w in weights.items():
        assert w.grad is not None
        assert w.grad.dtype == torch.float32
        assert torch.allclose(w.grad, exact[name].grad, atol=0.03), name


def test_bfloat16_survives_the_way_through_numpy():
    """A file has no bfloat16: what was saved as float32 is the same number when it comes back."""
    drawn = torch.randn(1000, generator=torch.Generator().manual_seed(1)).to(torch.bfloat16)
    stored = device.to_numpy({"x": drawn})["x"]
    assert stored.dtype == np.float32
    assert torch.equal(torch.from_numpy(stored).to(torch.bfloat16), drawn)


def test_a_kernel_that_refuses_is_said(capsys):
    def refuse() -> None:
        raise RuntimeError("no such kernel\nat some line")

    assert device.kernel_works(lambda: None, "bfloat16")
    assert device.kernel_works(refuse, "float32")  # not tried
    assert not device.kernel_works(refuse, "bfloat16")
    assert "this device's kernel refuses bfloat16 (no such kernel)" in capsys.readouterr().err


class Libc:
    """What is asked of the C library."""

    def __init__(self):
        self.asked = []

    def mallopt(self, option, value):
        self.asked.append(option)


def test_freed_memory_is_kept_unless_the_user_says_otherwise(monkeypatch):
    libc = Libc()
    monkeypatch.delenv("MALLOC_TRIM_THRESHOLD_", raising=False)
    monkeypatch.setattr(device.ctypes, "CDLL", lambda _: libc)
    device.keep_freed_memory()
    assert libc.asked == [-1, -3]
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "1000")
    device.keep_freed_memory()
    assert len(libc.asked) == 2


def test_a_c_library_without_that_option_is_left_alone(monkeypatch):
    monkeypatch.delenv("MALLOC_TRIM_THRESHOLD_", raising=False)
    monkeypatch.setattr(device.ctypes, "CDLL", lambda _: object())
    device.keep_freed_memory()
