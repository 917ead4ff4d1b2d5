"""Choose what to label next, or find labels that look wrong.

Records of FILES or standard input are ranked by what their labels would teach a tagger or classifier, and the first N
are written, the most uncertain first, with the labels that the model gives them, to be corrected and trained on: rows
and JSON lines come back with labels filled in, other texts as the training data were (--format says otherwise). How
uncertain each is stands beside it, under `uncertainty`, where the format has a comment, a key or a column.

--by says what is uncertain: `margin`, the two most probable answers are close; `entropy`, of all answers; `least`,
the best answer is improbable; of taggers of all tags of a sentence together, so that long ones come first unless
--per-word divides it; `span`, how many spans are expected to be wrong. --diverse takes texts that are unlike each
other, among ten times as many.

--doubtful lists labels of FILES that the model contradicts with confidence, the most doubtful first: place, label,
its probability, the label that it is held for, its probability, of taggers the word, the text.

\b
  seqcli select -m trec -n 200 questions.txt > to-correct.tsv
  seqcli select -m ewt-upos -n 100 --diverse --format conllu < sentences.txt > to-correct.conllu
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
    """What is chosen."""

    count: Annotated[int, option("So many records, or labels.", "-n", "--count", min=1)] = 100
    by: Annotated[
        str | None,
        option(f"{', '.join(WAYS)}. Default: margin; taggers: least.", metavar="WAY"),
    ] = None
    per_word: Annotated[
        bool,
        option("Taggers: divide by the words, so that short sentences have their chance.", "--per-word"),
        TAGGING,
    ] = False
    diverse: Annotated[bool, option("Texts that are unlike each other.", "--diverse")] = False
    doubtful: Annotated[bool, option("Labels of FILES that the model contradicts.", "--doubtful")] = False


@dataclass(frozen=True)
class Reading:
    """How FILES are read."""

    input: Annotated[
        str | None,
        option("The format, as for `classify` and `tag`; with --doubtful as for `eval`.", metavar="FORMAT"),
    ] = None
    text: Annotated[
        str | None,
        option("Classifiers: the text's column or key; of several texts: title,body."),
        CLASSIFICATION,
        NAMED,
    ] = None
    label: Annotated[
        str | None,
        option("Classifiers: the label's column or key; of several targets the one that ranks. Default: the first."),
        CLASSIFICATION,
    ] = None
    tag: Annotated[
        str | None,
        option("Taggers: the tags' column, field or key; of several targets the one that ranks. Default: the first."),
        TAGGING,
    ] = None
    field: Annotated[str | None, FieldOption] = None
    delimiter: Annotated[str | None, DelimiterOption, CLASSIFICATION, IN_ROWS] = None
    header: Annotated[bool | None, HeaderOption, CLASSIFICATION, IN_ROWS] = None


@dataclass(frozen=True)
class Writing:
    """What is written."""

    format: Annotated[
        str | None,
        option("tsv, csv, jsonl, label-text, fasttext; taggers: conll, conllu, jsonl, word-tag.", "--format"),
    ] = None
    jsonl: Annotated[bool, option("As --format jsonl; with --doubtful objects too.", "--jsonl")] = False


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
        raise UsageError(f"--by {choosing.by}: it is one of {', '.join(WAYS)}")
    if writing.jsonl and writing.format not in (None, "jsonl"):
        raise UsageError(f"--jsonl does not go with --format {writing.format}")
    if choosing.doubtful and (odd := given.flags(ALONE)):
        raise UsageError(f"{odd[0]} says how records are chosen to be labelled: leave --doubtful away")
    stored = runs.open_model(model, "select")
    given.check_model(stored)
    asked = _selecting.Asked(files or ["-"], choosing, reading, columns, writing, how)
    _selecting.run(asked, stored, given)
    return None
