"""Selective prediction, answering only when confident: risk against coverage (El-Yaniv & Wiener 2010; Geifman &
El-Yaniv 2017).

With answers ordered by decreasing confidence, the risk at coverage c is the share of wrong ones among the first share
c of them; answers with equal confidence count as their mean.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from seqcli.metrics import BaseMetric, Offer

COVERAGE = 0.8


@dataclass
class Metric(BaseMetric):
    """Confidences of predictions, and whether they were right; of labels or of events, as in `calibration`."""

    OFFERS: ClassVar = {
        "risk-coverage-area": Offer("share", False, "mean risk over all coverages: the share wrong among the surest"),
        "risk-at-80": Offer("share", False, "the share wrong among the 80 % of the answers that are the surest"),
    }

    _parts: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)

    def update(self, probabilities: ArrayLike, truth: ArrayLike, chosen: ArrayLike | None = None) -> None:
        """Add predictions: probabilities (N, K), gold labels (N,), and predicted ones if they are not the most
        probable; or events: probabilities (N,), and whether each occurred."""
        p, g = np.asarray(probabilities, np.float64), np.asarray(truth)
        if p.shape == g.shape:
            self._parts.append((p.ravel(), g.ravel().astype(bool)))
        elif len(g):
            best = p.argmax(1) if chosen is None else np.asarray(chosen, np.int64)
            self._parts.append((p[np.arange(len(g)), best], best == g))

    def curve(self) -> np.ndarray:
        """Return the risk (N,) among the most confident 1, 2 … N answers."""
        sure = np.concatenate([np.zeros(0), *(p for p, _ in self._parts)])
        wrong = ~np.concatenate([np.zeros(0, bool), *(right for _, right in self._parts)])
        order = np.argsort(-sure, kind="stable")
        _, group, sizes = np.unique(-sure[order], return_inverse=True, return_counts=True)
        mean = np.bincount(group, wrong[order], len(sizes)) / np.maximum(sizes, 1)
        return mean[group].cumsum() / np.arange(1, len(sure) + 1)

    def result(self) -> dict[str, float]:
        """Return both metrics, if anything was predicted."""
        risk = self.curve()
        if not len(risk):
            return {}
        at = max(round(COVERAGE * len(risk)), 1) - 1
        return {"risk-coverage-area": float(risk.mean()), "risk-at-80": float(risk[at])}
