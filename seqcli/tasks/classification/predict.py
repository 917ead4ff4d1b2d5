"""Labelling texts with a trained model: text read as in training, calibrated probabilities, answers."""

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
from seqcli.tasks.classification.reading import Reading

if TYPE_CHECKING:
    from seqcli.report import Report

HALF = 0.5  # a label of several is given from this probability on, where no other threshold was fitted


@dataclass(frozen=True)
class Settings:
    """What is asked of an answer."""

    least: float = 0.0  # a label less probable than this is not given
    most: int | None = None  # so many labels are ranked at most; None: all
    nodes: bool = False  # the label of every node of a tree; of a recursive model
    attention: bool = (
        False  # how much the model looks at each token; of one whose pooling is attention, or pair attend
    )
    explain: bool = False  # what each token does to the probability of the most probable label


class Answer(NamedTuple):
    """What was found for one text."""

    labels: list[str]  # those given: one or none; of multi-label data any number, the most probable first
    ranking: list[tuple[str, float]]  # labels with their probabilities, the most probable first; [] for a blank text
    attention: list[tuple[int, int, float]] | None = None  # (start, end, weight) of each token, the weights sum to 1
    nodes: list[tuple[int, int, str, float]] | None = None  # (start, end, label, probability), see `Classifier.nodes`
    explained: list[Token] | None = None  # of the most probable label
    terms: Terms | None = None  # what its n-grams add to its score, of a model that is their sum
    hops: list[list[float]] | None = (
        None  # of each token, its weight in each hop, where one text looks over the other
    )
    steps: list[tuple[int, float]] | None = None  # (first frame, weight) of what is looked at, in the place of tokens
    further: Mapping[str, Answer] = {}  # of the other targets, where there are several
    uncertainty: float | None = None  # where records are ranked by it, see `selection`


NOTHING = Answer([], [])  # for a blank text


class Fitted(NamedTuple):
    """What is fitted on the validation split to the scores of one target."""

    temperature: float = 1.0
    beside: ClassifyingModel | None = None  # a linear model of the same texts whose logits are added, so often
    share: float = 0.0


@dataclass(frozen=True)
class Classifier(HasTargets, BasePredictor):
    """A model with all that turns its scores into answers, in the shell and from Python; of several targets the
    labels are those of the first, and an answer has the others'."""

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
        """What is scored where a label is said: one of several targets alone, by its name; the first, where it is
        another column or key of files. Raises UsageError where there are none, and no such target."""
        if label is None or not self.targets:
            return self
        return self.targets.get(label, self.first) if files else self.of(label)

    @property
    def labels(self) -> list[str]:
        """The labels that it gives, sorted."""
        return self.vocabulary.labels

    # records

    def quick(self, asked: Settings) -> bool:
        """Features of a text that are counted, unless they are to be explained."""
        return self.reading.frames is None and not hasattr(self.model, "loss") and not asked.explain

    @property
    def complete(self) -> bool:
        """A model that reads no tokens has a symbol for everything."""
        return not self.vocabulary.words

    def light(self, record: Example) -> Example | str:
        """A text alone, or with its tree, or where it stands, which tells where the files are that it names."""
        if record.tree is None and self.reading.frames is None:
            return record.text
        return Example(record.text, words=record.words, tree=record.tree, source=record.source)

    def ready(self, record: Example | str | Sequence[str]) -> Example:
        """The example with its words or frames, as the model reads them; of several texts a sequence of them."""
        if isinstance(record, Example):
            return self.reading(record)
        return self.reading(Example(record if isinstance(record, str) else together(record)))

    def holds(self, path: str | Path) -> list[str] | None:
        """A recording, arrays, or a folder of those, of a model that reads frames."""
        return None if self.reading.frames is None else self.reading.frames.holds(path)

    def lacking(self, record: Example) -> Sequence[tuple[int, str]]:
        """Its tokens that are none of the vocabulary's."""
        return self.vocabulary.unknown(record.words or ())

    def where(self, record: Example, number: int) -> int:
        """Where a token begins in the text."""
        return self.reading.places(record)[number][0]

    # from Python

    def classify(self, text: str | Sequence[str]) -> dict[str, float]:
        """Every label's probability, the most probable first; they add up to 1, unless a text may have several labels
        (`chosen` says which it has). Of a blank text nothing is known: an empty dict. A model of
        several texts takes a sequence of them; SeqcliError for too many or too few."""
        return dict(self.answer([self.ready(text)])[0].ranking)

    def chosen(self, text: str | Sequence[str]) -> list[str]:
        """The labels of a text: one, or of a model of several labels any number, the most probable first."""
        return self.answer([self.ready(text)])[0].labels

    # answers

    def writer(self) -> Any:
        return registry.load("tasks/classification", "show").Writer(targets=[*self.targets][1:])

    def probabilities(self, examples: Sequence[Example]) -> np.ndarray:
        """(N, K) float64 of examples that are ready, of the first target: they add up to 1, or are each their own
        (multi-label)."""
        return next(iter(self.each(self.model.logits(examples), examples).values()))

    def logits(self, examples: Sequence[Example]) -> np.ndarray:
        """(N, K) float64 of examples that are ready, those of the linear model added where there is one."""
        return self._with_linear(self.model.logits(examples), examples)

    def _with_linear(self, logits: np.ndarray, examples: Sequence[Example]) -> np.ndarray:
        own = logits.astype(np.float64)
        if self.beside is None or not self.share:
            return own
        return own + self.share * self.beside.logits(examples).astype(np.float64)

    def each(self, logits: np.ndarray, examples: Sequence[Example]) -> dict[str, np.ndarray]:
        """The probabilities (N, K) of each target of a model's logits of examples."""
        if not self.targets:
            return {"": self.of_logits(self._with_linear(logits, examples), self.temperature)}
        parts = zip(self.targets.items(), self.vocabulary.slices.values(), strict=True)
        return {name: own.each(logits[:, at], examples)[""] for (name, own), at in parts}

    def of_logits(self, logits: np.ndarray, temperature: float) -> np.ndarray:
        """Probabilities of logits (N, K) float64, at a temperature."""
        z = logits / temperature
        if self.multi_label:
            return 0.5 * (1 + np.tanh(0.5 * z))
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def given(self, probabilities: np.ndarray) -> np.ndarray:
        """(N, K) bool: the labels that are given."""
        if self.multi_label:
            return probabilities >= (HALF if self.thresholds is None else self.thresholds)
        return np.arange(probabilities.shape[1]) == probabilities.argmax(axis=1)[:, None]

    def answer(self, examples: Sequence[Example], settings: Settings = Settings()) -> list[Answer]:
        """An answer for each example, in their order; a blank text has none."""
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
        """Answers with the probabilities (N, K) of one target, and what each token weighs."""
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
        """(start, end, label, probability) of each node of a ready example's tree, children before their parent:
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
        """Answers with the most probable label alone, where no more is asked for: what a filter gives mostly."""
        best, labels = probabilities.argmax(axis=1), self.labels
        most = np.take_along_axis(probabilities, best[:, None], axis=1)[:, 0].tolist()
        return [
            Answer([label] if p >= least else [], [(label, p)])
            if not example.text.isspace() and example.text
            else NOTHING
            for example, label, p in zip(examples, [labels[k] for k in best.tolist()], most, strict=True)
        ]

    def _read(self, examples: Sequence[Example], attention: bool) -> tuple[np.ndarray, list[np.ndarray] | None]:
        """Logits (N, K), and what each token weighs where that is asked for. Raises UsageError where nothing does."""
        if not attention:
            return self.model.logits(examples), None
        if getattr(self.model, "pooling", None) != "attention" and getattr(self.model, "pair", None) != "attend":
            how = "train one with model.pooling: attention, or of two texts with model.pair: attend"
            raise UsageError("this model does not weigh its tokens", hint=how)
        return self.model.read(examples)  # type: ignore[attr-defined]


def part_of_linear(target: int) -> str:
    """Under which name a model's file has the arrays of the linear model beside the first, second … target."""
    return f"linear{target or ''}"


def _linear(stored: Artifact, vocabulary: Vocabulary, part: str) -> ClassifyingModel | None:
    """The linear model of one target in a model's file."""
    if "linear" not in stored.header:
        return None
    kind = registry.load("models", stored.header["linear"]["kind"])
    return kind.Model.restore(kind.Config(**stored.header["linear"]), vocabulary, stored.part(part))


Predictor = Classifier
