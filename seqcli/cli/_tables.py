"""What `seqcli eval` prints of a model that gives labels: figures, a table of labels, mistakes; or JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from seqcli import formats, metrics
from seqcli.errors import SeqcliError, UsageError
from seqcli.metrics.accuracy import Confusion
from seqcli.streams import Output

MISTAKES = 30  # pairs of labels that are listed


@dataclass(frozen=True)
class Scored:
    """A report, and what was scored with which model."""

    report: Any  # of tagging or of classification
    what: str
    model: str
    unit: str = "token"  # what is scored, one by one


def show(scored: Scored, wanted: Sequence[str], *, as_json: bool, confusion: bool) -> None:
    """Print all of a report, or the figures that are wanted. Raises SeqcliError for one that it does not have."""
    report, what = scored.report, scored.what
    if confusion and wanted:
        raise UsageError("--confusion shows all figures: leave --metric away")
    if confusion and report.confusion is None:
        raise UsageError("--confusion is for texts with one label each: this model gives several")
    out = Output()
    for name in wanted:
        if name not in report.metrics:
            known = ", ".join(report.metrics)
            raise SeqcliError(f"{name} cannot be measured on {what} with this model", hint=f"what can: {known}")
    if as_json:
        tables: dict[str, Any] = {"labels": report.labels}
        if report.confusion is not None and not wanted:
            tables["confusion"] = {
                "labels": list(report.confusion.labels),
                "counts": [[int(n) for n in row] for row in report.confusion.counts],
            }
        tables["reliability"] = [b._asdict() for b in report.reliability]
        record = {**report.to_dict(), **({} if wanted else tables), "text": what, "model": scored.model}
        left_out = report.metrics.keys() - set(wanted) if wanted else set()
        out.line(json.dumps({k: v for k, v in record.items() if k not in left_out}, ensure_ascii=False, indent=2))
    elif wanted:
        for name in wanted:
            out.line(f"{report.metrics[name]:.6g}")
    else:
        _tables(out, scored, confusion)
    out.flush()


def _tables(out: Output, scored: Scored, confusion: bool) -> None:
    report, offers = scored.report, metrics.offers()
    width = max(map(len, report.metrics))
    out.line(scored.what)
    for name, value in report.metrics.items():
        unit = offers[name].unit.replace("token", scored.unit)
        out.line(f"  {name:<{width}}  {value:>8.4f}  {unit}".rstrip())
    out.line("  " + ", ".join(f"{n:,} {name}" for name, n in report.counts.items()))
    rows = sorted(report.labels.items(), key=lambda item: (-item[1]["support"], item[0]))
    wide = max([len("label"), *(len(formats.one_line(label)) for label, _ in rows)])
    out.line(f"  {'label':<{wide}}  precision  recall      F1  support")
    for label, s in rows:
        figures = f"{s['precision']:>9.4f}  {s['recall']:>6.4f}  {s['f1']:>6.4f}  {s['support']:>7,}"
        out.line(f"  {formats.one_line(label):<{wide}}  {figures}")
    if confusion and report.confusion is not None:
        _matrix(out, report.confusion)
        _mistakes(out, report.confusion)
    out.line(report.signature)


def _matrix(out: Output, confusion: Confusion, most: int = 12) -> None:
    """The whole matrix, gold labels down, given ones across, where it fits into a terminal."""
    labels = [formats.one_line(label) for label in confusion.labels]
    if not labels or len(labels) > most:
        return
    short = [label[:8] for label in labels]
    wide, cell = max(map(len, labels)), max(5, *(len(s) for s in short), len(f"{int(confusion.counts.max()):,}"))
    out.line(f"  {'gold':<{wide}}  " + "  ".join(f"{s:>{cell}}" for s in short))
    for label, row in zip(labels, confusion.counts, strict=True):
        out.line(f"  {label:<{wide}}  " + "  ".join(f"{int(n):>{cell},}" for n in row))


def _mistakes(out: Output, confusion: Confusion) -> None:
    """The most frequent mistakes: gold label, what was given instead, how often."""
    labels, counts = confusion.labels, confusion.counts
    wrong = [
        (int(counts[g][p]), labels[g], labels[p])
        for g in range(len(labels))
        for p in range(len(labels))
        if g != p and counts[g][p]
    ]
    wrong.sort(key=lambda row: (-row[0], row[1], row[2]))
    out.line("  mistakes (gold -> given)")
    for n, gold, given in wrong[:MISTAKES]:
        out.line(f"  {n:>7,}  {formats.one_line(gold)} -> {formats.one_line(given)}")
    if len(wrong) > MISTAKES:
        out.line(f"  and {len(wrong) - MISTAKES:,} pairs more (--json has the whole matrix)")
