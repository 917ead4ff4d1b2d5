"""The two ends of a language model trained by gradients: a table of its symbols, and a softmax over the next one."""

from __future__ import annotations

import numpy as np

from seqcli import ops
from seqcli.models._base import Trained
from seqcli.ops import Array


class PredictsSymbols(Trained):
    """softmax(W h + b) over V symbols, of what the model's `hidden` gives: h (..., H)."""

    embedding: Array  # (V, E)
    output_weight: Array | None  # (V, H); None: tied to the embedding
    output_bias: Array  # (V,)

    @property
    def vocabulary_size(self) -> int:
        return len(self.embedding)

    @property
    def output(self) -> Array:
        """The weight of the softmax (V, H)."""
        return self.embedding if self.output_weight is None else self.output_weight

    def logits(self, h: Array) -> Array:
        """Scores of every next token: (..., H) -> (..., V)."""
        return ops.linear(h, self.output, self.output_bias)

    def nats(self, h: Array, targets: Array) -> Array:
        """-log p of the targets (A, B), each after its h (A, B, H) -> (A·B,) float32."""
        flat = h.reshape(-1, h.shape[-1])
        return ops.linear_cross_entropy(flat, self.output, self.output_bias, targets.reshape(-1))

    def logprobs(self, h: Array, targets: np.ndarray) -> np.ndarray:
        """The same for scoring, as log p: targets in NumPy (A, B) -> (A, B)."""
        found = self.nats(h, ops.integers(np.ascontiguousarray(targets), self.embedding))
        return -ops.to_numpy(found).reshape(targets.shape)
