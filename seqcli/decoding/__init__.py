"""Decoding: from a model's scores to text. Everything here knows a model only as a Stepper.

A Stepper has `start(prompt) -> (memory, state)` and `step(ids, memory, state) -> (logits, state)`: memory belongs to
the source and is never copied; state belongs to a hypothesis, batch-first, so that a beam reorder is one index.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np


class Stepper(Protocol):
    """What sampling and beam search ask of a model."""

    def start(self, prompt: np.ndarray) -> tuple[Any, Any]:
        """Read a prompt (T,) once."""
        ...

    def step(self, ids: np.ndarray, memory: Any, state: Any) -> tuple[np.ndarray, Any]:
        """Feed ids (B,): logits (B, V) of what follows, and the next state."""
        ...
