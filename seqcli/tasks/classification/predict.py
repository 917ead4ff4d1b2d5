"""Label texts with a trained model: read text as in training, calibrate probabilities, build answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqcli import models, registry
from seqcli.artifact import Artifact
from seqcli.datasets.vocabulary import Vocabulary, of_each
from seqcli.errors import UsageError
from seqcli.insight.leaving import Token
from seqcli.models import ClassifyingModel
from seqcli.predictor import BasePredictor, HasTargets
from seqcli.reader import known
from seqcli.records import LABELLED, Example, together
from seqcli.tasks.classification.explain import Terms, explained, summed
from seqcli.tasks.classification.labels import FIRST, begins_with_label
from seqcli.tasks.classification.reading import Reading

if TYPE_CHECKING:
    from seqcli.report import Report

HALF = 0.5  # in multi-label data, the least probability of a given label if no threshold was fitted


@dataclass(frozen=True)
class Settings:
    """What an answer should contain."""

    least: float = 0.0  # drop labels less probable than this
    most: int | None = None  # rank at most so many labels; None: all
    nodes: bool = False  # add the label of every node of a tree; for a recursive model
    attention: bool = False  # add the attention on each token; for a model with pooling: attention or pair: attend
    explain: bool = False  # add the effect of each token on the probability of the most probable label


class Answer(NamedTuple):
    """The answer for one text."""

    labels: list[str]  # those given: one or none; for multi-label data any number, most probable first
    ranking: list[tuple[str, float]]  # labels with their probabilities, most probable first; [] for a blank text
    attention: list[tuple[int, int, float]] | None = None  # (start, end, weight) of each token, the weights sum to 1
    nodes: list[tuple[int, int, str, float]] | None = None  # (start, end, label, probability), see `Classifier.nodes`
    explained: list[Token] | None = None  # the effect of each token on the most probable label
    terms: Terms | None = None  # what n-grams add to its score, for a model that is a sum over n-grams
    hops: list[list[float]] | None = None  # the weight of each token in each hop, if one text attends to the other
    steps: list[tuple[int, float]] | None = None  # (first frame, weight) of each step, for frames instead of tokens
    further: Mapping[str, Answer] = {}  # answers of the other targets, if there are several
    uncertainty: float | None = None  # set when records are ranked by it, see `selection`


NOTHING = Answer([], [])  # for a blank text


class Fitted(NamedTuple):
    """What is fitted on the validation split for one target."""

    temperature: float = 1.0
    beside: ClassifyingModel | None = None  # a linear model of the same texts whose logits are added
    share: float = 0.0  # with this weight


@dataclass(frozen=True, repr=False)
class Classifier(HasTargets, BasePredictor):
    """A classifier in use: a model with everything that turns its scores into answers, in the shell and from Python;
    with several targets, `labels` are those of the first, and an answer holds the others too."""

    task = "classification"
    kind = LABELLED
    settings = Settings

    model: ClassifyingModel
    vocabulary: Vocabulary  # its labels are the classes
    reading: Reading
    multi_label: bool = False
    temperature: float = 1.0
    thresholds: np.ndarray | None = None  # (K,) of multi-label data
    beside: ClassifyingModel | None = None  # see `Fitted`
    share: float = 0.0
    others: Mapping[str, Fitted] = field(default_factory=dict)  # of further targets
    target: str = ""

    @classmethod
    def _restored(cls, stored: Artifact, *others: Artifact) -> Classifier:
        vocabulary, header = known(stored), stored.header
        decoding: Mapping[str, Any] = header.get("decoding", {})
        thresholds = decoding.get("label_thresholds")
        own, further, shares = of_each(vocabulary), {}, decoding.get("linear_shares", {})
        beside = [_linear(stored, v, part_of_linear(i)) for i, v in enumerate(own.values())]
        for linear, name in zip(beside[1:], vocabulary.further, strict=True):
            temperature = decoding.get("temperatures", {}).get(name, 1.0)
            further[name] = Fitted(temperature, linear, shares.get(name, 0.0))
        return cls(
            models.restore(stored, vocabulary),
            vocabulary,
            Reading.of(stored),
            header["data"]["multi_label"],
            decoding.get("temperature", 1.0),
            None if thresholds is None else np.array([thresholds[label] for label in vocabulary.labels]),
            beside[0],
            decoding.get("linear_share", 0.0),
            further,
            header=header,
            files=(stored.path,),
        )

    def _only(self, name: str) -> Classifier:
        own = self.others[name] if name in self.others else Fitted(self.temperature, self.beside, self.share)
        model, known = self.model.only(name), self.vocabulary.only(name)  # type: ignore[attr-defined]
        return replace(self, model=model, vocabulary=known, others={}, target=name, **own._asdict())

    def evaluate(self, files: str | Path | Sequence[str | Path] | None = None, **asked: Any) -> Report:
        return super(Classifier, self.scored_by(asked.get("label"), files)).evaluate(files, **asked)

    def scored_by(self, label: str | None, files: Any) -> Classifier:
        """Return the classifier to score when a label is named: the target of that name alone; for files also the
        first target, if `label` is another column or key. Raises UsageError for an unknown target without files."""
        if label is None or not self.targets:
            return self
        return self.targets.get(label, self.first) if files else self.of(label)

    @property
    def labels(self) -> list[str]:
        """The labels that the model knows, sorted."""
        return self.vocabulary.labels

    # records

    def quick(self, asked: Settings) -> bool:
        """Whether answers are faster than another process: for counted features, unless they are explained."""
        return self.reading.frames is None and not hasattr(self.model, "loss") and not asked.explain

    @property
    def complete(self) -> bool:
        """Whether the model has a symbol for everything, as one that reads no tokens does."""
        return not self.vocabulary.words

    def prepare(self, record: Example, asked: Any) -> Example:
        """Return the record; warn once if the first ones begin with labels."""
        if self.counted["begun"] < FIRST:
            begins_with_label(record, self.header["data"], self.vocabulary.label_ids, self.counted)
        return record

    def light(self, record: Example) -> Example | str:
        """Return the text alone, or with its tree, or with its source, to which files that it names are relative."""
        if record.tree is None and self.reading.frames is None:
            return record.text
        return Example(record.text, words=record.words, tree=record.tree, source=record.source)

    def ready(self, record: Example | str | Sequence[str]) -> Example:
        """Return the example with its words or frames, as the model reads them; several texts come as a sequence."""
        if isinstance(record, Example):
            return self.reading(record)
        if not isinstance(record, str) and self.reading.texts == 1:
            hint = "call it for each: [model.classify(text) for text in texts]"
            raise UsageError("the model reads one text at a time, not a list of texts", hint=hint)
        return self.reading(Example(record if isinstance(record, str) else together(record)))

    def holds(self, path: str | Path) -> list[str] | None:
        """Return the records in a recording, a file of arrays, or a folder of these, for a model of frames."""
        return None if self.reading.frames is None else self.reading.frames.holds(path)

    def lacking(self, record: Example) -> Sequence[tuple[int, str]]:
        """Return its tokens that the vocabulary lacks."""
        return self.vocabulary.unknown(record.words or ())

    def where(self, record: Example, number: int) -> int:
        """Return where a token begins in the text."""
        return self.reading.places(record)[number][0]

    # from Python

    def classify(self, text: str | Sequence[str]) -> dict[str, float]:
        """Return every label's probability, most probable first; they sum to 1, unless a text may have several labels
        (`chosen` returns those that it has). A blank text gives an empty dict. A model of several texts takes a
        sequence of them. Raises SeqcliError for too many or too few texts."""
        return dict(self.answer([self.ready(text)])[0].ranking)

    def chosen(self, text: str | Sequence[str]) -> list[str]:
        """Return the labels of a text: one, or for a multi-label model any number, most probable first."""
        return self.answer([self.ready(text)])[0].labels

    # answers

    def writer(self) -> Any:
        return registry.load("tasks/classification", "show").Writer(targets=[*self.targets][1:])

    def probabilities(self, examples: Sequence[Example]) -> np.ndarray:
        """Return probabilities (N, K) float64 of ready examples, for the first target: they sum to 1, or are
        independent (multi-label)."""
        return next(iter(self.each(self.model.logits(examples), examples).values()))

    def logits(self, examples: Sequence[Example]) -> np.ndarray:
        """Return logits (N, K) float64 of ready examples, with those of the linear model added if there is one."""
        return self._with_linear(self.model.logits(examples), examples)

    def _with_linear(self, logits: np.ndarray, examples: Sequence[Example]) -> np.ndarray:
        own = logits.astype(np.float64)
        if self.beside is None or not self.share:
            return own
        return own + self.share * self.beside.logits(examples).astype(np.float64)

    def each(self, logits: np.ndarray, examples: Sequence[Example]) -> dict[str, np.ndarray]:
        """Return the probabilities (N, K) of each target from a model's logits of examples."""
        if not self.targets:
            return {"": self.of_logits(self._with_linear(logits, examples), self.temperature)}
        parts = zip(self.targets.items(), self.vocabulary.slices.values(), strict=True)
        return {name: own.each(logits[:, at], examples)[""] for (name, own), at in parts}

    def of_logits(self, logits: np.ndarray, temperature: float) -> np.ndarray:
        """Return the probabilities of logits (N, K) float64 at a temperature."""
        z = logits / temperature
        if self.multi_label:
            return 0.5 * (1 + np.tanh(0.5 * z))
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def given(self, probabilities: np.ndarray) -> np.ndarray:
        """Return a mask (N, K) of the labels that are given."""
        if self.multi_label:
            return probabilities >= (HALF if self.thresholds is None else self.thresholds)
        return np.arange(probabilities.shape[1]) == probabilities.argmax(axis=1)[:, None]

    def answer(self, examples: Sequence[Example], settings: Settings = Settings()) -> list[Answer]:
        """Return an answer for each example, in order; the answer for a blank text is empty."""
        if settings.explain:
            plain = self.answer(examples, replace(settings, explain=False))
            ids = self.vocabulary.label_ids
            best = [(ids[a.ranking[0][0]], a.ranking[0][1]) if a.ranking else (0, 0.0) for a in plain]
            tokens = explained(self.first, examples, best)
            sums = summed(self.first, examples, [label for label, _ in best])
            found = zip(plain, tokens, sums, strict=True)
            return [a._replace(explained=t, terms=s) if a.ranking else a._replace(explained=[]) for a, t, s in found]
        if settings.nodes:
            plain = self.answer(examples, replace(settings, nodes=False))
            return [a._replace(nodes=self.nodes(e)) for a, e in zip(plain, examples, strict=True)]
        logits, weights = self._read(examples, settings.attention)
        first, *further = self.each(logits, examples).items()
        found = self._answers(examples, first[1], weights, settings)
        others = [
            self.targets[name]._answers(examples, p, None, replace(settings, attention=False)) for name, p in further
        ]
        return (
            [
                a._replace(further={name: own[i] for (name, _), own in zip(further, others, strict=True)})
                for i, a in enumerate(found)
            ]
            if further
            else found
        )

    def _answers(
        self,
        examples: Sequence[Example],
        probabilities: np.ndarray,
        weights: list[np.ndarray] | None,
        settings: Settings,
    ) -> list[Answer]:
        """Return answers from the probabilities (N, K) of one target and the weights of tokens."""
        if settings.most == 1 and not self.multi_label and weights is None:
            return self._best(examples, probabilities, settings.least)
        given = (self.given(probabilities) & (probabilities >= settings.least)).tolist()
        order = np.argsort(-probabilities, axis=1, kind="stable")[:, : settings.most].tolist()
        labels, found = self.labels, []
        for i, (example, p, own, ranked) in enumerate(
            zip(examples, probabilities.tolist(), given, order, strict=True)
        ):
            if not example.text.strip():
                nothing: list[Any] | None = [] if settings.attention else None
                framed = self.reading.frames is not None
                found.append(Answer([], [], None if framed else nothing, steps=nothing if framed else None))
                continue
            seen, steps, hops = None, None, None
            if weights is not None and self.reading.frames is not None:
                every = self.model.front_end.every  # type: ignore[attr-defined]
                steps = [(t * every, float(w)) for t, w in enumerate(weights[i])]
            elif weights is not None:
                places, looked = self.reading.places(example), weights[i]
                if looked.ndim == 2:
                    hops, looked = looked.tolist(), looked.mean(axis=1)
                seen = [(a, b, float(w)) for (a, b), w in zip(places, looked, strict=True)]
            ranking = [(labels[k], p[k]) for k in ranked]
            found.append(Answer([labels[k] for k in ranked if own[k]], ranking, seen, hops=hops, steps=steps))
        return found

    def nodes(self, example: Example) -> list[tuple[int, int, str, float]]:
        """Return (start, end, label, probability) of each node of a ready example's tree, children before parents, in
        code points of its text, end exclusive. Raises UsageError for a model that reads no trees."""
        if not hasattr(self.model, "node_logits"):
            raise UsageError("this model has no labels at nodes", hint="train one with model.kind: recursive")
        found: list[tuple[int, int, str, float]] = []
        if not example.text.strip():
            return found
        places = iter(self.reading.places(example))
        open_: list[tuple[int, int]] = []
        for node, logits in self.model.node_logits(example):  # type: ignore[attr-defined]
            p = self.of_logits(logits[None].astype(np.float64), self.temperature)[0]
            if node.children:
                parts = open_[-len(node.children) :]
                del open_[-len(node.children) :]
                place = parts[0][0], parts[-1][1]
            else:
                place = next(places)
            open_.append(place)
            best = int(p.argmax())
            found.append((place[0], place[1], self.labels[best], float(p[best])))
        return found

    def _best(self, examples: Sequence[Example], probabilities: np.ndarray, least: float) -> list[Answer]:
        """Return answers with only the most probable label, the usual case in a filter."""
        best, labels = probabilities.argmax(axis=1), self.labels
        most = np.take_along_axis(probabilities, best[:, None], axis=1)[:, 0].tolist()
        return [
            Answer([label] if p >= least else [], [(label, p)])
            if not example.text.isspace() and example.text
            else NOTHING
            for example, label, p in zip(examples, [labels[k] for k in best.tolist()], most, strict=True)
        ]

    def _read(self, examples: Sequence[Example], attention: bool) -> tuple[np.ndarray, list[np.ndarray] | None]:
        """Return logits (N, K), and the weights of tokens if asked for. Raises UsageError if the model has none."""
        if not attention:
            return self.model.logits(examples), None
        if getattr(self.model, "pooling", None) != "attention" and getattr(self.model, "pair", None) != "attend":
            how = "train one with model.pooling: attention, or of two texts with model.pair: attend"
            raise UsageError("this model does not weigh its tokens", hint=how)
        return self.model.read(examples)  # type: ignore[attr-defined]


def part_of_linear(target: int) -> str:
    """Return the name under which a model's file stores the linear model of the first, second … target."""
    return f"linear{target or ''}"


def _linear(stored: Artifact, vocabulary: Vocabulary, part: str) -> ClassifyingModel | None:
    """Restore the linear model of one target from a model's file; None if there is none."""
    if "linear" not in stored.header:
        return None
    kind = registry.load("models", stored.header["linear"]["kind"])
    return kind.Model.restore(kind.Config(**stored.header["linear"]), vocabulary, stored.part(part))


Predictor = Classifier
