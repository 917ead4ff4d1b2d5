"""Dropout between the layers of a model, in every task."""

from __future__ import annotations

from typing import Any

from seqcli.layers.dropout import drop
from seqcli.ops import Array


class Drops:
    """A model with a rate of dropout."""

    dropout: float
    variational: bool  # one mask for all time steps

    def drop(self, x: Array, rng: Any) -> Array:
        """Dropout of x (T, B, ·) by the generator; without one nothing is dropped."""
        return drop(x, self.dropout, rng, (1, *x.shape[1:]) if self.variational else None)
