"""The report of a model's scores on some data, the same for every task."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from seqcli.metrics import Found, Measures, accuracy, calibration


@dataclass
class Report:
    """Scores and what they were measured on."""

    metrics: dict[str, float]
    counts: dict[str, int]
    signature: str  # what two numbers must share to be comparable
    protocol: str  # how it was scored; for labels, the unit that was scored: sentences, texts
    labels: dict[str, Any] = field(default_factory=dict)  # per label: precision, recall, f1, support
    confusion: accuracy.Confusion | None = None
    reliability: list[calibration.Bin] = field(default_factory=list)
    steps: dict[str, list[float | None]] = field(default_factory=dict)  # figures of each step of a horizon
    unit: str = "token"  # the unit of a figure per token
    wide: int = 9  # characters of a printed figure
    targets: dict[str, Report] = field(default_factory=dict)  # of each target, if a model has several

    @classmethod
    def of(cls, measured: Measures, counts: Mapping[str, int], signature: str, protocol: str, **printed: Any) -> Self:
        """Make a report from metrics, with the table of the last that has one, and the confusion and bins of the
        first. `printed` is `unit` and `wide`."""
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
        """Return it for JSON, without tables; a number that JSON lacks (a perplexity beyond float64) is null."""
        shown = {name: value if math.isfinite(value) else None for name, value in self.metrics.items()}
        own = {"targets": {name: report.to_dict() for name, report in self.targets.items()}} if self.targets else {}
        return {**shown, "counts": self.counts, "protocol": self.protocol, "signature": self.signature, **own}

    def to_json(self, wanted: Any = ()) -> dict[str, Any]:
        """Return it for JSON: all of it with its tables, or only the wanted figures."""
        if wanted:
            left_out = {*self.metrics, "targets"} - {*wanted}
            return {k: v for k, v in self.to_dict().items() if k not in left_out}
        if self.targets:
            return {**self.to_dict(), "targets": {name: report.to_json() for name, report in self.targets.items()}}
        if not self.labels:
            return {**self.to_dict(), **({"steps": self.steps} if self.steps else {})}
        tables: dict[str, Any] = {"labels": self.labels}
        if self.confusion is not None:
            counts = [[int(n) for n in row] for row in self.confusion.counts]
            tables["confusion"] = {"labels": list(self.confusion.labels), "counts": counts}
        return {**self.to_dict(), **tables, "reliability": [b._asdict() for b in self.reliability]}


def of_targets(targets: Mapping[str, Report], decide: Mapping[str, str], right: Any, signature: str) -> Report:
    """Return the report of several targets: theirs, the mean of the figures that `decide`, and the share of units
    with all targets `right` (N,) bool. If each has a cross-entropy, the report has their sum."""
    figures = {name: report.metrics.get(decide[name], 0.0) for name, report in targets.items()}
    measured = Measures(["targets"], decide=figures)
    measured.update(Found(chosen=right))
    first = next(iter(targets.values()))
    found = Report.of(measured, first.counts, signature, first.protocol, unit=first.unit, wide=first.wide)
    nats = [report.metrics.get("cross-entropy") for report in targets.values()]
    if (known := [n for n in nats if n is not None]) and len(known) == len(nats):
        found.metrics["cross-entropy"] = sum(known)
    found.counts = {k: v for k, v in found.counts.items() if all(r.counts.get(k) == v for r in targets.values())}
    found.targets = dict(targets)
    return found
