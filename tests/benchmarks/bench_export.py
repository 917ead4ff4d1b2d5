"""What onnxruntime makes of exported models, float32 and int8, beside NumPy, in one run: seconds of the processor.

    python tests/benchmarks/bench_export.py stream            one stream of a 2x512 LSTM, a symbol at a time
    python tests/benchmarks/bench_export.py lines MODEL FILE  a classifier's answers to the lines of a file, and
                                                              how many of them differ

Rounds are taken in turn, one thread each; what is printed is the median of them. Processor time, for a machine that
others use too.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from figures import begin

from seqcli import artifact, predictor, registry, threads
from seqcli.export import onnx
from seqcli.export.graphs import Options, recorded
from seqcli.models.language_model import Config, Model
from seqcli.tasks.language_model.predict import Generator
from seqcli.tokenizers.byte import Tokenizer

ROUNDS, STEPS, LINES = 5, 300, 10_000
FORMS = {"numpy": None, "onnx float32": Options(), "onnx int8": Options("int8")}


def exported(own: Any, options: Options, folder: Path) -> tuple[Any, int]:
    """The predictor with its model run by onnxruntime, and the bytes of its files."""
    _, graphs, _ = recorded(own, options)
    runs, size = {}, 0
    for name, graph in graphs.items():
        path = folder / f"{name}-{options.precision}.onnx"
        onnx.write(path, graph, {})
        runs[name], size = onnx.Session(path).run, size + path.stat().st_size
    return registry.load(f"tasks/{own.task}", "export").running(own, runs), size


def forms(own: Any, folder: Path) -> dict[str, tuple[Any, int]]:
    """The predictor in each form."""
    return {n: (own, 0) if how is None else exported(own, how, folder) for n, how in FORMS.items()}


def measured(figures: Any, what: str, work: dict[str, Callable[[], Any]], count: int) -> None:
    """Processor time of each piece of work, divided by `count`, rounds in turn; and how many times NumPy's it is."""
    taken: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(ROUNDS + 1):
        for name, own in work.items():
            begun = time.process_time()
            own()
            taken[name].append(time.process_time() - begun)
    found = {name: statistics.median(own[1:]) / count for name, own in taken.items()}
    for name, seconds in found.items():
        figures.add(f"{what}, {name}", seconds, "s")
        print(f"{what}, {name}: {seconds:.6g} s, {seconds / found['numpy']:.2f} times NumPy's")
        if name != "numpy":
            figures.add(f"{what}, {name} to numpy", seconds / found["numpy"], "times")


def sizes(figures: Any, what: str, own: dict[str, tuple[Any, int]]) -> None:
    """How large the files are."""
    for name, (_, size) in own.items():
        if size:
            figures.add(f"{what}, {name}, file", size / 1e6, "MB")


def stream(figures: Any, folder: Path) -> None:
    """A step of one stream."""
    model = Model.create(Config(embedding=128, hidden=512, layers=2), 256, np.random.default_rng(0))
    own = forms(Generator(model, Tokenizer()), folder)

    def steps(model: Any) -> Callable[[], Any]:
        def run() -> None:
            state, ids = model.initial_state(1), np.array([65])
            for _ in range(STEPS):
                logits, state = model.step(ids, None, state)
                ids = logits.argmax(-1)

        return run

    measured(figures, "a step", {name: steps(form.model) for name, (form, _) in own.items()}, STEPS)
    sizes(figures, "2x512 LSTM", own)


def lines(figures: Any, path: str, file: str, folder: Path) -> None:
    """All lines, and how many labels differ from NumPy's."""
    task = registry.load("tasks/classification", "export")
    plain = task.alone(predictor.load(artifact.read(path)), scored=False)
    own = forms(plain, folder)
    texts = Path(file).read_text(encoding="utf-8").split("\n")
    examples = [plain.ready(text) for text in (texts * LINES)[:LINES]]
    measured(figures, f"{LINES:,} lines", {n: lambda f=f: f.model.logits(examples) for n, (f, _) in own.items()}, 1)
    answers = {n: form.model.logits(examples).argmax(1) for n, (form, _) in own.items()}
    for name in (n for n in answers if n != "numpy"):
        differ = int((answers[name] != answers["numpy"]).sum())
        figures.add(f"labels that differ, {name}", differ, "labels")
        print(f"labels that differ, {name}: {differ}")
    sizes(figures, "classifier", own)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["stream", "lines"])
    parser.add_argument("files", nargs="*")
    given, figures = begin(parser)
    held = threads.limit(1)
    with tempfile.TemporaryDirectory() as made:
        if given.what == "stream":
            stream(figures, Path(made))
        else:
            lines(figures, *given.files, Path(made))
    figures.end()
