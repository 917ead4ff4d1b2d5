"""Export a language model as a graph: ids and the state in, logits and the next state out; for a transformer only
ids, at most a window of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from seqcli import ops
from seqcli.errors import UsageError
from seqcli.graph.parts import Input, Named, Part, flat, nested, numbered
from seqcli.runs import is_reversed
from seqcli.tasks.language_model.predict import Generator

KINDS = ("language-model", "transformer-language-model")
STRETCH = 512  # steps that are run at once, at most


def parts(predictor: Generator, options: Any) -> dict[str, Part]:
    """Return the model's only graph. Raises UsageError for a model that has none."""
    model = predictor.model
    if model.kind not in KINDS:
        raise UsageError(f"a {model.kind} has no graph", hint=f"these have: {', '.join(KINDS)}")
    given = {"ids": Input(np.int64, ("batch", "time"), 0, model.vocabulary_size)}
    if model.kind == "transformer-language-model":
        return {"": Part(given, lambda model, x: {"logits": model.logits(model.hidden(x["ids"])[0])}, model.window)}
    state = model.initial_state(1)
    states = numbered("state", [Input(np.float32, ("batch", s.shape[1])) for s in flat(state)])

    def forward(model: Any, x: Named) -> Named:
        h, after = model.hidden(x["ids"].T, nested(state, [x[name] for name in states]))
        return {"logits": model.logits(h).swapaxes(0, 1), **numbered("next", flat(after))}

    return {"": Part({**given, **states}, forward)}


def about(predictor: Generator) -> dict[str, Any]:
    """Return what a user of the graph needs besides the header: the texts of symbols, whether lines are reversed."""
    symbols = [predictor.tokenizer.decode(np.array([i])) for i in range(predictor.tokenizer.size)]
    return {"symbols": symbols, "reversed": is_reversed(predictor.header)}


def on_page(predictor: Generator) -> dict[str, Any]:
    """Return what a page needs. Raises UsageError for a model that a page cannot run."""
    header = predictor.header
    if is_reversed(header) or header.get("data", {}).get("condition"):
        what = "reads lines backwards" if is_reversed(header) else "writes under a condition"
        raise UsageError(f"a page cannot run a model that {what}")
    return {"reading": predictor.tokenizer, "window": getattr(predictor.model, "window", None)}


def running(predictor: Generator, run: Mapping[str, Any]) -> Generator:
    """Return the predictor with its model run as a graph."""
    kind = Exported if predictor.model.kind == "language-model" else Windowed
    return replace(predictor, model=kind(predictor.model, run))


class Exported:
    """A language model that is run as a graph."""

    def __init__(self, model: Any, run: Mapping[str, Any]):
        self.model, self.run, self.vocabulary_size = model, run[""], model.vocabulary_size

    def initial_state(self, batch: int) -> Any:
        """Return a state of zeros."""
        return self.model.initial_state(batch)

    def read(self, ids: np.ndarray, state: Any) -> tuple[np.ndarray, Any]:
        """Return logits (B, T, V) after each of ids (B, T), and the state at the end."""
        found = self.run({"ids": ids.astype(np.int64), **numbered("state", flat(state))})
        return found["logits"], nested(state, [found[name] for name in numbered("next", flat(state))])

    def score(self, inputs: np.ndarray, targets: np.ndarray, state: Any) -> tuple[np.ndarray, Any]:
        """Score as `models.LanguageModel.score` specifies."""
        found = [np.zeros((len(inputs), 0), np.float32)]
        for at in range(0, inputs.shape[1], STRETCH):
            logits, state = self.read(inputs[:, at : at + STRETCH], state)
            part = targets[:, at : at + STRETCH]
            found.append(ops.take_along(logits, part) - ops.logsumexp(logits))
        return np.concatenate(found, axis=1), state

    def start(self, prompt: np.ndarray, state: Any = None) -> tuple[None, Any]:
        """Start as `models.LanguageModel.start` specifies."""
        state = self.model.initial_state(1) if state is None else state
        return None, (self.read(prompt[None], state)[1] if len(prompt) else state)

    def step(self, ids: np.ndarray, memory: None, state: Any) -> tuple[np.ndarray, Any]:
        """Step as `models.LanguageModel.step` specifies."""
        logits, state = self.read(ids[:, None], state)
        return logits[:, 0], state


class Windowed(Exported):
    """A transformer that is run as a graph; its state is the ids (B, t) that are still known."""

    def initial_state(self, batch: int) -> Any:
        """Return the state before any token."""
        return np.zeros((batch, 0), np.int64)

    def read(self, ids: np.ndarray, state: Any) -> tuple[np.ndarray, Any]:
        """Read as `Exported.read` does."""
        found, at, window = [], 0, self.model.window
        while at < ids.shape[1]:
            known = self.model.room(state)
            new = ids[:, at : at + window - known.shape[1]]
            state = np.concatenate([known, new], axis=1).astype(np.int64)
            found.append(self.run({"ids": state})["logits"][:, known.shape[1] :])
            at += new.shape[1]
        return np.concatenate(found, axis=1), state
