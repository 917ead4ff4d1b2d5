"""What onnxruntime makes of exported models, float32 and int8, beside NumPy, in one run: seconds of the processor.

    python tests/benchmarks/bench_export.py stream            one stream of a 2x512 LSTM, a symbol at a time
    python tests/benchmarks/bench_export.py lines MODEL FILE  a classifier's answers to the lines of a file, and
                                                              how many of them differ

Rounds are taken in turn, one thread each; what is printed is the median of them, as JSON. Processor time, for a machine
that others use too.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from seqcli import artifact, predictor, registry, threads
from seqcli.export import onnx
from seqcli.export.graphs import Options, recorded
from seqcli.tasks.language_model.predict import Generator
from seqcli.tokenizers.byte import Tokenizer

ROUNDS, STEPS, LINES = 5, 300, 10_000
FORMS = {"numpy": None, "onnx float32": Options(), "onnx int8": Options(int8=True)}


def exported(own: Any, options: Options, folder: Path) -> tuple[Any, int]:
    """The predictor with its model run by onnxruntime, and the bytes of its files."""
    _, graphs, _ = recorded(own, options)
    runs, size = {}, 0
    for name, graph in graphs.items():
        path = folder / f"{name}-{options.int8}.onnx"
        onnx.write(path, graph, {})
        runs[name], size = onnx.Session(path).run, size + path.stat().st_size
    return registry.load(f"tasks/{own.task}", "export").running(own, runs), size


def forms(own: Any, folder: Path) -> dict[str, tuple[Any, int]]:
    """The predictor in each form."""
    return {n: (own, 0) if how is None else exported(own, how, folder) for n, how in FORMS.items()}


def medians(work: dict[str, Callable[[], Any]], count: int, unit: float) -> dict[str, float]:
    """Processor time of each piece of work, divided by `count`, in turn."""
    taken: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(ROUNDS + 1):
        for name, own in work.items():
            begun = time.process_time()
            own()
            taken[name].append(time.process_time() - begun)
    return {name: round(statistics.median(own[1:]) / count * unit, 2) for name, own in taken.items()}


def stream(folder: Path) -> dict[str, Any]:
    """Microseconds a step."""
    from seqcli.models.language_model import Config, Model

    model = Model.create(Config(embedding=128, hidden=512, layers=2), 256, np.random.default_rng(0))
    own = forms(Generator(model, Tokenizer()), folder)

    def steps(model: Any) -> Callable[[], Any]:
        def run() -> None:
            state, ids = model.initial_state(1), np.array([65])
            for _ in range(STEPS):
                logits, state = model.step(ids, None, state)
                ids = logits.argmax(-1)

        return run

    found = medians({name: steps(form.model) for name, (form, _) in own.items()}, STEPS, 1e6)
    return {"microseconds a step": found, "bytes": {name: size for name, (_, size) in own.items() if size}}


def lines(path: str, file: str, folder: Path) -> dict[str, Any]:
    """Seconds for all lines, and how many labels differ from NumPy's."""
    task = registry.load("tasks/classification", "export")
    own = forms(task.alone(predictor.load(artifact.read(path)), scored=False), folder)
    plain = own["numpy"][0]
    texts = Path(file).read_text(encoding="utf-8").split("\n")
    examples = [plain.ready(text) for text in (texts * LINES)[:LINES]]
    work = {n: (lambda f=form: f.model.logits(examples)) for n, (form, _) in own.items()}
    found = medians(work, 1, 1.0)
    answers = {n: form.model.logits(examples).argmax(1) for n, (form, _) in own.items()}
    differ = {n: int((a != answers["numpy"]).sum()) for n, a in answers.items() if n != "numpy"}
    sizes = {name: size for name, (_, size) in own.items() if size}
    return {"seconds": found, "lines": LINES, "labels that differ": differ, "bytes": sizes}


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("what", choices=["stream", "lines"])
    arguments.add_argument("given", nargs="*")
    asked, held = arguments.parse_args(), threads.limit(1)
    with tempfile.TemporaryDirectory() as made:
        print(json.dumps(stream(Path(made)) if asked.what == "stream" else lines(*asked.given, Path(made)), indent=1))
