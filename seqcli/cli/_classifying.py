"""The work of `seqcli classify`: texts in, labels out, in order, by one process or several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from seqcli import artifact, registry, runs, threads
from seqcli.cli import _filter, _forms
from seqcli.cli._options import Filtering, Given
from seqcli.cli._reading import trained_roles
from seqcli.cli.classify import READ, Reading, Writing
from seqcli.errors import UsageError
from seqcli.formats import cell
from seqcli.labelled import Example, Options
from seqcli.tasks.classification.predict import Answer, Classifier, Settings

BATCH = 512  # texts answered together, where nothing else is said
SEPARATOR = ","  # of several labels in one cell
NONE = "-"  # what --else is where it is not given
DRAWN = 12  # texts in a picture


def run(
    files: Sequence[str], model: str | None, reading: Reading, writing: Writing, how: Filtering, given: Given
) -> None:
    """Classify what FILES say. Raises SeqcliError."""
    read = READ.chosen(files, reading.input, reading.field, writing.jsonl, given)
    _check(read, writing)
    stored = runs.open_model(model, "classify")
    limit = threads.limit(how.threads or 1)  # noqa: F841  holds as long as it is kept
    classifier = Classifier.open(stored)
    if writing.draw:
        from seqcli.insight.attention import check

        check(writing.draw)
    if writing.attention or writing.draw:
        classifier.answer([], Settings(attention=True))  # whether it can
    if writing.nodes:
        classifier.nodes(Example(""))
    options = Options(
        text=reading.field or reading.text, delimiter=reading.delimiter, header=reading.header, gold=False
    )
    reader = registry.load("labelled", read).Reader(options, trained_roles(stored))
    least = _least(writing, classifier, stored)
    most = writing.top or (None if classifier.multi_label else 1)
    settings = Settings(least, most, writing.nodes, writing.attention or bool(writing.draw))
    written = _forms.form(read, writing.jsonl, reader, Writer(writing, least, classifier.multi_label))
    drawn: list[tuple[Example, Answer]] = []

    def write(example: Example, answer: Answer) -> str:
        if writing.draw and len(drawn) < DRAWN and answer.ranking:
            drawn.append((example, answer))
        return written(example, answer)

    _filter.run(
        files, reader, Work(classifier, settings), write,
        model=stored.path, batch_size=how.batch_size or BATCH, how=how, what="classifying",
    )  # fmt: skip
    _forms.finish(written)
    if writing.draw:
        from seqcli.insight.attention import Looked, draw

        draw([Looked(e.text, a.attention or [], *(a.ranking[0])) for e, a in drawn], writing.draw)


def _check(read: str, writing: Writing) -> None:
    """Raise UsageError for what does not go together."""
    for name, value in (("--attention", writing.attention), ("--nodes", writing.nodes)):
        if value and not (writing.jsonl or read == "jsonl"):
            hint = "--draw FILE draws it" if name == "--attention" else ""
            raise UsageError(f"{name} goes with --jsonl", hint=hint)
    if any(c in writing.otherwise for c in "\t\n\r"):
        raise UsageError("--else: a tab or a line break cannot stand for a label")


def _least(writing: Writing, classifier: Classifier, stored: artifact.Artifact) -> float:
    if writing.target_precision is None:
        return writing.min_confidence or 0.0
    from seqcli.cli._splits import named_examples, threshold
    from seqcli.tasks.classification.score import answers_judged

    return threshold(
        writing.target_precision, stored, lambda: answers_judged(classifier, named_examples(stored, "valid")[1])
    )


@dataclass
class Work(_filter.Work):
    """What answers texts; it travels to other processes without its classifier."""

    classifier: Classifier | None
    settings: Settings

    @property
    def complete(self) -> bool:  # type: ignore[override]
        """A model that reads no tokens has a symbol for everything."""
        return self.classifier is not None and not self.classifier.vocabulary.words

    def ready(self, record: Example | str) -> Example:
        """The text as the model reads it."""
        assert self.classifier is not None
        return self.classifier.prepare(Example(record) if isinstance(record, str) else record)

    def lacking(self, record: Example) -> Sequence[tuple[int, str]]:
        """Its tokens that are none of the vocabulary's."""
        assert self.classifier is not None
        return self.classifier.vocabulary.unknown(record.words or ())

    def where(self, record: Example, number: int) -> int:
        """Where a token begins in the text."""
        assert self.classifier is not None
        return self.classifier.reading.places(record)[number][0]

    def answer(self, records: list[Example]) -> list[Answer]:
        """Labels of each text."""
        assert self.classifier is not None
        return self.classifier.answer(records, self.settings)

    def packed(self) -> Work:
        """The work without its classifier."""
        return replace(self, classifier=None)

    def unpack(self, model: Path) -> None:
        """Open the classifier."""
        self.classifier = Classifier.open(artifact.read(model))

    def light(self, record: Example) -> Example | str:
        """A text alone, or with its tree: what only its writer needs stays."""
        return record.text if record.tree is None else Example(record.text, words=record.words, tree=record.tree)


# what is written


@dataclass(frozen=True)
class Writer(_forms.Writer):
    """Answers as they are written: lines of labels and probabilities, JSON objects, or rows with two more columns."""

    asked: Writing
    least: float
    several: bool  # whether the model gives a text several labels
    names: ClassVar[Sequence[str]] = ("predicted", "probability")

    def given(self, answer: Answer) -> list[tuple[str, float]]:
        """The labels that are written, with their probabilities."""
        if self.asked.top:
            return [pair for pair in answer.ranking[: self.asked.top] if pair[1] >= self.least]
        own = set(answer.labels)
        return [pair for pair in answer.ranking if pair[0] in own]

    def parts(self, answer: Answer) -> list[str]:
        """Labels and probabilities in turn; what --else says where no label is given, with the best one's."""
        best = answer.ranking[0][1] if answer.ranking else 0.0
        return [
            part for label, p in self.given(answer) or [(self.asked.otherwise, best)] for part in (label, f"{p:.4f}")
        ]

    def cells(self, answer: Answer) -> list[str]:
        """Two cells: labels and probabilities; several labels share their cell."""
        cells = self.parts(answer)
        return [SEPARATOR.join(cells[0::2]), SEPARATOR.join(cells[1::2])]

    def line(self, example: Example, answer: Answer) -> str:
        """As text."""
        if len(answer.labels) == len(answer.ranking) == 1 and not self.asked.top:  # the common case, at half the cost
            label, p = answer.ranking[0]
            return f"{cell(label)}\t{p:.4f}\n"
        return "\t".join(map(cell, self.parts(answer))) + "\n"

    def results(self, example: Example, answer: Answer) -> list[dict[str, Any]]:
        """What stands under `seqcli` in a JSON object."""
        given = self.given(answer)
        label, p = given[0] if given else (None, answer.ranking[0][1] if answer.ranking else None)
        if label is None and self.asked.otherwise != NONE:
            label = self.asked.otherwise
        found: dict[str, Any] = {"label": label, "probability": None if p is None else round(p, 6)}
        if self.asked.top or self.several:
            found["labels"] = [{"label": name, "probability": round(p, 6)} for name, p in given]
        if self.asked.attention and answer.attention is not None:
            found["tokens"] = [
                {"text": example.text[a:b], "start": a, "end": b, "weight": round(w, 6)}
                for a, b, w in answer.attention
            ]
        if answer.nodes is not None:
            found["nodes"] = [
                {"start": a, "end": b, "label": label, "probability": round(p, 6)} for a, b, label, p in answer.nodes
            ]
        return [found]
