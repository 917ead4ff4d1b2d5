"""What a model scores on some data: one report for every task."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from seqcli.metrics import Measures, accuracy, calibration


@dataclass
class Report:
    """A score and what it was measured on."""

    metrics: dict[str, float]
    counts: dict[str, int]
    signature: str  # what two numbers must share to stand in one table
    protocol: str  # how it was scored; of labels, what was scored one by one: sentences, texts
    labels: dict[str, Any] = field(default_factory=dict)  # per label: precision, recall, f1, support
    confusion: accuracy.Confusion | None = None
    reliability: list[calibration.Bin] = field(default_factory=list)
    steps: dict[str, list[float | None]] = field(default_factory=dict)  # figures of each step of a horizon
    unit: str = "token"  # what a figure per token is per
    wide: int = 9  # characters of a printed figure

    @classmethod
    def of(cls, measured: Measures, counts: Mapping[str, int], signature: str, protocol: str, **printed: Any) -> Self:
        """What metrics found: the table of the last that has one, the confusion and bins of the first. `printed` is
        `unit` and `wide`."""
        values: dict[str, float] = {}
        found = cls(values, dict(counts), signature, protocol, **printed)
        for metric in measured.metrics:
            found.counts |= metric.counted()
            found.signature = "\n".join([found.signature, *(f"{n}: {s}" for n, s in metric.signatures().items())])
            if own := metric.result():
                values |= own
                if (scores := metric.per_label()) is not None:
                    found.labels = {label: score._asdict() for label, score in scores.items()}
                found.confusion = found.confusion or metric.confusion()
                found.reliability = found.reliability or metric.reliability()
                found.steps |= metric.by_step()
        return found

    def to_dict(self) -> dict[str, Any]:
        """As JSON, without the tables; a number that JSON lacks (a perplexity beyond what a float holds) is null."""
        shown = {name: value if math.isfinite(value) else None for name, value in self.metrics.items()}
        return {**shown, "counts": self.counts, "protocol": self.protocol, "signature": self.signature}

    def to_json(self, wanted: Any = ()) -> dict[str, Any]:
        """As JSON: all of it with its tables, or the figures that are wanted."""
        if wanted:
            return {k: v for k, v in self.to_dict().items() if k in wanted or k not in self.metrics}
        if not self.labels:
            return {**self.to_dict(), **({"steps": self.steps} if self.steps else {})}
        tables: dict[str, Any] = {"labels": self.labels}
        if self.confusion is not None:
            counts = [[int(n) for n in row] for row in self.confusion.counts]
            tables["confusion"] = {"labels": list(self.confusion.labels), "counts": counts}
        return {**self.to_dict(), **tables, "reliability": [b._asdict() for b in self.reliability]}
