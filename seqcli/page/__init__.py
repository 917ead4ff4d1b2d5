"""The report of one or several runs: one HTML file, made from the runs' logs and their kept answers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from seqcli import __version__, console, predictor, registry
from seqcli.artifact import Artifact, replacing
from seqcli.errors import SeqcliError
from seqcli.facts import cell_name, facts
from seqcli.insight.shown import Coloured, Shown
from seqcli.metrics import offers, selective
from seqcli.page import svg
from seqcli.scoring import own_split
from seqcli.training.report import overfit

LABELS, MARKS, POINTS = 16, 9, 100  # labels of a confusion matrix; shades of a colour; points of a curve
LOGGED = ("step", "epoch", "seconds", "train_loss", "valid_loss", "gradient_norm", "learning_rate", "tokens",
          "tokens_per_second", "best")  # fmt: skip


@dataclass
class Seen:
    """A run in a report: its model file, its log, and its answers if its data can be read."""

    name: str
    stored: Artifact
    log: list[dict[str, Any]]
    split: str = ""
    report: dict[str, Any] | None = None  # for JSON, with its tables
    shown: Shown = field(default_factory=Shown)

    @property
    def header(self) -> Mapping[str, Any]:
        return self.stored.header


def see(stored: Artifact, split: str) -> Seen:
    """Return a run with its log and its answers on a split of its own data, which are kept beside it for the next
    report."""
    folder = stored.path.parent
    seen = Seen(stored.name, stored, list(_logged(folder / "metrics.jsonl")))
    kept = folder / f"answers-{split}.json"
    mark = {"checksum": stored.header.get("checksum"), "version": __version__}
    try:
        before = json.loads(kept.read_text())
        if {key: before.get(key) for key in mark} == mark:
            seen.split, seen.report, seen.shown = before["split"], before["report"], Shown.of(before["shown"])
            return seen
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    own = predictor.load(stored)
    try:
        seen.split, records = own_split(own, split)
    except SeqcliError as error:  # the rest of the report needs no data
        console.warn(f"{stored.path}: no answers in the report: {error.message}; --split chooses others")
        return seen
    report, seen.shown = registry.load(f"tasks/{own.task}", "page").shown(own, records)
    if report is not None:
        bins = [b._asdict() for b in report.reliability]
        seen.report = {**report.to_json(), "reliability": bins, "unit": report.unit}
    try:
        with replacing(kept) as file:
            content = {**mark, "split": seen.split, "report": seen.report, "shown": seen.shown.to_dict()}
            file.write(json.dumps(content, ensure_ascii=False).encode())
    except (OSError, SeqcliError) as error:
        console.warn(f"the answers are not kept for the next report: {error}")
    return seen


def _logged(path: Path) -> Iterator[dict[str, Any]]:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return
    for number, line in enumerate(lines, 1):
        try:
            yield json.loads(line)
        except ValueError:
            raise SeqcliError(f"{path}:{number}: not a record of a run", hint="was the file edited?") from None


def require_jinja() -> None:
    """Raise SeqcliError if jinja2 is missing."""
    try:
        import jinja2  # noqa: F401
    except ImportError:
        raise SeqcliError("the report needs jinja2", hint="pip install 'seqcli[report]'") from None


def page(runs: Sequence[Seen]) -> str:
    """Return the page as HTML."""
    import jinja2

    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["pieces"] = pieces
    return environment.get_template("page.html").render(
        title="seqcli report: " + ", ".join(run.name for run in runs),
        version=__version__,
        runs=[{"name": run.name, "colour": i, **_parts(run)} for i, run in enumerate(runs)],
        overview=overview(runs),
        differences=differences(runs),
        charts=charts(runs),
        marks=range(1, MARKS + 1),
    )


def overview(runs: Sequence[Seen]) -> list[dict[str, Any]]:
    """Return a row for each run: its model, scores, baseline, duration, and whether it overfitted."""
    rows = []
    for run in runs:
        scores, last = run.header.get("scores", {}), (run.log or [{}])[-1]
        baseline = scores.get("baseline", {})
        metric = baseline.get("metric") or next(iter(scores.get("valid", {})), None)
        model = run.header["model"]
        cell = cell_name(model.get("cell") or "")
        rows.append(
            {
                "name": run.name,
                "task": run.header["task"],
                "model": f"{model['kind']}{', ' * bool(cell)}{cell}",
                "parameters": run.stored.parameters,
                "metric": metric or "",
                "valid": scores.get("valid", {}).get(metric),
                "test": scores.get("test", {}).get(metric),
                "baseline": baseline.get(metric),
                "baseline_kind": baseline.get("kind", ""),
                "margin": baseline.get("margin"),
                "took": console.duration(last["seconds"]) if "seconds" in last else "",
                "speed": console.count(last["tokens"] / last["seconds"]) if last.get("seconds") else "",
                "overfit": overfit(run.log, f"the model of step {scores.get('step', 0):,}") or "",
            }
        )
    return rows


def flat(value: Any, key: str = "") -> dict[str, Any]:
    """Return a nested mapping as one with dotted keys."""
    if not isinstance(value, Mapping) or not value:
        return {key: value}
    return {k: v for name, part in value.items() for k, v in flat(part, f"{key}.{name}" if key else name).items()}


def differences(runs: Sequence[Seen]) -> list[tuple[str, list[Any]]]:
    """Return the recipe keys in which runs differ, with the value of each run."""
    recipes = [flat(run.header.get("recipe", {})) for run in runs]
    keys = dict.fromkeys(key for recipe in recipes for key in recipe)
    rows = [(key, [recipe.get(key) for recipe in recipes]) for key in keys]
    return [(key, values) for key, values in rows if any(v != values[0] for v in values)]


def charts(runs: Sequence[Seen]) -> list[tuple[str, str]]:
    """Return (title, SVG) for the curves that runs logged in training."""

    def of(key: str, *, dashed: bool = False, ring: bool = False) -> list[svg.Line]:
        lines = []
        for colour, run in enumerate(runs):
            points = [(r["tokens"], r[key]) for r in run.log if r.get(key) is not None and "tokens" in r]
            best = min(points, key=lambda p: p[1]) if ring and points and overfit(run.log) else None
            lines.append(svg.Line(points, colour % 8, f"{run.name}: {key}", dashed, best))
        return lines

    across = "tokens trained on"
    loss = [*of("valid_loss", ring=True), *of("train_loss", dashed=True)]
    watched = sorted({key for run in runs for record in run.log for key in record} - set(LOGGED))
    drawn = [
        (
            "Loss, nats: validation (line), training (dashes); a ring where overfitting began",
            svg.curves(loss, across, "nats"),
        ),
        *((f"{name} on the validation split", svg.curves(of(name), across, name)) for name in watched),
        ("Learning rate", svg.curves(of("learning_rate"), across, "learning rate")),
        ("Norm of the gradient", svg.curves(of("gradient_norm"), across, "norm", logarithmic=True)),
        ("Throughput, tokens a second", svg.curves(of("tokens_per_second"), across, "tokens a second")),
    ]
    return [(said, picture) for said, picture in drawn if picture]


def _parts(run: Seen) -> dict[str, Any]:
    """Return the parts of the page about one run alone."""
    import yaml

    report, units = run.report or {}, offers()
    recipe = yaml.safe_dump(run.header.get("recipe", {}), sort_keys=False, allow_unicode=True)
    labels = sorted(report.get("labels", {}).items(), key=lambda item: (-item[1]["support"], item[0]))
    return {
        "split": run.split,
        "facts": facts(dict(run.header), run.stored.parameters, run.stored.path.stat().st_size),
        "recipe": recipe,
        "figures": [
            (n, v, *(said.replace("token", report["unit"]) for said in (units[n].unit, units[n].meaning)))
            for n, v in report.items()
            if n in units and v is not None
        ],
        "signature": report.get("signature", ""),
        "labels": labels,
        "confusion": confusion(report),
        "reliability": svg.reliability(report.get("reliability", [])),
        "risk": risk(run.shown.judged),
        "shown": run.shown,
        "alignments": [svg.heat(*aligned) for aligned in run.shown.alignments],
    }


def confusion(report: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the matrix of the most frequent labels: rows of (gold label, [(count, shade from 0 to MARKS, whether on
    the diagonal)])."""
    found = report.get("confusion")
    if not found or len(found["labels"]) < 2:
        return None
    counts = np.array(found["counts"])
    chosen = np.argsort(-(counts.sum(0) + counts.sum(1)), kind="stable")[:LABELS]
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    rows = [
        (found["labels"][g], [(int(counts[g, p]), round(MARKS * shares[g, p]), g == p) for p in chosen])
        for g in chosen
    ]
    return {"labels": [found["labels"][p] for p in chosen], "rows": rows, "left_out": len(counts) - len(chosen)}


def risk(judged: Sequence[tuple[float, bool]]) -> str:
    """Return the risk-coverage curve: the share of wrong answers among the most confident ones, by the share of
    answers that these are."""
    if not judged:
        return ""
    measured = selective.Metric()
    measured.update(*map(np.array, zip(*judged, strict=True)))
    curve = measured.curve()
    places = np.unique(np.linspace(0, len(curve) - 1, POINTS).astype(int))
    points = [((i + 1) / len(curve), float(curve[i])) for i in places.tolist()]
    return svg.curves([svg.Line(points, 0, "risk")], "share of texts answered", "share of answers wrong")


def pieces(seen: Coloured) -> Iterator[tuple[str, str]]:
    """Yield (class, text) of a coloured text: w1 to w9 for weights up to 1, n1 to n9 for negative ones, "" for
    plain text."""
    at = 0
    for start, end, weight in seen.weights:
        if start > at:
            yield "", seen.text[at:start]
        shade = round(MARKS * min(abs(weight), 1.0))
        yield (f"{'w' if weight > 0 else 'n'}{shade}" if shade else ""), seen.text[start:end]
        at = end
    if at < len(seen.text):
        yield "", seen.text[at:]
