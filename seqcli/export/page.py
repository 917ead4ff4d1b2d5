"""Write a model as a page: one file that needs no network, in which a browser runs the recorded graphs.

The page holds the weights (in base64), the tokenizers, an interpreter of graphs in plain JavaScript (`web/`) and a
test of each graph, which it runs when it is opened. Text typed into the page does not leave it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from seqcli import __version__
from seqcli.artifact import Artifact, put
from seqcli.errors import UsageError
from seqcli.export.graphs import Options, opened, prove, recorded, test
from seqcli.export.patterns import javascript
from seqcli.export.smaller import Scores, held_out
from seqcli.facts import facts
from seqcli.graph import Graph
from seqcli.graph.evaluate import run
from seqcli.tokenizers import BaseTokenizer, sentencepiece
from seqcli.words import Rule
from seqcli.words.portable import tables

WEB = Path(__file__).parent / "web"
SCRIPTS = ("arrays", "graph", "words", "tokenizers", "models")
SHOWN = ("model", "precision", "decoding", "tokenizer", "valid score", "test score")  # the facts that are shown
LEAST, MOST = -(1 << 31), (1 << 31) - 1  # the range of the page's integers


class Blob:
    """The bytes of arrays, one after another."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.size = 0

    def add(self, array: np.ndarray) -> tuple[str, list[int], int]:
        """Append an array; return its type, its shape, and the position of its first byte."""
        if array.dtype.kind in "iu" and array.dtype != np.int8:
            array = np.clip(array, LEAST, MOST).astype(np.int32)
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        self.size += (pad := -self.size % array.itemsize)
        place = self.size
        self.parts += [bytes(pad), (data := np.asarray(array, order="C").tobytes())]
        self.size += len(data)
        return array.dtype.name, list(array.shape), place

    def text(self) -> str:
        """Return all bytes in base64."""
        return base64.b64encode(b"".join(self.parts)).decode()


def write(stored: Artifact, path: Path, options: Options) -> Scores:
    """Write a model as a page; return the scores before and after its matrices were rounded.

    Raises UsageError for a model that has no page, SeqcliError if its graph's outputs differ from the model's.
    """
    assert options.precision is not None
    own, module = opened(stored, options)
    parts, graphs, model = recorded(own, options)
    about = module.on_page(own)
    for name, part in parts.items():
        prove(part, model, partial(run, graphs[name]), who="the recorded graph")
    scores = Scores({}, {})
    if options.scored:
        scores = Scores(held_out(stored), held_out(stored, replace(own, model=model)))
    blob = Blob()
    data = {
        "task": stored.header["task"],
        **shaped(about, blob),
        "graphs": {name: packed(graph, blob) for name, graph in graphs.items()},
        "test": {name: test(part, model) for name, part in parts.items()},
    }
    said = facts(
        {**own.header, "precision": {"kind": options.precision}}, stored.parameters, stored.path.stat().st_size
    )
    shown = [row for row in said if row[0] in SHOWN]
    content = html(stored, data, blob.text(), shown, scores)
    put(path, content.encode())
    return scores


def packed(graph: Graph, blob: Blob) -> dict[str, Any]:
    """Return a graph for JSON, with its arrays added to `blob`."""
    return {
        "inputs": [{"name": v.name, "kind": v.dtype.kind, "shape": list(v.shape)} for v in graph.inputs],
        "outputs": [v.name for v in graph.outputs],
        "nodes": [
            {"op": n.op, "inputs": n.inputs, "outputs": n.outputs, "attributes": _attributes(n.attributes)}
            for n in graph.nodes
        ],
        "arrays": [[name, *blob.add(array)] for name, array in graph.initializers.items()],
    }


def _attributes(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: packed(own, Blob()) if isinstance(own, Graph) else own for name, own in found.items()}


def shaped(about: Any, blob: Blob) -> Any:
    """Convert a task's data for the page: arrays are added to `blob`, tokenizers and rules become tables."""
    if isinstance(about, np.ndarray):
        return blob.add(about)
    if isinstance(about, BaseTokenizer):
        return reading(about)
    if isinstance(about, Rule):
        return by_rule(about)
    if isinstance(about, Mapping):
        return {name: shaped(own, blob) for name, own in about.items()}
    return about


def html(stored: Artifact, data: Mapping[str, Any], blob: str, said: list[tuple[str, str]], scores: Scores) -> str:
    """Return the page."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    parts = {
        "title": escape(stored.name),
        "version": __version__,
        "facts": "\n".join(f"<tr><th>{escape(key)}<td>{escape(own)}" for key, own in said if key),
        "scores": "\n".join(rows(scores)),
        "style": _read("page.css"),
        "library": "\n".join(_read(f"{script}.js") for script in SCRIPTS),
        "app": _read("app.js"),
        "data": text.replace("<", "\\u003c"),  # so that no text closes the script element
        "weights": blob,
    }
    page = _read("page.html")
    head, *rest = page.split("{{")
    return head + "".join(parts[key.strip()] + tail for key, _, tail in (part.partition("}}") for part in rest))


def rows(scores: Scores) -> list[str]:
    """Return the scores before and after rounding, as rows of a table."""
    return [
        f"<tr><th>{split} {escape(name)}<td>{value:.4f}<td>{scores.after[split].metrics[name]:.4f}"
        for split, report in scores.before.items()
        for name, value in report.metrics.items()
    ]


def _read(name: str) -> str:
    return (WEB / name).read_text(encoding="utf-8")


# tokenizers and rules


def reading(tokenizer: BaseTokenizer) -> dict[str, Any]:
    """Return a tokenizer's tables for the page. Raises UsageError for one that the page does not support."""
    own: dict[str, Any] = {"kind": tokenizer.kind, "size": tokenizer.size, "newline": tokenizer.newline_id}
    header = tokenizer.header()
    if tokenizer.kind == "char":
        symbols, nfd = tokenizer.symbols, "normalize" in header  # type: ignore[attr-defined]
        return {**own, "symbols": symbols, "unknown": tokenizer.unk_id, "nfd": nfd}
    if tokenizer.kind == "byte":
        return own
    if tokenizer.kind == "word":
        words = [tokenizer.symbol(i) for i in range(2, tokenizer.size)]
        rule = by_rule(Rule(version=1)) if header["split"] == "rule" else None  # as `tokenizers.word` has it
        return {**own, "words": words, "lowercase": header["lowercase"], "split": header["split"], "rule": rule}
    if isinstance(tokenizer, sentencepiece.Tokenizer) and (found := tokenizer.tables()):
        return {**own, **found}
    hint = "it supports char, byte, word, and sentencepiece as seqcli learns it"
    raise UsageError(f"a page cannot use this {tokenizer.kind} tokenizer", hint=hint)


def by_rule(rule: Rule) -> dict[str, Any]:
    """Return the tables of a rule for raw text, with its patterns in JavaScript."""
    patterns = ("token", "character", "serial", "hyphen", "clitic")
    return {name: javascript(own) if name in patterns else own for name, own in tables(rule).items()}
