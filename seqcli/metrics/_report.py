"""What a model that gives labels scores on some data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from seqcli.metrics import accuracy, calibration


@dataclass
class Report:
    """A score and what it was measured on."""

    metrics: dict[str, float]
    counts: dict[str, int]
    signature: str
    protocol: str  # what was scored one by one: sentences, texts
    labels: dict[str, Any] = field(default_factory=dict)  # per label: precision, recall, f1, support
    confusion: accuracy.Confusion | None = None
    reliability: list[calibration.Bin] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As JSON, without the tables."""
        return {**self.metrics, "counts": self.counts, "protocol": self.protocol, "signature": self.signature}
