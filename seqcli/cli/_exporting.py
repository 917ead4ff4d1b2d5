"""The work of `seqcli export`, and what it prints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from seqcli import console, metrics
from seqcli.artifact import Artifact
from seqcli.export import graphs as _graphs
from seqcli.export import page as _page
from seqcli.export import smaller as _smaller
from seqcli.export.graphs import SKEWED, Options
from seqcli.export.smaller import Scores
from seqcli.streams import Output


def smaller(stored: Artifact, kind: str, path: Path, *, scored: bool) -> None:
    """Write a model with its matrices in lower precision, and print the scores before and after."""
    scores = _smaller.write(stored, kind, path, scored=scored)
    sizes(stored.path, path)
    table(scores, ("float32", kind))


def graphs(stored: Artifact, path: Path, options: Options) -> None:
    """Write a model as ONNX, and print its scores in onnxruntime."""
    if options.dynamic:
        console.warn(SKEWED)
    files, scores = _graphs.write(stored, path, options)
    for file in files:
        sizes(stored.path, file)
    table(scores, ("NumPy", "ONNX"))


def page(stored: Artifact, path: Path, options: Options) -> None:
    """Write a model as a page, and print the scores with rounded weights."""
    scores = _page.write(stored, path, options)
    sizes(stored.path, path)
    table(scores, ("float32", str(options.precision)))


def sizes(before: Path, after: Path) -> None:
    """Print the size of a model file before and after, in bytes."""
    out, sizes = Output(), [p.stat().st_size for p in (before, after)]
    out.line(f"{after}: {sizes[1]:,} bytes; {before} has {sizes[0]:,}")
    out.flush()


def table(scores: Scores, names: Sequence[str]) -> None:
    """Print a model's scores before and after, one line a metric."""
    out, offers = Output(), metrics.offers()
    if not scores.before:
        console.warn("not scored: it is not known whether its answers are as good")
    for split, before in scores.before.items():
        after, width = scores.after[split].metrics, max(map(len, before.metrics))
        out.line(f"{split:<{width + 2}}  {names[0]:>9}  {names[1]:>9}")
        for name, value in before.metrics.items():
            unit = offers[name].unit.replace("token", before.unit)
            out.line(f"  {name:<{width}}  {value:>9.4f}  {after[name]:>9.4f}  {unit}".rstrip())
        out.line(before.signature)
    out.flush()
