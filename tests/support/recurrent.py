"""Small recurrent encoders and decoders of every sort, with every weight drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
from support.cells import OWN
from support.transformers import SIZES, cast

from seqcli.models import Sizes
from seqcli.models.seq2seq import Config, Model

SHARED = Sizes(17, 17, True)
VARIANTS: list[dict[str, Any]] = [
    {},
    {"attention": "dot", "bridge": "mean", "cell": "lstm", "layers": 2},
    {
        "attention": {"kind": "dot", "scaled": True},
        "input_feeding": True,
        "decoder_cell": "lstm",
        "decoder_layers": 2,
    },
    {"attention": "additive", "bridge": "zero", "bidirectional": False, "decoder_hidden": 6, "tied": "output"},
    {"attention": {"kind": "additive", "size": 5}, "input_feeding": True, "cell": "lstm", "tied": "all"},
    {"attention": {"kind": "multihead", "heads": 2}, "input_feeding": True, "layers": 2, "decoder_layers": 1},
    {"attention": "multihead", "decoder_hidden": 12, "decoder_cell": "rnn", "bidirectional": False, "bridge": "mean"},
    {"attention": "none", "bridge": "mean", "cell": "rnn", "decoder_cell": "lstm", "decoder_layers": 2},
    {"attention": "none", "input_feeding": True, "cell": "lstm", "bidirectional": False},
    {"copy_source": True, "bridge": "zero", "input_feeding": True},
]
OF_CELLS: list[dict[str, Any]] = [
    *({"cell": name, "layers": 2, "input_feeding": True} for name in OWN),
    {"cell": ["gru", {"kind": "local-attention", "window": 3}], "layers": 2},
    {"decoder_cell": {"kind": "local-attention", "window": 3}},
]  # not torch.nn's
INFERENCE = [*(VARIANTS[i] for i in (0, 1, 2, 4, 5, 7, 9)), *OF_CELLS]


def sizes_of(keys: dict[str, Any]) -> Sizes:
    return SHARED if keys.get("tied") == "all" else SIZES


def make(seed: int = 0, sizes: Sizes | None = None, **keys: Any) -> Model:
    """Small, in float32, every weight drawn: fresh biases are 0 and would hide mistakes."""
    config = Config(**{"embedding": 5, "hidden": 4, **keys})
    rng = np.random.default_rng(seed)
    fresh = Model.create(config, sizes or sizes_of(keys), rng)
    return cast(fresh, lambda a: a + rng.normal(0, 0.3, a.shape).astype(np.float32))
