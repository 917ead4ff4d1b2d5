"""Joint scores of a model with several targets.

targets-mean is (1/n) Σ of each target's deciding figure: its accuracy, or F1 of spans. A unit (a token, a text) is
all right if every target of it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from seqcli.metrics import BaseMetric, Offer


@dataclass
class Metric(BaseMetric):
    """Counts of units, and of those with every target right; the targets' own figures are given in `decide`."""

    OFFERS: ClassVar = {
        "targets-mean": Offer("share", True, "mean of the targets' figures that decide"),
        "targets-all": Offer("share", True, "tokens, or texts, with every target right"),
    }

    decide: Mapping[str, float] = field(default_factory=dict)  # of each target
    right: int = 0
    units: int = 0

    def update(self, chosen: ArrayLike) -> None:
        """Add units: whether every target is right (N,)."""
        found = np.asarray(chosen, bool)
        self.right, self.units = self.right + int(found.sum()), self.units + found.size

    def result(self) -> dict[str, float]:
        """Return both metrics, if there is a unit."""
        if not self.units or not self.decide:
            return {}
        return {"targets-mean": float(np.mean([*self.decide.values()])), "targets-all": self.right / self.units}
