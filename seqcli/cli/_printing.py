"""Print the report of `seqcli eval` for any model: figures, for labels also their table and mistakes; or JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence

from seqcli import console, metrics
from seqcli.errors import SeqcliError, UsageError
from seqcli.metrics.accuracy import Confusion
from seqcli.records import one_line
from seqcli.report import Report
from seqcli.streams import Output

STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500)  # the steps of a horizon that are shown, besides its last
MISTAKES = 30  # the most pairs of labels that are listed
ROWS = 100  # the most labels in the table: lemmas can have thousands


def show(
    report: Report, what: str, model: str, wanted: Sequence[str], *, as_json: bool, confusion: bool = False
) -> None:
    """Print a report on `what`, or only the wanted figures. Raises SeqcliError for a figure that it lacks."""
    if confusion and wanted:
        raise UsageError("--confusion shows all figures: leave out --metric")
    if confusion and report.targets:
        hint = f"{_flag(report)} {next(iter(report.targets))} scores one target alone"
        raise UsageError("--confusion is for a single target", hint=hint)
    if confusion and report.confusion is None:
        raise UsageError("--confusion is for texts with one label each: this model gives several")
    for name in wanted:
        if name not in report.metrics:
            hint = f"available: {', '.join(report.metrics)}; -m NAME scores another model"
            if owner := next((n for n, own in report.targets.items() if name in own.metrics), None):
                hint = f"{_flag(report)} {owner} scores one target alone\n{hint}"
            raise SeqcliError(f"{name} cannot be measured on {what} with this model", hint=hint)
    out = Output()
    if as_json:
        record = {**report.to_json(wanted), "text": what, "model": model}
        out.line(json.dumps(record, ensure_ascii=False, indent=2))
    elif wanted:
        named = len(wanted) > 1 and console.width() is not None  # bare numbers for a script
        width = max(map(len, wanted)) if named else 0
        for name in wanted:
            out.line(f"{f'{name:<{width}}  ' if width else ''}{report.metrics[name]:.6g}")
    else:
        _figures(out, report, what)
        if report.steps:
            _steps(out, report.steps)
        if report.labels:
            _labels(out, report)
        if confusion and report.confusion is not None:
            _matrix(out, report.confusion)
            _mistakes(out, report.confusion)
        out.line(report.signature)
    out.flush()


def _flag(report: Report) -> str:
    """Return the flag that selects one of several targets."""
    return "--label" if report.unit == "text" else "--tag"


def _figures(out: Output, report: Report, what: str) -> None:
    offers, width = metrics.offers(), max(map(len, report.metrics))
    out.line(what if report.labels else f"{what}, {report.protocol}")
    for name, value in report.metrics.items():
        unit = offers[name].unit.replace("token", report.unit)
        out.line(f"  {name:<{width}}  {value:>{report.wide}.4f}  {unit}".rstrip())
    out.line("  " + ", ".join(f"{n:,} {name}" for name, n in report.counts.items()))
    if report.targets:
        _targets(out, report)


def _targets(out: Output, report: Report) -> None:
    """Print a column for each target."""
    each = report.targets.values()
    names = list(dict.fromkeys(name for own in each for name in own.metrics))
    width, wide = max(map(len, names)), max(8, *map(len, report.targets))
    out.line(f"  {'':<{width}}  " + "  ".join(f"{name:>{wide}}" for name in report.targets))
    for name in names:
        cells = (f"{own.metrics[name]:.4f}" if name in own.metrics else "" for own in each)
        out.line(f"  {name:<{width}}  " + "  ".join(f"{cell:>{wide}}" for cell in cells).rstrip())


def _steps(out: Output, steps: Mapping[str, Sequence[float | None]]) -> None:
    """Print the figures of some steps."""
    last = len(next(iter(steps.values())))
    out.line("  step" + "".join(f"  {name:>13}" for name in steps))
    for step in sorted({s for s in STEPS if s < last} | {last}):
        out.line(
            f"  {step:>4}"
            + "".join(f"  {math.inf if (x := figures[step - 1]) is None else x:>13.4g}" for figures in steps.values())
        )


def _labels(out: Output, report: Report) -> None:
    rows = sorted(report.labels.items(), key=lambda item: (-item[1]["support"], item[0]))
    wide = max([len("label"), *(len(one_line(label)) for label, _ in rows[:ROWS])])
    out.line(f"  {'label':<{wide}}  precision  recall      F1  support")
    for label, s in rows[:ROWS]:
        figures = f"{s['precision']:>9.4f}  {s['recall']:>6.4f}  {s['f1']:>6.4f}  {s['support']:>7,}"
        out.line(f"  {one_line(label):<{wide}}  {figures}")
    if len(rows) > ROWS:
        out.line(f"  and {len(rows) - ROWS:,} rarer labels (--json lists them)")


def _matrix(out: Output, confusion: Confusion, most: int = 12) -> None:
    """Print the whole matrix, gold labels down, predicted ones across, if it fits in a terminal."""
    labels = [one_line(label) for label in confusion.labels]
    if not labels or len(labels) > most:
        return
    short = [label[:8] for label in labels]
    wide, cell = max(map(len, labels)), max(5, *(len(s) for s in short), len(f"{int(confusion.counts.max()):,}"))
    out.line(f"  {'gold':<{wide}}  " + "  ".join(f"{s:>{cell}}" for s in short))
    for label, row in zip(labels, confusion.counts, strict=True):
        out.line(f"  {label:<{wide}}  " + "  ".join(f"{int(n):>{cell},}" for n in row))


def _mistakes(out: Output, confusion: Confusion) -> None:
    """Print the most frequent mistakes: how often, gold label, predicted label."""
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
        out.line(f"  {n:>7,}  {one_line(gold)} -> {one_line(given)}")
    if len(wrong) > MISTAKES:
        out.line(f"  and {len(wrong) - MISTAKES:,} more pairs (--json has the whole matrix)")
