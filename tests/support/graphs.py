"""Models drawn at random and texts for them; a predictor whose model is run as graphs, each proven in every way."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from support.pages import NODE, runner
from support.transformers import cast
from support.translators import codec

from seqcli import registry
from seqcli.datasets.vocabulary import Vocabulary
from seqcli.export import onnx
from seqcli.export.graphs import Options, prove, recorded
from seqcli.graph.evaluate import run
from seqcli.models import language_model
from seqcli.records import Sentence
from seqcli.tasks.language_model.predict import Generator

LABELS = ["B-X", "I-X", "O"]
RNN, CNN = {"kind": "rnn", "embedding": 3, "hidden": 2}, {"kind": "cnn", "embedding": 3, "filters": 4, "width": 3}
WORDS = ["the", "cat", "sat", "on", "a", "mat", "Émile", "x", "unheard-of"]


def drawn(model: Any, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    return cast(model, lambda a: a + rng.normal(0, 0.5 * a.shape[-1] ** -0.5, a.shape).astype(np.float32))


def texts(count: int = 9) -> list[list[str]]:
    rng = np.random.default_rng(3)
    return [rng.choice(WORDS, n).tolist() for n in [1, 2, 40, 0, 7, 3, 3, 12, 5][:count]]


def vocabulary(features: bool = False, vectors: int = 0, scheme: str | None = None) -> Vocabulary:
    seen = [Sentence(words=text, features={"pos": list("NV" * len(text))[: len(text)]}) for text in texts()]
    found = Vocabulary.learn([s for s in seen if s.words], [LABELS], ["pos"] if features else [], scheme=scheme)
    found = replace(found, words=found.words[:-1])  # one is unknown
    return replace(
        found,
        vector_words=found.words[:3] if vectors else [],
        vectors=np.random.default_rng(1).standard_normal((3 if vectors else 0, vectors), np.float32),
    )


def proven(own: Any, folder: Path, **options: Any) -> Any:
    """The predictor with its model run by onnxruntime, each graph proven."""
    parts, graphs, model = recorded(own, Options(**options))
    sessions = {}
    for name, part in parts.items():
        onnx.write(folder / f"{name}.onnx", graphs[name], {})
        sessions[name] = onnx.Session(folder / f"{name}.onnx")
        prove(part, model, partial(run, graphs[name]))
        if NODE:
            prove(part, model, runner(graphs[name]))
        prove(part, model, sessions[name].run)
    return registry.load(f"tasks/{own.task}", "export").running(own, {n: s.run for n, s in sessions.items()})


def near(found: Any, wanted: Any) -> None:
    np.testing.assert_allclose(found, wanted, atol=1e-5 * max(1, float(np.abs(wanted).max(initial=0))))


def generator(**keys: Any) -> Generator:
    config = language_model.Config(**{"embedding": 4, "hidden": 5, **keys})
    tokenizer = codec().source
    fresh = language_model.Model.create(config, tokenizer.size, np.random.default_rng(0))
    return Generator(drawn(fresh), tokenizer)
