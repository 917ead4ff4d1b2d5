"""Choose what to label next, or find labels that look wrong.

Records of FILES or standard input are ranked by how uncertain a tagger or classifier is about them, and the first N
are written, the most uncertain first, with the labels that the model predicts, to be corrected and trained on. Rows
and JSON lines come back with labels filled in, other texts in the format of the training data (--format overrides
that). The uncertainty of each stands beside it as `uncertainty`, in a comment, a key or a column if the format has
one.

--by chooses the measure of uncertainty: `margin`, the two most probable answers are close; `entropy`, over all
answers; `least`, the best answer is improbable; `span`, how many spans are expected to be wrong. For taggers it is
that of all tags of a sentence together, so that long sentences come first, unless --per-word divides it by the words.
--diverse takes texts that are unlike each other, among ten times as many.

--doubtful lists labels of FILES that the model contradicts with confidence, the most doubtful first: place, label,
its probability, the predicted label, its probability, for taggers the word, and the text.

\b
  seqcli select -m trec -n 200 questions.txt > to-correct.txt
  seqcli select -n 100 --diverse --format conllu < s.txt > to-correct.conllu
  seqcli select -m trec --doubtful labelled.tsv | head
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from seqcli.cli._options import (
    CLASSIFICATION,
    IN_ROWS,
    NAMED,
    TAGGING,
    DelimiterOption,
    FieldOption,
    Filtering,
    Given,
    HeaderOption,
    Model,
    TextOption,
    grouped,
    nothing_to_read,
    option,
)
from seqcli.cli.eval import TagColumns
from seqcli.errors import UsageError

WAYS = ("margin", "entropy", "least", "span")
ALONE = ("by", "per_word", "diverse", "format", "batch_size", "jobs", "longest", "errors", "unknown", "header")


@dataclass(frozen=True)
class Choosing:
    """Selection."""

    count: Annotated[int, option("The number of records, or labels.", "-n", "--count", min=1)] = 100
    by: Annotated[
        str | None,
        option(f"{', '.join(WAYS)}. Default: margin; taggers: least.", metavar="WAY"),
    ] = None
    per_word: Annotated[
        bool,
        option("Taggers: divide by the words, so that short sentences have a chance.", "--per-word"),
        TAGGING,
    ] = False
    diverse: Annotated[bool, option("Choose texts that are unlike each other.", "--diverse")] = False
    doubtful: Annotated[bool, option("List labels of FILES that the model contradicts.", "--doubtful")] = False


@dataclass(frozen=True)
class Reading:
    """Input."""

    input: Annotated[
        str | None,
        option("The format, as in `classify` and `tag`; with --doubtful as in `eval`.", metavar="FORMAT"),
    ] = None
    text: Annotated[
        str | None,
        TextOption,
        CLASSIFICATION,
        NAMED,
    ] = None
    label: Annotated[
        str | None,
        option("Classifiers: the label's column or key, or the target that ranks. Default: the first."),
        CLASSIFICATION,
    ] = None
    tag: Annotated[
        str | None,
        option("Taggers: the tags' column, field or key, or the target that ranks. Default: the first."),
        TAGGING,
    ] = None
    field: Annotated[str | None, FieldOption] = None
    delimiter: Annotated[str | None, DelimiterOption, CLASSIFICATION, IN_ROWS] = None
    header: Annotated[bool | None, HeaderOption, CLASSIFICATION, IN_ROWS] = None


@dataclass(frozen=True)
class Writing:
    """Output."""

    format: Annotated[
        str | None,
        option("tsv, csv, jsonl, label-text, fasttext; taggers: conll, conllu, jsonl, word-tag.", "--format"),
    ] = None
    jsonl: Annotated[bool, option("Like --format jsonl; also with --doubtful.", "--jsonl")] = False


@grouped
def command(
    choosing: Choosing,
    reading: Reading,
    columns: TagColumns,
    writing: Writing,
    how: Filtering,
    given: Given,
    files: Annotated[list[str] | None, typer.Argument(help="Files of records; - is standard input.")] = None,
    model: Model = None,
) -> int | None:
    from seqcli import runs
    from seqcli.cli import _selecting

    if not files and nothing_to_read():
        return given.help()
    if choosing.by is not None and choosing.by not in WAYS:
        raise UsageError(f"--by {choosing.by}: expected one of {', '.join(WAYS)}")
    if writing.jsonl and writing.format not in (None, "jsonl"):
        raise UsageError(f"--jsonl contradicts --format {writing.format}")
    if choosing.doubtful and (odd := given.flags(ALONE)):
        raise UsageError(f"{odd[0]} is for choosing records to label: leave out --doubtful")
    stored = runs.open_model(model, "select")
    given.check_model(stored)
    asked = _selecting.Asked(files or ["-"], choosing, reading, columns, writing, how)
    _selecting.run(asked, stored, given)
    return None
