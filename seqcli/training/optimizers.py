"""Optimizers and learning-rate schedules, from a recipe's keys."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

from seqcli.recipe.schema import TrainConfig


def decays(name: str, weight: torch.Tensor) -> bool:
    """Whether weight decay applies: to matrices, not to biases, and not to embeddings, whose rows are looked up."""
    return weight.ndim >= 2 and "embedding" not in name


def build(config: TrainConfig, weights: Mapping[str, torch.Tensor]) -> torch.optim.Optimizer:
    """torch's optimizer over the leaves, in two groups: with and without weight decay."""
    groups = [
        {"params": [w for n, w in weights.items() if decays(n, w)], "weight_decay": config.weight_decay},
        {"params": [w for n, w in weights.items() if not decays(n, w)], "weight_decay": 0.0},
    ]
    groups = [g for g in groups if g["params"]]
    rate = config.learning_rate
    if config.optimizer == "adamw":
        fused = config.device in ("cpu", "cuda")
        return torch.optim.AdamW(groups, lr=rate, betas=config.betas, fused=fused)
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=config.momentum)
    return torch.optim.RMSprop(groups, lr=rate, alpha=config.betas[1], momentum=config.momentum)


def learning_rate(config: TrainConfig, *, step: int, epoch: float, share: float, factor: float) -> float:
    """The rate of a step (from 0).

    `epoch` counts epochs done, `share` is how much of the budget is spent (0 .. 1), `factor` is what `plateau` has
    come down to.
    """
    rate = config.learning_rate
    if step < config.warmup:
        return rate * (step + 1) / config.warmup
    if config.schedule == "cosine":
        return rate * 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))
    if config.schedule == "linear":
        return rate * max(1 - share, 0.0)
    if config.schedule == "step":
        done = epoch - config.decay_from
        return rate * config.decay ** (1 + math.floor(done / config.decay_every)) if done >= 0 else rate
    if config.schedule == "inverse-sqrt":  # Vaswani et al. 2017, 5.3, its peak the learning rate
        return rate * math.sqrt(max(config.warmup, 1) / (step + 1))
    return rate * factor
