"""Export a tagger as a graph: words in, scores of labels and of transitions out; on request the best path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from seqcli import ops
from seqcli.errors import UsageError
from seqcli.graph.parts import Input, Named, Part, Running
from seqcli.layers.crf import CRF
from seqcli.tasks import _words_graph as words
from seqcli.tasks.tagging.predict import Tagger

KINDS = ("tagger", "transformer-tagging")


def parts(predictor: Tagger, options: Any) -> dict[str, Part]:
    """Return the tagger's only graph. Raises UsageError for a model that has none."""
    model, vocabulary = predictor.model, predictor.vocabulary
    words.check(model, vocabulary, KINDS)
    inputs = words.inputs(model, vocabulary)
    for name, values in vocabulary.features.items():
        inputs[f"feature.{name}"] = Input(np.int64, ("batch", "time"), 0, len(values) + 1)
    slices = {f".{n}": own for n, own in vocabulary.slices.items()} if vocabulary.further else {"": slice(None)}

    def forward(model: Any, x: Named) -> Named:
        features = [x[f"feature.{name}"].T for name in vocabulary.features]
        read, lengths = words.read(model, x)
        scores = model.scores(read, features, lengths)  # (T, B, K)
        found = {"emissions": scores.swapaxes(0, 1)}
        tagger = replace(predictor, model=model)
        chains = {f".{name}": own.crf for name, own in tagger.targets.items()} or {"": tagger.crf}
        for name, chain in chains.items():
            if chain is not None:
                own = {part: ops.put(getattr(chain, part), scores) for part in ("start", "transitions", "end")}
                found |= {f"{part}{name}": array for part, array in own.items()}
            if options.viterbi:
                found[f"best{name}"] = best(scores[..., slices[name]], x["lengths"], chain).swapaxes(0, 1)
        return found

    return {"": Part(inputs, forward)}


def best(emissions: Any, lengths: Any, chain: CRF | None) -> Any:
    """Return the most probable path of each sequence (Viterbi 1967): emissions (T, B, K), lengths (B,) -> labels
    (T, B), 0 in the padding. Backtracking is a recurrence too, over the reversed sequences."""
    T, B, K = emissions.shape
    inside = ops.arange(T, emissions)[:, None] < lengths[None]  # (T, B)
    if chain is None:
        return ops.where(inside, emissions.argmax(-1), 0)
    start, transitions, end = (ops.put(a, emissions) for a in (chain.start, chain.transitions, chain.end))
    held = ops.like(inside, emissions)[..., None]
    closes = ops.like(ops.arange(T, emissions)[:, None] == lengths[None] - 1, emissions)[..., None]
    first = ops.like(ops.arange(T, emissions) == 0, emissions)[:, None, None]
    own = emissions + closes * end + first * start
    rows = ops.concat([own, held, first + 0 * held])  # (T, B, K + 2)

    def step(row: Any, state: Any) -> Any:
        now, on, begins = row[:, :K], row[:, K : K + 1], row[:, K + 1 :]
        reached = ops.amax(state[0][:, :, None] + transitions[None], 1) * (1 - begins)
        return (on * (reached + now) + (1 - on) * state[0],)

    scores, _ = ops.loop(step, rows, (ops.zeros((B, K), emissions),))  # (T, B, K): of the best path to each
    ends = ops.reverse(scores, lengths)  # the first step back takes the best end

    def back(row: Any, state: Any) -> Any:
        chosen, begun = state
        after = ops.embedding(chosen[:, 0], transitions.T)  # (B, K)
        label = (row + begun * after).argmax(-1)[:, None]
        return label, 0 * begun + 1

    zero = ops.zeros((B, 1), emissions)
    labels, _ = ops.loop(back, ends, (ops.arange(1, emissions)[None] + 0 * lengths[:, None], zero))
    return ops.where(inside, ops.reverse(labels, lengths)[..., 0], 0)


def alone(predictor: Tagger, *, scored: bool) -> Tagger:
    """Return the predictor with all arrays of its graph in its model, those of its readers included."""
    return words.with_readers(predictor)


def about(predictor: Tagger) -> dict[str, Any]:
    """Return what a user of the graph needs besides the header."""
    return dict(words.about(predictor.vocabulary, predictor.frames))


def on_page(predictor: Tagger) -> dict[str, Any]:
    """Return what a page needs. Raises UsageError for a model that a page cannot run."""
    vocabulary = predictor.vocabulary
    if vocabulary.further or vocabulary.edits or vocabulary.features or predictor.words.rule is None:
        raise UsageError("a page cannot run a tagger of several targets, edits or columns, or one not for raw text")
    return {
        "about": words.on_page(vocabulary, predictor.frames),
        "labels": predictor.labels.parts,
        "rule": predictor.words.rule,
        "differing": predictor.words.differing,
        "temperature": predictor.temperature,
    }


def running(predictor: Tagger, run: Mapping[str, Any]) -> Tagger:
    """Return the predictor with its model run as a graph."""
    return replace(predictor, model=Exported(predictor.model, run))


def given(
    model: Any,
    sentences: Sequence[Sequence[str]],
    features: Sequence[Mapping[str, Sequence[str]]] = (),
    through: Sequence[Any] = (),
) -> dict[str, np.ndarray]:
    """Return the inputs of sentences that have at least one word."""
    found = words.given(model, model.vocabulary, sentences, through)
    for name in model.vocabulary.features:
        found[f"feature.{name}"] = ids = np.zeros_like(found["ids"])
        for row, own in zip(ids, features, strict=True):
            row[: len(own[name])] = model.vocabulary.feature_ids(name, own[name])
    return found


class Exported(Running):
    """A tagging model that is run as a graph."""

    def states(self, records: Sequence[Any]) -> list[Any]:
        """Return the input of the language models for records, in the place of their states."""
        return words.read_by(self.model, records)

    def emissions(
        self,
        sentences: Sequence[Sequence[str]],
        features: Sequence[Mapping[str, Sequence[str]]] = (),
        through: Sequence[Any] = (),
    ) -> list[np.ndarray]:
        """Return emissions as `models.TaggingModel.emissions` specifies."""
        empty = np.zeros((0, len(self.model.output_bias)), np.float32)
        found = [empty] * len(sentences)
        for group in words.groups([len(s) for s in sentences]):
            own = [features[i] for i in group] if features else ()
            read = [through[i] for i in group] if through else ()
            emissions = self.run[""](given(self.model, [sentences[i] for i in group], own, read))["emissions"]
            for i, scores in zip(group, emissions, strict=True):
                found[i] = scores[: len(sentences[i])]
        return found
