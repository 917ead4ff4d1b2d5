"""Real-gated linear recurrent unit (De et al. 2024, Griffin, 2.4): each unit forgets at its own rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from seqcli import ops
from seqcli.cells import BaseScan
from seqcli.layers.blank import Rng
from seqcli.ops import Array

SHARPNESS = 8.0  # c of the paper


@dataclass(frozen=True)
class Cell(BaseScan):
    """h_t = a_t h_{t-1} + sqrt(1 - a_t²) σ(i_t) v_t with a_t = exp(-c softplus(Λ) σ(r_t)); gates r, i, v.

    The paper's unit reads a sequence of H numbers; here that is v, a projection of the input.
    """

    decay: Array  # Λ (H,)

    gates = 3
    sigmoids: ClassVar = {"recurrence": 0, "input": 1}

    @classmethod
    def create(cls, input_size: int, hidden_size: int, rng: Rng) -> Cell:
        """Create as BaseCell does, with Λ such that a^c is between 0.9 and 0.999, as in the paper."""
        kept = rng.uniform(0.9, 0.999, (hidden_size,))
        decay = np.log(np.expm1(-np.log(np.clip(kept, 0.9, 0.999)) / SHARPNESS))
        return super().create(input_size, hidden_size, rng, decay=decay.astype(np.float32))

    def terms(self, px: Array) -> tuple[Array, Array]:
        r, i, v = ops.split(px, 3)  # (..., H) each
        rate = SHARPNESS * ops.softplus(ops.like(self.decay, px)) * ops.sigmoid(r)
        return ops.exp(-rate), ops.sqrt(-ops.expm1(-2 * rate)) * ops.sigmoid(i) * v
