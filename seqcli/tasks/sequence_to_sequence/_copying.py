"""A model that copies, as decoding asks for it: told what the sources show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


class Copying:
    """A copying model, bound to what some sources show."""

    def __init__(self, model: Any, copies: Sequence[np.ndarray], unknown: int):
        self._model, self.copies, self._unknown = model, copies, unknown

    def start(self, sources: Sequence[np.ndarray]) -> tuple[Any, Any]:
        """As the model's, which is told what can be copied."""
        return self._model.start(sources, self.copies, self._unknown)

    def step(self, ids: np.ndarray, memory: Any, state: Any) -> tuple[np.ndarray, Any, np.ndarray | None]:
        """As the model's."""
        return self._model.step(ids, memory, state)
