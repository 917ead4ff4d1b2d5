"""Build optimizers and learning-rate schedules from a recipe's keys."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

from seqcli.recipe.schema import TrainConfig


def decays(name: str, weight: torch.Tensor) -> bool:
    """Whether weight decay applies to an array: to matrices, but not to biases or embedding tables."""
    return weight.ndim >= 2 and "embedding" not in name


def build(
    config: TrainConfig, weights: Mapping[str, torch.Tensor], shares: Mapping[str, float] | None = None
) -> torch.optim.Optimizer:
    """Return torch's optimizer over the leaves, grouped by whether weight decay applies and by `share`, the factor of
    an array's learning rate (1 if `shares` does not name the array)."""
    kinds: dict[tuple[float, bool], list[torch.Tensor]] = {}
    for name, weight in weights.items():
        kinds.setdefault(((shares or {}).get(name, 1.0), decays(name, weight)), []).append(weight)
    groups = [
        {"params": kinds[share, decay], "weight_decay": config.weight_decay * decay, "share": share}
        for share, decay in sorted(kinds, reverse=True)
    ]
    rate = config.learning_rate
    if config.optimizer == "adamw":
        fused = config.device in ("cpu", "cuda")
        return torch.optim.AdamW(groups, lr=rate, betas=config.betas, fused=fused)
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=config.momentum)
    return torch.optim.RMSprop(groups, lr=rate, alpha=config.betas[1], momentum=config.momentum)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate; each group gets its share of `rate`."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("share", 1.0)


def learning_rate(config: TrainConfig, *, step: int, epoch: float, share: float, factor: float) -> float:
    """Return the learning rate of a step (counted from 0).

    `epoch` counts finished epochs, `share` is the spent part of the budget (0 .. 1), `factor` is the current factor
    of the `plateau` schedule.
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
    if config.schedule == "inverse-sqrt":  # Vaswani et al. 2017, 5.3, with the learning rate as its peak
        return rate * math.sqrt(max(config.warmup, 1) / (step + 1))
    return rate * factor
