"""The work of `seqcli select`: rank records by uncertainty, or list doubtful labels.

Each task has a file here whose `open(asked, predictor, given)` returns its reader and its writer of records.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from seqcli import console, predictor, registry, scoring, threads
from seqcli.artifact import Artifact
from seqcli.cli import _filter
from seqcli.cli._options import Columns, Filtering, Given
from seqcli.datasets.reading import Reading as Said
from seqcli.errors import UsageError
from seqcli.records import one_line
from seqcli.selection.diversity import POOL, spread
from seqcli.selection.doubt import Contradicted
from seqcli.streams import Output

if TYPE_CHECKING:
    from seqcli.cli.select import Choosing, Reading, Writing

BATCH = 1024  # default number of records answered together


class Asked(NamedTuple):
    """The options of the command line."""

    files: list[str]
    choosing: Choosing
    reading: Reading
    columns: Columns
    writing: Writing
    how: Filtering

    @property
    def format(self) -> str | None:
        """The output format, if one is given."""
        return "jsonl" if self.writing.jsonl else self.writing.format

    def said(self, given: Given) -> Said:
        """Return how files are read."""
        own = {name: getattr(self.reading, name) for name in ("input", "text", "label", "tag", "field", "delimiter")}
        columns = {name: getattr(self.columns, name) for name in ("separator", "comments")}
        return Said(**own, **columns, columns=self.columns.names, check=given.check_format)


class Opened(NamedTuple):
    """A task's reader and writer of the records that are ranked."""

    reader: Any
    write: Any  # a task's `Writer`


@dataclass
class Best:
    """Keeps the `size` most uncertain records, the first of equal ones. A record's output is made when it is
    added."""

    size: int
    write: Callable[[Any, Any], str]
    held: list[tuple[float, int, str, str]] = field(
        default_factory=list
    )  # a heap: uncertainty, -number, written, text
    count: int = 0

    def __call__(self, record: Any, answer: Any) -> str:
        """Keep a record with its answer if it is among the most uncertain so far; return "", as nothing is written
        yet."""
        if answer.uncertainty is not None:
            key = answer.uncertainty, -self.count
            self.count += 1
            if len(self.held) < self.size:
                heapq.heappush(self.held, (*key, self.write(record, answer), record.text))
            elif key > self.held[0][:2]:
                heapq.heapreplace(self.held, (*key, self.write(record, answer), record.text))
        return ""

    def ranked(self) -> list[tuple[float, str, str]]:
        """Return the uncertainty, the output and the text of each record, the most uncertain first."""
        return [(unsure, written, text) for unsure, _, written, text in sorted(self.held, reverse=True)]


def run(asked: Asked, stored: Artifact, given: Given) -> None:
    """Write the records to label, or the doubtful labels. Raises SeqcliError."""
    limit = threads.limit(asked.how.threads or 1)  # noqa: F841  in force while it is referenced
    own, choosing = predictor.load(stored), asked.choosing
    task = registry.load(f"tasks/{own.task}", "select")
    own = own.recast(task.Selector)
    if hasattr(task, "check"):
        task.check(own, own.path)
    if choosing.doubtful:
        _doubtful(asked, own, task, given)
        return
    by = choosing.by or task.DEFAULT
    if by not in task.WAYS:
        raise UsageError(f"--by {by} does not apply to {own.path}: expected one of {', '.join(task.WAYS)}")
    if choosing.diverse and "frames" in own.header:
        raise UsageError(f"--diverse compares texts: {own.path} reads frames")
    reader, write = registry.load("cli/_selecting", own.task).open(asked, own, given)
    best = Best(choosing.count * (POOL if choosing.diverse else 1), write)
    settings = task.asked(own, by, asked.choosing.per_word, asked.reading)
    _filter.run(
        asked.files, reader, own, settings, best,
        batch_size=asked.how.batch_size or BATCH, how=asked.how, what="selecting",
    )  # fmt: skip
    ranked = best.ranked()
    if choosing.diverse:
        chosen = spread([text for *_, text in ranked], [unsure for unsure, *_ in ranked], choosing.count)
        ranked = [ranked[i] for i in chosen]
    out = Output()
    out.write(write.head() + "".join(written for _, written, _ in ranked))
    out.flush()
    console.say(f"the {len(ranked):,} most uncertain of {best.count:,} records, by {by}")


def _doubtful(asked: Asked, own: Any, task: Any, given: Given) -> None:
    """Write the labels of files that the model contradicts."""
    said = asked.said(given)
    name = said.tag or said.label
    own = own.of(name) if own.targets and name else own.first
    what, records = scoring.records(own, asked.files, said)
    if seen := scoring.trained_on(own, records):
        console.warn(
            f"{what}: {seen:,} of {len(records):,} records are the model's own training data, whose labels, even"
            " wrong ones, it has learnt: train on one part, and look for doubts in another"
        )
    with console.progress("looking for doubts", len(records), " records") as advance:
        found, unknown = task.doubts(own, records, advance)
    if unknown:
        console.warn(f"{what}: {unknown:,} labels that the model does not know are left out")
    out, shown = Output(), found[: asked.choosing.count]
    for doubt in shown:
        if asked.writing.jsonl:
            out.json(_members(doubt))
        else:
            out.write("\t".join(_cells(doubt)) + "\n")
    out.flush()
    console.say(f"{len(found):,} labels of {len(records):,} records are contradicted; {len(shown):,} are shown")


def _cells(doubt: Contradicted) -> list[str]:
    given = [doubt.place, doubt.gold, f"{doubt.confidence:.4f}", doubt.predicted, f"{doubt.probability:.4f}"]
    given += [doubt.text] if doubt.word is None else [doubt.word, doubt.text]
    return [one_line(cell).replace("\t", " ") for cell in given]


def _members(doubt: Contradicted) -> dict[str, Any]:
    own = {name: value for name, value in doubt._asdict().items() if value is not None}
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in own.items()}
