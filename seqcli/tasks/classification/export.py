"""Export a classifier as a graph: words in, probabilities out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from seqcli import console, ops
from seqcli.errors import UsageError
from seqcli.graph.parts import Input, Named, Part, Running
from seqcli.records import Example, apart, second
from seqcli.scoring import own_split
from seqcli.tasks import _words_graph as words
from seqcli.tasks.classification.fitting import fitted
from seqcli.tasks.classification.predict import Classifier

KINDS = ("classifier", "transformer-classification", "bag")


def parts(predictor: Classifier, options: Any) -> dict[str, Part]:
    """Return the classifier's only graph. Raises UsageError for a model that has none."""
    model, vocabulary, many = predictor.model, predictor.vocabulary, predictor.multi_label
    words.check(model, vocabulary, KINDS)
    if _compares(model) and vocabulary.states:
        raise UsageError("a model of two texts with pair: compare and a reader has no graph yet")
    inputs = words.inputs(model, vocabulary, "rows" if _compares(model) else "batch")
    if _looks(model):
        inputs["seconds"] = Input(np.int64, ("batch",), 0, 1)
    temperatures = [own.temperature for own in predictor.targets.values()] or [predictor.temperature]
    slices = vocabulary.slices if vocabulary.further else {"": slice(0, vocabulary.width)}

    def forward(model: Any, x: Named) -> Named:
        logits = model.scores(*words.read(model, x), None, x.get("seconds"))
        found = {"logits": logits}
        for (name, own), temperature in zip(slices.items(), temperatures, strict=True):
            scaled = logits[:, own] * (1 / temperature)
            found[f"probabilities{f'.{name}' if name else ''}"] = ops.sigmoid(scaled) if many else ops.softmax(scaled)
        return found

    return {"": Part(inputs, forward)}


def _compares(model: Any) -> bool:
    """Whether two texts are read apart: the second half of the rows has the second ones."""
    return getattr(model, "pair", "joined") == "compare"


def _looks(model: Any) -> bool:
    """Whether a first text attends to a second, and needs to know where that begins."""
    return getattr(model, "pair", "joined") == "attend"


def alone(predictor: Classifier, *, scored: bool) -> Classifier:
    """Return the predictor without the linear model beside a network, which a graph cannot hold, and with the
    temperature fitted again on the validation split; the arrays of its readers become its model's own. Raises
    SeqcliError if that data is not there."""
    predictor = words.with_readers(predictor)
    if not any(own.share for own in (predictor, *predictor.others.values())):
        return predictor
    left = "the graph holds only the network: the linear model beside it (model.linear) is left out"
    network = replace(predictor, beside=None, share=0.0, others={})
    if not scored or "valid" not in predictor.header["data"]["splits"]:
        console.warn(f"{left}, and probabilities, at the temperature fitted for both, are not calibrated")
        others = {name: own._replace(beside=None, share=0.0) for name, own in predictor.others.items()}
        return replace(network, others=others)
    console.warn(left)
    fresh, decoding = fitted(network, own_split(network, "valid")[1])
    return replace(fresh, header={**predictor.header, "decoding": decoding})


def about(predictor: Classifier) -> dict[str, Any]:
    """Return what a user of the graph needs besides the header."""
    return dict(words.about(predictor.vocabulary, predictor.reading.frames))


def on_page(predictor: Classifier) -> dict[str, Any]:
    """Return what a page needs. Raises UsageError for a model that a page cannot run."""
    reading, vocabulary = predictor.reading, predictor.vocabulary
    if vocabulary.further or reading.texts > 1 or reading.tokenizer is None:
        raise UsageError("a page cannot run a classifier of several targets or texts, or one without a tokenizer")
    own = reading.tokenizer
    thresholds = predictor.thresholds
    return {
        "about": words.on_page(vocabulary, reading.frames),
        "labels": vocabulary.labels,
        "reading": own,
        "names": None if own.kind == "word" else [own.symbol(i) for i in range(own.size)],
        "longest": reading.longest,
        "many": predictor.multi_label,
        "thresholds": None if thresholds is None else thresholds.tolist(),
        "temperature": predictor.temperature,
        "blank": predictor.model.logits([Example("", words=[])])[0].tolist(),  # of no words
    }


def running(predictor: Classifier, run: Mapping[str, Any]) -> Classifier:
    """Return the predictor with its model run as a graph."""
    return replace(predictor, model=Exported(predictor.model, run))


class Exported(Running):
    """A classification model that is run as a graph."""

    def logits(self, examples: Sequence[Example]) -> np.ndarray:
        """Return logits as `models.ClassifyingModel.logits` specifies."""
        framed = self.model.front_end is not None
        texts: list[list[Any]] = [[example.frames if framed else example.words or []] for example in examples]
        if _compares(self.model):
            texts = [[*map(list, apart(words))] for (words,) in texts]
        found = np.tile(self.model.output_bias, (len(texts), 1))
        through = words.read_by(self.model, examples)
        for group in words.groups([max(map(len, own)) for own in texts]):
            rows = [own for side in zip(*(texts[i] for i in group), strict=True) for own in side]
            given = words.given(self.model, self.model.vocabulary, rows, [through[i] for i in group if through])
            if _looks(self.model):
                given["seconds"] = np.array([second(own) for own in rows])
            found[group] = self.run[""](given)["logits"]
        return found
