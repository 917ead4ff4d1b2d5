"""Residual blocks around a stack's cells: the input stays on a residual path, which each layer adds to.

x ← x + W_o (cells(norm x) · silu(W_g norm x + b_g)), then x ← x + W_2 (silu(a) · b) with [a; b] = W_1 norm x: a gate
beside the recurrence and a gated feed-forward net after it, as linear recurrences need (De et al. 2024, 2; Gu & Dao
2023, 3.4; SwiGLU: Shazeer 2020). The block can hold any cell, in one direction or in both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from seqcli import ops
from seqcli.layers.blank import Rng, matrix
from seqcli.layers.norm import Norm
from seqcli.ops import Array

WIDER = 2  # units of the feed-forward net for each unit of the path

Linear = Callable[[Array, Array], Array]  # x (..., I) and a weight (O, I) -> (..., O)


@dataclass(frozen=True)
class Block:
    """The residual block around a layer of cells: H units of the path, D of the cells, F of the feed-forward net."""

    norm: Norm  # (H,)
    gate_weight: Array  # (D, H)
    gate_bias: Array  # (D,)
    weight_out: Array  # (H, D)
    feedforward_norm: Norm  # (H,)
    feedforward_in: Array  # (2 F, H)
    feedforward_out: Array  # (H, F)

    @classmethod
    def create(cls, size: int, cells: int, rng: Rng) -> Block:
        """Return fresh weights."""
        wide = WIDER * size
        return cls(
            norm=Norm.create(size),
            gate_weight=matrix(cells, size, rng),
            gate_bias=np.zeros(cells, np.float32),
            weight_out=matrix(size, cells, rng),
            feedforward_norm=Norm.create(size),
            feedforward_in=matrix(2 * wide, size, rng),
            feedforward_out=matrix(size, wide, rng),
        )

    def leave(
        self, x: Array, read: Array, y: Array, drop: Callable[[Array], Array], linear: Linear = ops.linear
    ) -> Array:
        """Return the path after the layer, (..., H), from the path before it x (..., H), its norm `read` and the
        outputs of the cells y (..., D)."""
        gate = ops.silu(linear(read, self.gate_weight) + self.gate_bias)
        x = x + drop(linear(y * gate, self.weight_out))
        a, b = ops.split(linear(self.feedforward_norm(x), self.feedforward_in), 2)
        return x + drop(linear(ops.silu(a) * b, self.feedforward_out))


@dataclass(frozen=True)
class Frame:
    """Everything around a stack's cells: a projection into the path, a block a layer, and a norm after the last."""

    weight: Array  # (H, I)
    bias: Array  # (H,)
    blocks: tuple[Block, ...]
    norm: Norm  # (H,)

    @classmethod
    def create(cls, inputs: int, size: int, cells: int, layers: int, rng: Rng) -> Frame:
        """Return fresh weights, for cells with `cells` outputs a layer."""
        return cls(
            weight=matrix(size, inputs, rng),
            bias=np.zeros(size, np.float32),
            blocks=tuple(Block.create(size, cells, rng) for _ in range(layers)),
            norm=Norm.create(size),
        )
