"""Cross-entropy: the mean negative log-likelihood of the correct answers.

L / tokens, with L the negative log-likelihood in nats; answers that the model cannot give are excluded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from seqcli.metrics import BaseMetric, Offer


@dataclass
class Metric(BaseMetric):
    """A sum of nats, and the number of tokens."""

    OFFERS: ClassVar = {"cross-entropy": Offer("nats per token", False, "L / tokens")}

    nll: float = 0.0
    tokens: int = 0

    def update(self, nats: float, tokens: int) -> None:
        """Add tokens with their total nats."""
        self.nll, self.tokens = self.nll + nats, self.tokens + tokens

    def result(self) -> dict[str, float]:
        """Return nats a token."""
        return {"cross-entropy": self.nll / self.tokens} if self.tokens else {}
