"""Export a sequence-to-sequence model as two graphs: the encoder, and a step of the decoder; CTC has the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from seqcli import ops
from seqcli.errors import UsageError
from seqcli.graph.parts import Input, Named, Part, Running, flat, nested, numbered
from seqcli.tasks._words_graph import normal, side_by_side
from seqcli.tasks.sequence_to_sequence.predict import SPARE, Translator

KINDS = ("seq2seq", "transformer", "transducer", "ctc")


def parts(predictor: Translator, options: Any) -> dict[str, Part]:
    """Return the two graphs. Encoder: sources (batch, time) in, memory and initial state of the decoder out. Decoder:
    ids (rows,) in, with a row for each hypothesis of each source, log-probabilities and the next state out. Raises
    UsageError for a model that has no graph."""
    model = predictor.model
    kind = getattr(model, "kind", "ensemble")
    if kind not in KINDS:
        raise UsageError(f"a {kind} has no graph", hint=f"these have: {', '.join(KINDS)}")
    if getattr(model, "begins", ()) or getattr(model, "conditions", ()):
        raise UsageError("a model with columns that are encoded separately, or are conditions, has no graph yet")
    sizes, lengths = predictor.codec.sizes, Input(np.int64, ("batch",), 1, "time")
    frames = Input(np.float32, ("batch", "time", sizes.dimensions))
    read = frames if model.front_end is not None else Input(np.int64, ("batch", "time"), 0, sizes.source)
    sources = {"source": read, "lengths": lengths}
    if kind == "ctc":
        return {"": Part(sources, _posteriors)}
    small, large = (_read(model, *_blank(model, b, s, sizes.dimensions)) for b, s in ((2, 3), (3, 5)))
    names = [numbered(name, flat(part)) for name, part in zip(("memory", "state"), small, strict=True)]

    def encoder(model: Any, x: Named) -> Named:
        memory, state = _read(model, x["source"], x["lengths"])
        return {**numbered("memory", flat(memory)), **numbered("state", flat(state))}

    def decoder(model: Any, x: Named) -> Named:
        own = (nested(like, [x[name] for name in part]) for like, part in zip(small, names, strict=True))
        readout, attention, after = _advance(model, x["ids"], *own)
        found = {"logprobs": ops.log_softmax(ops.linear(readout, model.output, model.output_bias))}
        if attention is not None:
            found["attention"] = attention
        if model.copy_weight is not None:
            found["gate"] = model.gate(readout)
        return {**found, **numbered("next", flat(after))}

    given = {"ids": Input(np.int64, ("rows",), 0, sizes.target)}
    for part, first, own, other in zip(("batch", "rows"), names, small, large, strict=True):
        for name, a, b in zip(first, flat(own), flat(other), strict=True):
            grows = part == "rows" and model.kind == "transformer"
            given[name] = Input(a.dtype, ("rows", "past", a.shape[2]) if grows else _shape(a.shape, b.shape, part))
    return {"encoder": Part(sources, encoder), "decoder": Part(given, decoder)}


def _shape(small: tuple[int, ...], large: tuple[int, ...], first: str) -> tuple[int | str, ...]:
    """Return sizes by name: the first is the batch, others that differ are times."""
    return (first, *("time" if a != b else a for a, b in zip(small[1:], large[1:], strict=True)))


def _blank(model: Any, count: int, steps: int, dimensions: int) -> tuple[np.ndarray, np.ndarray]:
    """Return empty sources that give `steps` steps of the encoder, and their lengths."""
    if model.front_end is None:
        return np.zeros((count, steps), np.int64), np.full(count, steps)
    frames = steps * model.front_end.every
    return np.zeros((count, frames, dimensions), np.float32), np.full(count, frames)


def _posteriors(model: Any, x: Named) -> Named:
    """Return a CTC model's log-probabilities (B, S, V + 1), 0 after the end, and the number of steps (B,)."""
    source, lengths = x["source"], x["lengths"]
    if not isinstance(source, np.ndarray):
        y, counts = model.outputs(source, lengths)
        logprobs = ops.log_softmax(ops.linear(y.swapaxes(0, 1), model.output_weight, model.output_bias))
        inside = (ops.arange(logprobs.shape[1], y)[None] < counts[:, None])[..., None]
        return {"logprobs": ops.where(inside, logprobs, 0 * logprobs), "steps": counts}
    found = model.posteriors([row[:n] for row, n in zip(source, lengths.tolist(), strict=True)])
    return {"logprobs": side_by_side(found, 0), "steps": np.array([len(own) for own in found])}


def _read(model: Any, source: Any, lengths: Any) -> tuple[Any, Any]:
    """Return memory, and the state in the form of a graph: for a transformer the caches alone, as all rows have read
    the same number of symbols."""
    if model.front_end is not None and isinstance(source, np.ndarray):  # frames are end to end there
        memory, state = model.read(source[np.arange(source.shape[1]) < lengths[:, None]], lengths)
        return tuple(a[:, : int(model.front_end.reduced(lengths).max())] for a in memory), state
    memory, state = model.read(source, lengths)
    if model.kind == "transducer":
        return memory[:2], state  # it has no conditions
    if model.kind != "transformer":
        return memory, state
    inside, sources = memory
    held = tuple(tuple(ops.where(inside[..., None], a, 0 * a) for a in pair) for pair in sources)
    return (inside, held), state[2]


def _advance(model: Any, ids: Any, memory: Any, state: Any) -> tuple[Any, Any, Any]:
    """Return the softmax's input, attention, and the next state in the form of a graph."""
    if model.kind == "transducer":
        return model.advance(ids, (*memory, ops.zeros((memory[0].shape[0], 0), memory[0])), state)
    if model.kind != "transformer":
        return model.advance(ids, memory, state)
    past = state[0][0].shape[1]
    readout, attention, (_, _, caches) = model.advance(ids, memory, (0 * ids + past, 0 * ids + past, state))
    if isinstance(ids, np.ndarray):  # NumPy's caches have spare room
        caches = tuple(tuple(a[:, : past + 1] for a in pair) for pair in caches)
    return readout, attention, caches


def about(predictor: Translator) -> dict[str, Any]:
    """Return what a user of the graph needs besides the header: the texts of both sides' symbols; BOS and EOS follow
    them."""
    codec = predictor.codec
    sides = {"target": codec.target} if codec.frames else {"source": codec.source, "target": codec.target}
    symbols = {name: [own.decode(np.array([i])) for i in range(own.size)] for name, own in sides.items()}
    return {"symbols": symbols, **(normal(codec.frames) if codec.frames else {})}


def on_page(predictor: Translator) -> dict[str, Any]:
    """Return what a page needs. Raises UsageError for a model that a page cannot run."""
    codec = predictor.codec
    if predictor.copies or codec.columns or codec.frames or predictor.model.kind == "ctc":
        raise UsageError("a page cannot run a model that copies, reads frames or several columns, or is CTC")
    own = {"ratio": predictor.ratio, "spare": SPARE, "banned": codec.banned, "longest": codec.longest}
    return {"source": codec.source, "target": codec.target, **own}


def running(predictor: Translator, run: Mapping[str, Any]) -> Translator:
    """Return the predictor with its model run as graphs."""
    if predictor.model.kind == "ctc":
        return replace(predictor, model=Transcribing(predictor.model, run))
    kind = Editing if predictor.model.kind == "transducer" else Exported
    return replace(predictor, model=kind(predictor.model, run, predictor.codec.sizes.dimensions))


class Exported(Running):
    """A sequence-to-sequence model that is run as graphs."""

    def __init__(self, model: Any, run: Mapping[str, Any], dimensions: int = 0):
        super().__init__(model, run)
        self.like = _read(model, *_blank(model, 1, 1, dimensions))

    def start(
        self, sources: Sequence[np.ndarray], copies: Sequence[np.ndarray] | None = None, unknown: int = 0
    ) -> tuple[Any, Any]:
        """Start as `BaseSeq2Seq.start` does."""
        lengths = np.array([len(s) for s in sources], np.int64)
        source = side_by_side(sources, 0)
        found = self.run["encoder"]({"source": source, "lengths": lengths})
        memory, state = (
            nested(like, [found[f"{name}.{i}"] for i in range(len(flat(like)))])
            for name, like in zip(("memory", "state"), self.like, strict=True)
        )  # for a transformer, empty caches
        if self.model.copy_weight is not None:
            targets = side_by_side(sources if copies is None else copies, -1)
            memory = (*memory, targets, np.full(len(sources), unknown, np.int64))
        return memory, state

    def step(self, ids: np.ndarray, memory: Any, state: Any) -> tuple[np.ndarray, Any, np.ndarray | None]:
        """Step as `BaseSeq2Seq.step` does."""
        copies = None
        if self.model.copy_weight is not None:
            *own, copies, unknown = memory
            memory = tuple(own)
            ids = np.where(ids < len(self.model.output_bias), ids, np.repeat(unknown, len(ids) // len(unknown)))
        given = {"ids": ids.astype(np.int64), **numbered("memory", flat(memory)), **numbered("state", flat(state))}
        found = self.run["decoder"](given)
        after = nested(state, [found[f"next.{i}"] for i in range(len(flat(state)))])
        logprobs, attention = found["logprobs"], found.get("attention")
        if copies is not None:
            logprobs = self.model.with_copies(logprobs, found["gate"], attention, copies)
        return logprobs, after, attention

    def score(self, *given: Any) -> list[np.ndarray]:
        """Score as `BaseSeq2Seq.score` does, with the graph's steps."""
        return type(self.model).score(self, *given)


class Editing(Exported):
    """A transducer whose graphs are run."""

    def start(
        self, sources: Sequence[np.ndarray], copies: Sequence[np.ndarray] | None = None, unknown: int = 0
    ) -> tuple[Any, Any]:
        """As models.transducer.Model.start."""
        memory, state = super().start(sources)
        copied = [np.full(len(s), -1, np.int64) for s in sources] if copies is None else copies
        places = [np.arange(len(s)) for s in sources]
        return (*memory, np.zeros((len(sources), 0)), side_by_side(copied, -1), side_by_side(places, 0)), state

    def step(self, ids: np.ndarray, memory: Any, state: Any) -> tuple[np.ndarray, Any, np.ndarray | None]:
        """As models.transducer.Model.step."""
        logprobs, after, _ = super().step(ids, memory[:2], state)
        return self.model.possible(logprobs, memory, after)


class Transcribing(Running):
    """A CTC model whose graph is run."""

    def posteriors(self, sources: Sequence[np.ndarray]) -> list[np.ndarray]:
        """As models.ctc.Model.posteriors."""
        lengths = np.array([len(s) for s in sources], np.int64)
        found = self.run[""]({"source": side_by_side(sources, 0), "lengths": lengths})
        return [own[:steps] for own, steps in zip(found["logprobs"], found["steps"].tolist(), strict=True)]

    def score(self, *given: Any) -> list[np.ndarray]:
        """As models.ctc.Model.score, of these posteriors."""
        return type(self.model).score(self, *given)  # type: ignore[arg-type]
