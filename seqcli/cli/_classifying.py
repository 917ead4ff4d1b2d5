"""The work of `seqcli classify`: texts in, labels out, in order, by one process or several."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seqcli import artifact, registry, runs, streams, threads
from seqcli.classification import Answer, Classifier, Settings
from seqcli.cli import _records
from seqcli.cli._columns import Columns
from seqcli.cli.classify import READ
from seqcli.errors import UsageError
from seqcli.formats import cell, jsonl
from seqcli.labelled import Example, Options, write_again

COLUMNS = ("predicted", "probability")  # what tsv and csv get
SEPARATOR = ","  # of several labels in one of their cells
NONE = "-"  # what --else is where it is not given
DRAWN = 12  # texts in a picture


@dataclass(frozen=True)
class Request:
    """What the command line asks for."""

    files: Sequence[str]
    model: str | None
    top: int | None
    input: str | None
    text: str | None
    delimiter: str | None
    header: bool | None
    jsonl: bool
    field: str | None
    min_confidence: float | None
    target_precision: float | None
    otherwise: str
    attention: bool
    nodes: bool
    draw: str | None
    batch_size: int


def run(request: Request, jobs: int, wanted_threads: int) -> None:
    """Classify what FILES say. Raises SeqcliError."""
    read = _format(request)
    stored = runs.open_model(request.model, "classify")
    limit = threads.limit(wanted_threads)  # noqa: F841  holds as long as it is kept
    classifier = Classifier.open(stored)
    if request.draw:
        from seqcli.insight.attention import check

        check(request.draw)
    if request.attention or request.draw:
        classifier.answer([], Settings(attention=True))  # whether it can
    if request.nodes:
        classifier.nodes(Example(""))
    reader = registry.load("labelled", read).Reader(
        Options(text=request.field or request.text, delimiter=request.delimiter, header=request.header, gold=False)
    )
    least = _least(request, classifier, stored)
    most = request.top or (None if classifier.multi_label else 1)
    settings = Settings(least, most, request.nodes, request.attention or bool(request.draw))
    writer = Writer(request.top, least, request.otherwise, request.attention, classifier.multi_label)
    columns = Columns(reader, COLUMNS, writer.columns, write_again) if read in ("tsv", "csv") else None
    written = columns or (writer.again if read == "jsonl" else writer.object if request.jsonl else writer.line)
    drawn: list[tuple[Example, Answer]] = []

    def write(example: Example, answer: Answer) -> str:
        if request.draw and len(drawn) < DRAWN and answer.ranking:
            drawn.append((example, answer))
        return written(example, answer)

    _records.run(
        request.files, reader, Work(classifier, settings), write,
        model=stored.path, batch_size=request.batch_size, jobs=jobs,
    )  # fmt: skip
    if columns:
        streams.Output().write(columns.head())  # of a source without rows
    if request.draw:
        from seqcli.insight.attention import Looked, draw

        draw([Looked(e.text, a.attention or [], *(a.ranking[0])) for e, a in drawn], request.draw)


def _format(request: Request) -> str:
    """What is read. Raises UsageError for what does not go together."""
    named, rows = {"--text": request.text}, {"--delimiter": request.delimiter, "--header": request.header}
    read = READ.chosen(request.input, request.field, request.jsonl, named, rows)
    for name, value in (("--attention", request.attention), ("--nodes", request.nodes)):
        if value and not (request.jsonl or read == "jsonl"):
            hint = "--draw FILE draws it" if name == "--attention" else ""
            raise UsageError(f"{name} goes with --jsonl", hint=hint)
    if any(c in request.otherwise for c in "\t\n\r"):
        raise UsageError("--else: a tab or a line break cannot stand for a label")
    return read


def _least(request: Request, classifier: Classifier, stored: artifact.Artifact) -> float:
    if request.target_precision is None:
        return request.min_confidence or 0.0
    from seqcli.classification.evaluation import answers_judged
    from seqcli.cli._splits import named_examples, threshold

    return threshold(
        request.target_precision, stored, lambda: answers_judged(classifier, named_examples(stored, "valid")[1])
    )


@dataclass
class Work:
    """What answers texts; it travels to other processes without its classifier."""

    classifier: Classifier | None
    settings: Settings

    def prepare(self, record: Example) -> Example:
        """The text as it is: it is read where it is answered."""
        return record

    def __call__(self, records: list[Example | str]) -> list[Answer]:
        assert self.classifier is not None
        examples = [Example(r) if isinstance(r, str) else r for r in records]
        return self.classifier.answer([self.classifier.prepare(e) for e in examples], self.settings)

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
class Writer:
    """Answers as they are written: lines of labels and probabilities, JSON objects, or rows with two more columns."""

    top: int | None
    least: float
    otherwise: str
    attention: bool
    several: bool  # whether the model gives a text several labels

    def given(self, answer: Answer) -> list[tuple[str, float]]:
        """The labels that are written, with their probabilities."""
        if self.top:
            return [pair for pair in answer.ranking[: self.top] if pair[1] >= self.least]
        own = set(answer.labels)
        return [pair for pair in answer.ranking if pair[0] in own]

    def cells(self, answer: Answer) -> list[str]:
        """Labels and probabilities in turn; what --else says where no label is given, with the best one's."""
        best = answer.ranking[0][1] if answer.ranking else 0.0
        return [part for label, p in self.given(answer) or [(self.otherwise, best)] for part in (label, f"{p:.4f}")]

    def columns(self, answer: Answer) -> list[str]:
        """Two cells: labels and probabilities; several labels share their cell."""
        cells = self.cells(answer)
        return [SEPARATOR.join(cells[0::2]), SEPARATOR.join(cells[1::2])]

    def line(self, example: Example, answer: Answer) -> str:
        """As text."""
        if len(answer.labels) == len(answer.ranking) == 1 and not self.top:  # the common case, at half the cost
            label, p = answer.ranking[0]
            return f"{cell(label)}\t{p:.4f}\n"
        return "\t".join(map(cell, self.cells(answer))) + "\n"

    def result(self, example: Example, answer: Answer) -> dict[str, Any]:
        """What stands under `seqcli` in a JSON object."""
        given = self.given(answer)
        label, p = given[0] if given else (None, answer.ranking[0][1] if answer.ranking else None)
        if label is None and self.otherwise != NONE:
            label = self.otherwise
        found: dict[str, Any] = {"label": label, "probability": None if p is None else round(p, 6)}
        if self.top or self.several:
            found["labels"] = [{"label": name, "probability": round(p, 6)} for name, p in given]
        if self.attention and answer.attention is not None:
            found["tokens"] = [
                {"text": example.text[a:b], "start": a, "end": b, "weight": round(w, 6)}
                for a, b, w in answer.attention
            ]
        if answer.nodes is not None:
            found["nodes"] = [
                {"start": a, "end": b, "label": label, "probability": round(p, 6)} for a, b, label, p in answer.nodes
            ]
        return found

    def object(self, example: Example, answer: Answer) -> str:
        """A new JSON object."""
        text = example.text or (example.raw.body if example.raw else "")  # a blank line as it was
        written, result = (json.dumps(v, ensure_ascii=False) for v in (text, self.result(example, answer)))
        return f'{{"text": {written}, "seqcli": {result}}}\n'

    def again(self, example: Example, answer: Answer) -> str:
        """The object that was read, with the result as its last member; a blank line as it was."""
        raw = example.raw
        blank = not raw.body.strip(" \t\r")
        return raw.before + (raw.body if blank else jsonl.joined(raw.body, self.result(example, answer))) + raw.end
