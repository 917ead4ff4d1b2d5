"""Decoding: from a model's scores to text. All code here knows a model only as a Stepper or a Seq2Seq.

A Stepper has `start(prompt) -> (memory, state)` and `step(ids, memory, state) -> (logits, state)`: memory belongs to
the source and is never copied; state belongs to a hypothesis, batch-first, so that reordering a beam is one indexing
operation. A Seq2Seq is the same for many sources at once, each with several hypotheses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np


class Stepper(Protocol):
    """The protocol that sampling needs of a model of one stream."""

    def start(self, prompt: np.ndarray, state: Any = None) -> tuple[Any, Any]:
        """Read a prompt (T,) once, from the beginning or from a state of batch 1; return memory and state."""
        ...

    def step(self, ids: np.ndarray, memory: Any, state: Any) -> tuple[np.ndarray, Any]:
        """Feed ids (B,); return logits (B, V) of what follows, and the next state."""
        ...


class Seq2Seq(Protocol):
    """The protocol that beam search needs of a model of targets given sources: B sources, K hypotheses of each, V
    target symbols.

    A row's result depends, to the last bit, on no other row and on no padding.
    """

    def start(self, sources: Sequence[np.ndarray]) -> tuple[Any, Any]:
        """Read sources, each (S,), once; return memory and state, nested tuples of batch-first arrays with B rows."""
        ...

    def step(self, ids: np.ndarray, memory: Any, state: Any) -> tuple[np.ndarray, Any, np.ndarray | None]:
        """Feed ids (B·K,), hypothesis k of source b in row b·K + k; K is their number divided by the rows of memory.

        Return normalised log-probabilities (B·K, V) of what follows, float32, in an array that the caller may
        overwrite; the next state, B·K rows; and the attention (B·K, S) to the source in this step, or None.
        """
        ...
