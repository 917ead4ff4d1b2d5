"""Write a model as ONNX, check it with onnxruntime, and score it beside NumPy.

A task's `export.py` gives the graphs (`parts`), what a reader needs beside the header (`about`), and the predictor
that runs graphs as its model (`running`). A file's metadata has one key, `seqcli`: JSON with the KEPT parts of the
header, `about`, and a test: inputs, and the first numbers of each output.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seqcli import console, layers, precision, predictor, registry
from seqcli.artifact import Artifact, put
from seqcli.errors import SeqcliError, UsageError
from seqcli.export import onnx, rounded
from seqcli.export.smaller import Scores, held_out
from seqcli.graph import Graph
from seqcli.graph.evaluate import folded
from seqcli.graph.parts import Named, Part, record, sample

BATCHES, LENGTHS, LETTERS = (1, 7), (3, 40), 5  # sizes of the inputs that a graph is checked with
NEAR = 1e-5  # the largest error of an output, relative to its greatest number or 1
SHOWN = 256  # how many numbers of an output the test in a file has
KEPT = ("task", "version", "model", "tokenizer", "target_tokenizer", "decoding", "created")  # parts of the header
SKEWED = (
    "--dynamic-int8: onnxruntime takes one scale for everything that a product reads at once: an answer then depends"
    " on the tokens after it, and on the other records of its batch"
)


@dataclass(frozen=True)
class Options:
    """How a model is exported."""

    precision: str | None = None  # of stored matrices: float16, or int8 (rows with a scale each)
    dynamic: bool = False  # onnxruntime's own dynamic quantization
    viterbi: bool = False  # taggers: whether the best path is an output
    scored: bool = True


def places(path: Path, names: Mapping[str, Any]) -> dict[str, Path]:
    """Return the file of each part: the path itself for a single part, else PATH.PART.onnx."""
    return {name: path.with_suffix(f".{name}{path.suffix}") if name else path for name in names}


def write(stored: Artifact, path: Path, options: Options) -> tuple[list[Path], Scores]:
    """Write a model's graphs and check them; return the files, and the scores before and after.

    Raises UsageError for a model that has no graph, SeqcliError if onnxruntime's outputs differ from NumPy's.
    """
    onnx.require("onnx", "onnxruntime")
    task = stored.header["task"]
    if options.viterbi and task != "tagging":
        raise UsageError(f"--viterbi is for taggers: {stored.path} is a model for {task}")
    own, module = opened(stored, options)
    parts, graphs, model = recorded(own, options)
    about = {k: v for k, v in own.header.items() if k in KEPT} | module.about(own) | {"labels": _labels(own)}
    with tempfile.TemporaryDirectory() as folder:
        made, files = places(Path(folder) / path.name, parts), places(path, parts)
        runs = {}
        for name, part in parts.items():
            runs[name] = _opened(made[name], graphs[name], {}, options)
            prove(part, model, runs[name].run, exact=not options.dynamic)
        scores = Scores({}, {})
        if options.scored:
            after = module.running(own, {name: session.run for name, session in runs.items()})
            scores = Scores(held_out(stored), held_out(stored, after))
        about["scores"] = {
            "before": {s: r.to_dict() for s, r in scores.before.items()},
            "after": {s: r.to_dict() for s, r in scores.after.items()},
        }
        for name, part in parts.items():
            text = json.dumps({**about, "part": name, "test": test(part, model)}, ensure_ascii=False, sort_keys=True)
            _opened(made[name], graphs[name], {"seqcli": text}, options)
            put(files[name], made[name].read_bytes())
    return list(files.values()), scores


def opened(stored: Artifact, options: Options) -> tuple[Any, Any]:
    """Return the predictor of a model as its graphs have it, and its task's `export` module."""
    own, module = predictor.load(stored), registry.load(f"tasks/{stored.header['task']}", "export")
    return module.alone(own, scored=options.scored) if hasattr(module, "alone") else own, module


def recorded(own: Any, options: Options) -> tuple[dict[str, Part], dict[str, Graph], Any]:
    """Return the parts of a predictor's model, their graphs, and the model with the graphs' weights."""
    parts: dict[str, Part] = registry.load(f"tasks/{own.task}", "export").parts(own, options)
    model, arrays = own.model, own.model.arrays()
    graphs = {name: record(part, model, arrays, layers.replace) for name, part in parts.items()}
    if kind := options.precision:
        graphs = {name: rounded.smaller(graph, arrays, kind) for name, graph in graphs.items()}
        model = layers.replace(model, precision.unpack(precision.pack(arrays, kind)))
    if options.dynamic:  # onnxruntime quantizes only weights that are constants
        graphs = {name: folded(graph) for name, graph in graphs.items()}
    return parts, graphs, model


def _labels(own: Any) -> Any:
    vocabulary = getattr(own, "vocabulary", None)
    if vocabulary is None:
        return None
    if vocabulary.further:
        return {name: vocabulary.only(name).labels for name in vocabulary.slices}
    return vocabulary.labels


def _opened(path: Path, graph: Graph, metadata: Mapping[str, str], options: Options) -> onnx.Session:
    """Write a graph and open it."""
    onnx.write(path, graph, metadata)
    if options.dynamic:
        onnx.quantize(path, metadata)
    return onnx.Session(path)


def prove(part: Part, model: Any, run: Any, *, exact: bool = True, who: str = "onnxruntime") -> float:
    """Return the largest error of a graph's outputs against NumPy's for the same inputs, over two batch sizes and two
    lengths. Raises SeqcliError if, with `exact`, it is above NEAR."""
    rng, worst = np.random.default_rng(0), 0.0
    for batch in BATCHES:
        for time in (min(n, part.longest or n) for n in LENGTHS):
            given = sample(part, sizes(batch, time), rng)
            with np.errstate(all="ignore"):
                wanted = part.forward(model, given)
            for name, found in run(given).items():
                off = np.abs(found.astype(np.float64) - wanted[name]).max(initial=0)
                off /= np.abs(wanted[name]).max(initial=1)
                worst = max(worst, float(off))
                if exact and not off <= NEAR:
                    said = f"{name} is off by {off:.2g} at batch {batch}, length {time}"
                    raise SeqcliError(f"the outputs of {who} differ from NumPy's: {said}", hint="report this")
    if exact:
        console.say(f"the outputs of {who} equal NumPy's to {worst:.1g}")
    else:
        console.say(f"outputs are off by up to {worst:.2g}, relative to their greatest number or 1")
    return worst


def sizes(batch: int, time: int) -> dict[str, int]:
    """Return the sizes that inputs name."""
    return {
        "batch": batch,
        "time": time,
        "letters": LETTERS,
        "rows": 2 * batch,
        "past": time - 1,
        "length": 2 * time,
        "last": time,
    }


def test(part: Part, model: Any) -> dict[str, Any]:
    """Return inputs for two short texts, and the first numbers of each output."""
    given = sample(part, sizes(2, 3), np.random.default_rng(1))
    outputs: Named = part.forward(model, given)
    shown = {n: np.asarray(a).reshape(-1)[:SHOWN].astype(np.float32).tolist() for n, a in outputs.items()}
    return {"inputs": {name: a.tolist() for name, a in given.items()}, "outputs": shown}
