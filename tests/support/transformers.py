"""Small transformers with every weight drawn, and pairs to give them."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqcli import layers
from seqcli.models import Sizes
from seqcli.models.transformer import Config, Model

SIZES = Sizes(13, 17, False)
BOS, EOS = SIZES.target - 2, SIZES.target - 1
VARIANTS: list[dict[str, Any]] = [
    {},
    {"norm": "post", "activation": "gelu", "decoder_layers": 1},
    {"positions": "learned", "longest": 9, "copy_source": True, "tied": "output", "heads": 1},
]


def make(seed: int = 0, sizes: Sizes = SIZES, **keys: Any) -> Model:
    """Small, in float32, every weight drawn: fresh biases are 0 and would hide mistakes."""
    config = Config(**{"size": 8, "heads": 2, "feedforward": 12, "layers": 2, "dropout": 0.0, **keys})
    rng = np.random.default_rng(seed)
    return cast(Model.create(config, sizes, rng), lambda a: a + rng.normal(0, 0.3, a.shape).astype(np.float32))


def cast(layer: Any, change: Any) -> Any:
    return layers.replace(layer, {n: change(a) for n, a in layers.arrays(layer).items()})


def double(model: Model) -> Model:
    import torch

    return cast(model, lambda a: torch.from_numpy(a.astype(np.float64)))


def some(seed: int, count: int, longest: int = 40) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Sources and targets, each with its EOS; of several lengths, 1 among them."""
    rng = np.random.default_rng(seed)
    sources = [np.append(rng.integers(0, 11, n), 12) for n in rng.integers(0, longest, count)]
    targets = [np.append(rng.integers(0, 15, n), EOS) for n in rng.integers(0, longest, count)]
    return sources, targets


def batch_of(
    sources: list[np.ndarray], targets: list[np.ndarray], extra: int = 0, sizes: Sizes = SIZES
) -> dict[str, Any]:
    """What training reads, padded by `extra` more than it needs; what stands in the padding is arbitrary."""
    import torch

    rng, B = np.random.default_rng(len(sources)), len(sources)
    S, T = (max(map(len, x)) + extra for x in (sources, targets))
    batch = {
        "source": rng.integers(0, sizes.source, (B, S)),
        "inputs": rng.integers(0, sizes.target, (B, T)),
        "copies": np.full((B, S), -1),
        "source_lengths": np.array([len(s) for s in sources]),
    }
    for b, (source, target) in enumerate(zip(sources, targets, strict=True)):
        batch["source"][b, : len(source)] = batch["copies"][b, : len(source)] = source
        batch["inputs"][b, : len(target)] = np.append(sizes.target - 2, target[:-1])
    batch["places"] = np.concatenate([b * T + np.arange(len(t)) for b, t in enumerate(targets)])
    batch["gold"] = np.concatenate(targets)
    tensors = {name: torch.from_numpy(a.astype(np.int64)) for name, a in batch.items()}
    return {
        **tensors,
        "weights": torch.ones(len(batch["gold"])).double(),
        "total": len(batch["gold"]),
        "sampling": 0.0,
    }
