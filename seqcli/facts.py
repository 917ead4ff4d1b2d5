"""The main facts about a model's file, from its header alone."""

from __future__ import annotations

from typing import Any

from seqcli import registry
from seqcli.growing import counted

SPLITS = ("train", "valid", "test", "replay")


def facts(header: dict, weights: int, size: int) -> list[tuple[str, str]]:
    """Return the main facts about a file: (name, text)."""
    kind = header.get("kind", "model")
    model, tokenizer, data = header.get("model", {}), header.get("tokenizer", {}), header.get("data", {})
    facts = [("file", f"{kind}, {size:,} bytes, format {header['format']}, seqcli {header['version']}")]
    if model:
        cell = model.get("cell")
        shown = f", cell {cell_name(cell)}" if cell else ""
        facts.append(("model", f"{model['kind']}{shown}{_attention(model)}, {weights:,} parameters"))
    if "precision" in header:
        facts.append(("precision", f"matrices stored in {header['precision']['kind']}"))
    known = header.get("vocabulary")
    if isinstance(known, dict) and "labels" in known:
        facts += _labels(known)
    if "task" in header:
        facts += registry.load(f"tasks/{header['task']}", "about").facts(header)
    facts += _decoding(header)
    for i, part in enumerate(header.get("reader", [])):
        way = "from the end" if part["reversed"] else "forward"
        tuned = ", trained further" if part.get("tuned") else ""
        seen = "".join(f"; {n:,} texts of {split} were in its training text" for split, n in part["seen"].items())
        shown = f"{part['name']}, {cell_name(part['model']['cell'])}, {part['tokenizer']['kind']}, {way}{tuned}{seen}"
        facts.append(("" if i else "reader", shown))
    if frames := header.get("frames"):
        how = {"training": ", to mean 0 and deviation 1 by training", "record": ", each record to mean 0"}
        normal, size = how.get(frames["config"]["normalize"], ""), frames["dimensions"]
        rate = f", of {frames['config']['rate']:,} samples a second" if frames["config"].get("rate") else ""
        facts.append(("frames", f"{frames['config']['kind']}, {size:,} number{'s' * (size > 1)} each{rate}{normal}"))
    if tokenizer and not (isinstance(known, dict) and "source" in known):
        known = known["words"] if isinstance(known, dict) else known
        size_of = "" if known is None else f", vocabulary of {known:,}"
        facts.append(("tokenizer", f"{tokenizer['kind']}{size_of}"))
    splits = data.get("splits", {})
    for split, about in ((s, splits[s]) for s in SPLITS if s in splits):
        unit = next((u for u in ("bytes", "tokens") if u in about), "records")
        records = registry.constant("tasks", header.get("recipe", header)["task"], "RECORDS")
        amount = f"{about[unit]:,} {records if unit == 'records' else unit}"
        facts.append((split, f"{about.get('name', data['name'])}, {amount}, sha256 {about['sha256'][:12]}"))
    if origin := header.get("origin"):
        added = ", ".join(counted(n, what) for what, n in origin["added"].items())
        said = f", grown by {added}" if added else ""
        facts.append(
            ("began from", f"{origin['name']} of {origin['data']}, checksum {origin['checksum'][:12]}{said}")
        )
    scores = header.get("scores", {})
    for split in SPLITS:
        if split in scores:
            facts.append((f"{split} score", _score(scores[split])))
            facts += [("", line) for line in scores[split]["signature"].split("\n")]
        if split in (before := header.get("precision", {}).get("before", {})):
            facts.append(("in float32", _score(before[split])))
    if "baseline" in scores:
        b = scores["baseline"]
        name = f"{b['order']}-gram" if "order" in b else b["kind"]
        figure = b.get("metric", "cross-entropy")
        facts.append(("baseline", f"{name} {figure} {b[figure]:.4f} on {b['split']}, margin {b['margin']:+.4f}"))
    for kind in ("old", "new"):
        if own := scores.get(kind):
            before, after = ("-" if own[key] is None else f"{own[key]:.4f}" for key in ("before", "after"))
            facts.append((f"{kind} data", f"{own['metric']} {before} before, {after} after on {own['data']}"))
    if "progress" in header:
        p = header["progress"]
        facts.append(("progress", f"step {p['step']:,}, epoch {p['epoch']}, finished: {p['finished']}"))
    if "created" in header:
        facts.append(("created", header["created"]))
    return facts


def cell_name(spec: Any) -> str:
    """Return a `cell` key, validated or as written in a recipe, as text: lstm; rglru, rglru, local-attention."""
    each = spec if isinstance(spec, list) else [spec]
    return ", ".join(str(own.get("kind")) if isinstance(own, dict) else str(own) for own in each)


def _attention(model: dict) -> str:
    """Return how a model of pairs attends to its source."""
    spec = model.get("attention")
    if not isinstance(spec, dict):
        return ", copies" if model.get("copy_source") else ""
    seen = "without attention" if spec["kind"] == "none" else f"{spec['kind']} attention"
    return f", {seen}{', copies' if model.get('copy_source') else ''}"


def _labels(known: dict) -> list[tuple[str, str]]:
    """Return the labels, of each target if there are several."""
    targets = {known.get("target", ""): known, **known.get("further", {})}
    shown = []
    for name, own in targets.items():
        labels = own["labels"]
        listed = f": {', '.join(labels[:24])}{' ...' if len(labels) > 24 else ''}"
        shown.append(f"{name} {len(labels)}".lstrip() + (" edits of words" if own.get("edits") else listed))
    return [("" if i else "labels", line) for i, line in enumerate(shown)]


def _decoding(header: dict) -> list[tuple[str, str]]:
    """Return what was fitted on the validation split."""
    decoding, facts = header.get("decoding", {}), []
    if "temperature" in decoding:
        each = [decoding["temperature"], *decoding.get("temperatures", {}).values()]
        facts.append(("temperature", ", ".join(f"{t:.3f}" for t in each)))
    if "confidence" in decoding:
        facts.append(("confidence", "fitted on valid: the probability that an answer is right"))
    for precision, (least, reached, kept) in decoding.get("thresholds", {}).items():
        facts.append(("threshold", f"{least:.4f} for precision {precision}: {reached:.4f} on valid, {kept:.1%} kept"))
    return facts


def _score(report: dict) -> str:
    """Return the figures in a stored report, without null ones (too large for a float), and its protocol."""
    if "subset-accuracy" in report:
        return ", ".join(f"{name} {report[name]:.4f}" for name in ("micro-f1", "macro-f1", "subset-accuracy"))
    if "targets-mean" in report:
        return ", ".join(f"{name} {report[name]:.4f}" for name in ("targets-mean", "targets-all"))
    if "accuracy" in report:
        names = ("accuracy", "accuracy-unknown", "span-f1", "macro-f1", "calibration-error")
        return ", ".join(f"{name} {report[name]:.4f}" for name in names if name in report)
    if "chrf" in report:
        names = ("bleu", "chrf", "exact-match", "word-error-rate", "phoneme-error-rate")
        figures = ", ".join(f"{name} {report[name]:.4g}" for name in names if name in report)
        return f"{figures} ({report['protocol']})"
    shown = {
        "cross-entropy": "{:.4f} nats/token",
        "perplexity": "perplexity {:.2f}",
        "bits-per-character": "{:.4f} bits/character",
        "word-perplexity": "word-perplexity {:.2f}",
    }
    if "bits-per-character" in report:
        del shown["word-perplexity"]
    figures = ", ".join(form.format(report[n]) for n, form in shown.items() if report.get(n) is not None)
    return f"{figures} ({report['protocol']})"
