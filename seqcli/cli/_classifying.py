"""The work of `seqcli classify`: texts in, labels out, in order, by one process or several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from seqcli import forms, runs, threads
from seqcli.cli import _filter, _streaming
from seqcli.cli._options import Confidence, Filtering, Given, check_otherwise
from seqcli.cli._reading import STREAMS, TEXTS
from seqcli.errors import UsageError
from seqcli.insight.coloured import can_colour
from seqcli.records import ROWS, Example
from seqcli.tasks.classification.predict import Answer, Classifier, Settings
from seqcli.tasks.classification.show import Writer

if TYPE_CHECKING:
    from seqcli.cli.classify import Reading, Writing

BATCH, QUICK = 512, 2048  # default number of texts answered together
DRAWN = 12  # the most texts in a picture


class Asked(NamedTuple):
    """The options of the command line."""

    reading: Reading
    writing: Writing
    sure: Confidence
    how: Filtering


def run(files: Sequence[str], model: str | None, asked: Asked, given: Given) -> None:
    """Classify the texts of FILES. Raises SeqcliError."""
    reading, writing, sure, how = asked
    if reading.input in STREAMS:
        _streaming.run(
            files,
            reading.input,
            runs.open_model(model, "classify"),
            given,
            _streaming.How(writing.jsonl, how.threads),
        )
        return
    stored = runs.open_model(model, "classify")
    trained = stored.header["data"].get("format")
    read = TEXTS.chosen(files, reading.input, reading.field, writing.jsonl, given, trained)
    _check(read, writing)
    limit = threads.limit(how.threads or 1)  # noqa: F841  in force while it is referenced
    classifier = Classifier.open(stored)
    if writing.draw:
        from seqcli.insight.attention import check

        check(writing.draw)
    if writing.attention or writing.draw:
        classifier.answer([], Settings(attention=True))  # raises if it cannot
    if writing.draw and classifier.reading.frames is not None:
        raise UsageError("--draw draws words: this model reads frames", hint="--attention --jsonl gives the weights")
    if writing.nodes:
        classifier.nodes(Example(""))
    reader = TEXTS.reader(read, reading, stored.header)
    if classifier.targets and sure.target_precision is not None:
        several = ", ".join(classifier.targets)
        raise UsageError(f"--target-precision is for one target: this model gives {several}")
    least = sure.least(classifier)
    most = writing.top or (None if classifier.multi_label else 1)
    settings = Settings(least, most, writing.nodes, writing.attention or bool(writing.draw), writing.explain)
    further = [*classifier.targets][1:]
    writer = Writer(writing.top, writing.otherwise, least, classifier.multi_label, writing.attention, further)
    written = forms.form(read, writing.jsonl, reader, writer)
    drawn: list[tuple[Example, Answer]] = []

    def write(example: Example, answer: Answer) -> str:
        if len(drawn) < DRAWN and answer.ranking:
            drawn.append((example, answer))
        return written(example, answer)

    _filter.run(
        files, reader, classifier, settings, write if writing.draw else written,
        batch_size=how.batch_size or (QUICK if classifier.quick(settings) else BATCH), how=how, what="classifying",
    )  # fmt: skip
    forms.finish(written)
    if writing.draw:
        from seqcli.insight.attention import Looked, draw

        draw([Looked(e.text, a.attention or [], *(a.ranking[0])) for e, a in drawn], writing.draw)


def _check(read: str, writing: Writing) -> None:
    """Raise UsageError for options that exclude each other."""
    for name, value in (("--attention", writing.attention), ("--nodes", writing.nodes)):
        if value and not (writing.jsonl or read == "jsonl"):
            hint = "--draw FILE draws it" if name == "--attention" else ""
            raise UsageError(f"{name} needs --jsonl", hint=hint)
    if writing.explain and not (writing.jsonl or read == "jsonl" or (can_colour() and read not in ROWS)):
        raise UsageError("--explain needs --jsonl, or text output on a terminal with colours")
    check_otherwise(writing.otherwise, "a label")
