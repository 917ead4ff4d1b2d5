"""Schedules against their closed forms, optimizers against what a recipe asks of torch's."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seqcli.recipe.schema import TrainConfig
from seqcli.training.optimizers import build, decays, learning_rate

SCHEDULES = ("constant", "cosine", "linear", "step", "plateau", "inverse-sqrt")
shares = st.floats(0, 1)


def rate(
    config: TrainConfig, step: int = 10**6, epoch: float = 0.0, share: float = 0.0, factor: float = 1.0
) -> float:
    return learning_rate(config, step=step, epoch=epoch, share=share, factor=factor)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_warmup_is_a_line_that_ends_at_the_full_rate(schedule):
    config = TrainConfig(schedule=schedule, warmup=4, learning_rate=0.8, decay_from=1)
    after = 0.8 * math.sqrt(4 / 5) if schedule == "inverse-sqrt" else 0.8
    assert [rate(config, step=s) for s in range(5)] == pytest.approx([0.2, 0.4, 0.6, 0.8, after])
    assert rate(TrainConfig(schedule=schedule, learning_rate=0.8, decay_from=1), step=0) == pytest.approx(0.8)


@given(share=shares)
def test_cosine_and_linear(share):
    cosine, linear = (TrainConfig(schedule=s, learning_rate=2.0) for s in ("cosine", "linear"))
    assert rate(cosine, share=share) == pytest.approx(1 + math.cos(math.pi * share), abs=1e-12)
    assert rate(linear, share=share) == pytest.approx(2 * (1 - share))


def test_cosine_by_hand():
    config = TrainConfig(schedule="cosine", learning_rate=4e-3)
    assert [rate(config, share=s) for s in (0, 1 / 3, 0.5, 1)] == pytest.approx([4e-3, 3e-3, 2e-3, 0], abs=1e-15)


def test_step_halves_from_an_epoch_on():
    """Zaremba et al. (2014): epochs 1 to 4 at the full rate, then half of it each epoch."""
    config = TrainConfig(schedule="step", learning_rate=1.0, decay=0.5, decay_from=4, decay_every=1)
    by_epoch = [rate(config, epoch=e) for e in (0, 1, 2, 3, 3.99, 4, 4.5, 5, 12)]
    assert by_epoch == pytest.approx([1, 1, 1, 1, 1, 0.5, 0.5, 0.25, 0.5**9])
    slower = TrainConfig(schedule="step", learning_rate=1.0, decay=0.1, decay_from=1, decay_every=2)
    assert [rate(slower, epoch=e) for e in (0.5, 1, 2.9, 3, 5)] == pytest.approx([1, 0.1, 0.1, 0.01, 0.001])


@given(warmup=st.integers(1, 10_000), step=st.integers(0, 10**6), size=st.integers(1, 4096))
def test_inverse_sqrt_is_the_papers(warmup, step, size):
    """Vaswani et al. (2017), 5.3: size^-0.5 min(n^-0.5, n warmup^-1.5) with n = 1, 2, …; its peak is at n = warmup."""
    config = TrainConfig(schedule="inverse-sqrt", warmup=warmup, learning_rate=(size * warmup) ** -0.5)
    n = step + 1
    assert rate(config, step=step) == pytest.approx(size**-0.5 * min(n**-0.5, n * warmup**-1.5))


def test_inverse_sqrt_by_hand():
    config = TrainConfig(schedule="inverse-sqrt", warmup=100, learning_rate=1.0)
    assert [rate(config, step=s) for s in (0, 99, 399, 9999)] == pytest.approx([0.01, 1, 0.5, 0.1])
    assert [rate(config, step=399, share=s, epoch=5, factor=0.1) for s in (0, 1)] == pytest.approx([0.5, 0.5])
    cold = TrainConfig(schedule="inverse-sqrt", learning_rate=1.0)
    assert [rate(cold, step=s) for s in (0, 3, 99)] == pytest.approx([1, 0.5, 0.1])


@given(share=shares, factor=st.floats(0.01, 1), epoch=st.floats(0, 100))
def test_constant_and_plateau(share, factor, epoch):
    constant, plateau = (TrainConfig(schedule=s, learning_rate=0.3) for s in ("constant", "plateau"))
    assert rate(constant, share=share, epoch=epoch) == 0.3
    assert rate(plateau, share=share, epoch=epoch, factor=factor) == 0.3 * factor


WEIGHTS = {
    "embedding": torch.ones(3, 2),
    "stack.cells.0.0.weight_ih": torch.ones(4, 2),
    "stack.cells.0.0.weight_hh": torch.ones(4, 4),
    "stack.cells.0.0.bias_ih": torch.ones(4),
    "output_weight": torch.ones(3, 4),
    "output_bias": torch.ones(3),
}


def test_decay_applies_to_matrices_but_the_embedding():
    assert {n for n, w in WEIGHTS.items() if decays(n, w)} == {
        "stack.cells.0.0.weight_ih",
        "stack.cells.0.0.weight_hh",
        "output_weight",
    }


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "rmsprop"])
def test_what_decays_without_a_gradient(optimizer):
    """One step on zero gradients: a decayed weight shrinks, all others stay."""
    weights = {n: w.clone().requires_grad_() for n, w in WEIGHTS.items()}
    config = TrainConfig(optimizer=optimizer, learning_rate=0.1, weight_decay=0.5, device="cpu")
    built = build(config, weights)
    for w in weights.values():
        w.grad = torch.zeros_like(w)
    built.step()
    for name, w in weights.items():
        assert bool((w < 1).all()) is decays(name, w), name
        if not decays(name, w):
            assert bool((w == 1).all()), name
        elif optimizer != "rmsprop":  # decoupled in AdamW; in SGD the same, for the gradient is zero
            assert torch.allclose(w, torch.tensor(1 - 0.1 * 0.5))


def test_options_reach_torch():
    weights = {n: w.clone().requires_grad_() for n, w in WEIGHTS.items()}
    adamw = build(TrainConfig(betas=(0.8, 0.95), device="cpu"), weights)
    assert all(g["betas"] == (0.8, 0.95) and g["fused"] for g in adamw.param_groups)
    sgd = build(TrainConfig(optimizer="sgd", momentum=0.7), weights)
    assert isinstance(sgd, torch.optim.SGD)
    assert all(g["momentum"] == 0.7 for g in sgd.param_groups)
    rmsprop = build(TrainConfig(optimizer="rmsprop", betas=(0.5, 0.98), momentum=0.2), weights)
    assert isinstance(rmsprop, torch.optim.RMSprop)
    assert all((g["alpha"], g["momentum"]) == (0.98, 0.2) for g in rmsprop.param_groups)
    assert sum(len(g["params"]) for g in sgd.param_groups) == len(WEIGHTS)
