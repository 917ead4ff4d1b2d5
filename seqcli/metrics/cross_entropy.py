"""Cross-entropy: how much what is right surprises a model.

L / tokens, with L the negative log-likelihood in nats of what is right; what the model cannot give is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from seqcli.metrics import BaseMetric, Offer


@dataclass
class Metric(BaseMetric):
    """Nats and what they are of."""

    OFFERS: ClassVar = {"cross-entropy": Offer("nats per token", False, "L / tokens")}

    nll: float = 0.0
    tokens: int = 0

    def update(self, nats: float, tokens: int) -> None:
        """Add tokens, and their nats together."""
        self.nll, self.tokens = self.nll + nats, self.tokens + tokens

    def result(self) -> dict[str, float]:
        """Nats a token."""
        return {"cross-entropy": self.nll / self.tokens} if self.tokens else {}
