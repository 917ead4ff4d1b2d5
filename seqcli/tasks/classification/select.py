"""Rank texts by how much labelling them would help, find doubtful labels, and write such texts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from seqcli import forms
from seqcli.columns import LABEL_NAMES
from seqcli.datasets.reading import trained_roles
from seqcli.errors import UsageError
from seqcli.records import (
    BOM,
    LABELLED,
    MARK,
    NOT,
    RESULT,
    ROWS,
    Example,
    Options,
    as_read,
    one_line,
    open_format,
    with_members,
)
from seqcli.selection import uncertainty
from seqcli.selection.doubt import Contradicted, Doubts
from seqcli.tasks.classification.labels import LEVELS
from seqcli.tasks.classification.predict import Answer, Classifier, Settings
from seqcli.tasks.classification.show import SEPARATOR

WAYS = uncertainty.WAYS
DEFAULT = "margin"
WRITES = ("tsv", "csv", "jsonl", "label-text", "fasttext")
SCORE = "uncertainty"  # the column or key that holds it
BATCH = 512  # texts whose labels are checked together


@dataclass(frozen=True)
class Asked(Settings):
    """Settings that rank texts."""

    by: str = DEFAULT
    target: str = ""  # which of several targets ranks them; "": the first


@dataclass(frozen=True)
class Selector(Classifier):
    """A classifier that adds its uncertainty to each answer."""

    settings: ClassVar[type] = Asked

    def answer(self, examples: Sequence[Example], settings: Asked = Asked()) -> list[Answer]:  # type: ignore[override]
        """Return an answer for each example with its `uncertainty`; None for a blank text."""
        found = super().answer(examples, settings)
        return [a._replace(uncertainty=a.further.get(settings.target, a).uncertainty) for a in found]

    def _answers(  # type: ignore[override]
        self, examples: Sequence[Example], probabilities: np.ndarray, weights: Any, settings: Asked
    ) -> list[Answer]:
        found = super()._answers(examples, probabilities, weights, settings)
        unsure = uncertainty.of_labels(probabilities, settings.by, several=self.multi_label).tolist()
        return [a._replace(uncertainty=u) if a.ranking else a for a, u in zip(found, unsure, strict=True)]


def asked(own: Classifier, by: str, per_word: bool, reading: Any) -> Asked:
    """Return the settings; `reading.label` names the one of several targets that ranks. Raises UsageError."""
    target = reading.label if own.targets and reading.label else ""
    if target:
        own.of(target)
    return Asked(most=None if own.multi_label else 1, by=by, target=target)


@dataclass
class Writer:
    """A writer of texts with predicted labels in the form of the training data: rows and objects that were read get
    their labels filled in, others become new records."""

    format: str
    read: str  # the format of the input
    reader: Any  # for rows: the reader that knows their columns; for new rows one that would read them
    names: Sequence[str]  # the columns or keys of the labels, one for each target
    texts: Sequence[str]  # the columns or keys of the texts
    multi_label: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)  # with which the training data was read

    @classmethod
    def of(cls, own: Classifier, format: str, read: str, reader: Any, label: str | None) -> Writer:
        """Create a writer that follows a model's training data; `label` is the column or key of its only target."""
        data, roles = own.header["data"], trained_roles(own.header)
        named = {role: name for role, name in roles.items() if not str(name).isdigit()}
        texts = [str(named.get("text", "text")), *data["options"].get("further", ())]
        names = list(own.targets) or [label or str(named.get("label", "labels" if own.multi_label else "label"))]
        if format in LEVELS:
            _check(own, format)
        options = data["options"] if format == data["format"] else {}
        if format in ROWS and read != format:
            kept: dict[str, Any] = {name: options.get(name) for name in ("delimiter", "quoting")}
            reader = open_format(LABELLED, format).Reader(Options(LABELLED, **kept, gold=False))
        return cls(format, read, reader, names, texts, own.multi_label, options)

    def __call__(self, example: Example, answer: Answer) -> str:
        """Return a record with its line end."""
        each = dict(zip(self.names, [answer, *answer.further.values()], strict=True))
        score = round(answer.uncertainty or 0.0, 6)
        if self.format == "jsonl":
            members: dict[str, Any] = (
                {} if self.read == "jsonl" else dict(zip(self.texts, self._of(example), strict=True))
            )
            members |= {name: own.labels if self.multi_label else own.labels[0] for name, own in each.items()}
            body = as_read(example)[0].removeprefix(BOM) if self.read == "jsonl" else "{}"
            return with_members(body, members | {RESULT: {SCORE: score}}) + "\n"
        between = self.options.get("label_separator") or SEPARATOR
        labels = {name: between.join(own.labels) for name, own in each.items()}
        if self.format in ROWS:
            return self._row(example, {**labels, SCORE: f"{score:.6f}"})
        own = [*each.values()][-1].labels  # of two levels, the whole label
        if self.format == "fasttext":
            own = [self.options.get("label_prefix", "__label__") + label for label in own]
        return one_line(" ".join([*own, example.text])) + "\n"

    def head(self) -> str:
        """Return the row with the columns' names; nothing if there is none."""
        if self.format not in ROWS:
            return ""
        between, quoted = self.reader.separator, self.reader.quoted
        if self.read != self.format:
            return "" if self._headless else forms.row([*self._fresh, SCORE], between, quoted=quoted) + "\n"
        if (line := self.reader.head) is None:
            return ""
        more = [name for name in (*self.names, SCORE) if self._place(name) is None]
        return between.join([line.body, *filter(None, [forms.row(more, between, quoted=quoted)])]) + (
            line.end or "\n"
        )

    @property
    def _fresh(self) -> list[str]:
        """The columns of new rows, with the labels before or after the texts as in training."""
        roles = {role: str(self.options.get(role) or "") for role in ("text", "label")}
        behind = all(name.isdigit() for name in roles.values()) and int(roles["text"]) < int(roles["label"])
        return [*self.texts, *self.names] if behind else [*self.names, *self.texts]

    @property
    def _headless(self) -> bool:
        """Whether new rows have no names, as in training: then the score has no column."""
        return self.options.get("header") is False

    def _row(self, example: Example, values: Mapping[str, str]) -> str:
        between, quoted = self.reader.separator, self.reader.quoted
        if self.read != self.format:
            own = {**dict(zip(self.texts, self._of(example), strict=True)), **values}
            names = self._fresh if self._headless else [*self._fresh, SCORE]
            return forms.row([own[name] for name in names], between, quoted=quoted) + "\n"
        body, end = as_read(example)
        cells = forms.cells_of(body.removeprefix(BOM), between, quoted=quoted) + [""] * example.missing
        for name, value in values.items():
            at, written = self._place(name), forms.row([value], between, quoted=quoted)
            cells[len(cells) if at is None else at : None if at is None else at + 1] = [written]
        return between.join(cells) + (end or "\n")

    def _of(self, example: Example) -> list[str]:
        """Return the texts of a record, one or several."""
        return _BETWEEN.split(example.text) if len(self.texts) > 1 else [example.text]

    def _place(self, name: str) -> int | None:
        """Return the index of the column of the input with this name; None if there is none."""
        if name.isdigit():
            return int(name) - 1
        known = [cell.strip().casefold() for cell in self.reader.header or ()]
        wanted = [name.casefold(), *(LABEL_NAMES if [name] == self.names else ())]
        return next((known.index(own) for own in wanted if own in known), None)


def _check(own: Classifier, format: str) -> None:
    """Raise UsageError for a format that cannot hold the labels: with spaces, or several for a text."""
    why = "labels contain spaces" if any(re.search(r"\s", label) for label in own.labels) else ""
    why = "a text has several labels" if own.multi_label and format == "label-text" else why
    why = "there are several targets" if own.targets and own.header["data"]["format"] not in LEVELS else why
    if why:
        raise UsageError(f"--format {format} cannot be used for {own.path}: {why}", hint="--format tsv, csv or jsonl")


_BETWEEN = re.compile(f" ?{MARK} ?")


def doubts(
    own: Classifier, examples: Sequence[Example], advance: Callable[[int], Any]
) -> tuple[list[Contradicted], int]:
    """Return the labels of texts that a classifier contradicts, most doubtful first, and the number of labels it does
    not know; for several targets, of the first. For multi-label data, the presence of each label and its absence
    (`!label`) are judged."""
    own, several = own.first, own.multi_label
    known, labels = own.vocabulary.label_ids, own.labels
    collected = [Doubts(2) for _ in labels] if several else [Doubts(len(labels))]
    unknown = 0
    for first, part in _batches(examples):
        aimed = [e.aimed(own.target) for e in part]
        p = own.probabilities([own.made_ready(e) for e in part])
        unknown += sum(label not in known for e in aimed for label in e.labels or ())
        if several:
            given = own.given(p).astype(np.int64)
            for k, label in enumerate(labels):
                there = np.array([label in (e.labels or ()) for e in aimed], np.int64)
                each = np.stack([1 - p[:, k], p[:, k]], axis=1)
                collected[k].add(first + np.arange(len(part)), there, each, given[:, k])
        else:
            ids = np.array([known.get((e.labels or [""])[0], -1) for e in aimed], np.int64)
            rows = np.flatnonzero(ids >= 0)
            collected[0].add(first + rows, ids[rows], p[rows])
        advance(len(part))
    found = [(k, doubt) for k, each in enumerate(collected) for doubt in each.found()]
    shown = []
    for k, doubt in sorted(found, key=lambda pair: (pair[1].confidence, pair[1].record, pair[0])):
        example = examples[doubt.record].aimed(own.target)
        names = [NOT + labels[k], labels[k]] if several else labels
        gold, other = names[doubt.label], names[doubt.other]
        place = example.place(label=True)
        shown.append(Contradicted(place, gold, doubt.confidence, other, doubt.probability, example.text))
    return shown, unknown


def _batches(examples: Sequence[Example]) -> Iterator[tuple[int, Sequence[Example]]]:
    return ((first, examples[first : first + BATCH]) for first in range(0, len(examples), BATCH))
