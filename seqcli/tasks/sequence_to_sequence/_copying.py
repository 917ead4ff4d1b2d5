"""Adapt a copying model to the decoder's interface: it is told which symbols the sources offer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


class Copying:
    """A copying model, bound to the symbols that some sources offer."""

    def __init__(self, model: Any, copies: Sequence[np.ndarray], unknown: int):
        self._model, self.copies, self._unknown = model, copies, unknown

    def start(self, sources: Sequence[np.ndarray]) -> tuple[Any, Any]:
        """Start the model, which is told what can be copied."""
        return self._model.start(sources, self.copies, self._unknown)

    def step(self, ids: np.ndarray, memory: Any, state: Any) -> tuple[np.ndarray, Any, np.ndarray | None]:
        """Step the model."""
        return self._model.step(ids, memory, state)
