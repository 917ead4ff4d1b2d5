"""Label whole texts: sentiment, topic, language, intent.

A filter: one answer for each record of FILES or standard input, in order, as soon as it can be given. Answers are
`label TAB probability`; --top N writes so many pairs, a model of several labels a text all that it gives. `-` (or
what --else says) stands for a label where none is given: a blank line, or nothing probable enough.

FILES are read as their names say (.csv, .tsv, .jsonl), else as lines of text; the text is in the column or under the
key that the model was trained on. Of a model that was trained on rows of numbers, .csv and .tsv are such rows.

\b
  echo "a gripping, beautifully shot film" | seqcli classify
  seqcli classify --top 3 --jsonl --field text < tickets.jsonl
  seqcli classify --min-confidence 0.9 --else UNSURE < lines.txt
  seqcli classify --text comment comments.csv > labelled.csv
  arecord -t raw -f S16_LE -r 8000 | seqcli classify --input pcm

A model of frames that reads forward answers what comes on standard input while it comes, `time TAB label TAB
probability` each time another label is the most probable, and at the end: samples of 16 bits, little-endian, one
channel (--input pcm), or of a model of numbers lines of vectors, as 0.1,0.2 (--input frames).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from seqcli.cli._options import (
    IN_ROWS,
    NAMED,
    Confidence,
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
from seqcli.cli._reading import TEXTS

InputOption = TEXTS.option()


@dataclass(frozen=True)
class Reading:
    """What is read."""

    input: Annotated[str | None, InputOption] = None
    text: Annotated[
        str | None,
        option(
            "The text's column, by name or number (tsv, csv), or key (jsonl); of several texts: title,body.",
            metavar="COLUMN",
        ),
        NAMED,
    ] = None
    field: Annotated[str | None, FieldOption] = None
    delimiter: Annotated[str | None, DelimiterOption, IN_ROWS] = None
    header: Annotated[bool | None, HeaderOption, IN_ROWS] = None


@dataclass(frozen=True)
class Writing:
    """What is written."""

    top: Annotated[int | None, option("The N most probable labels of each text.", min=1)] = None
    jsonl: Annotated[bool, option("One JSON object a line.", "--jsonl")] = False
    otherwise: Annotated[str, option("What to write where no label is given.", "--else")] = "-"
    attention: Annotated[
        bool, option("jsonl: how much it looks at each token (pooling: attention, pair: attend).", "--attention")
    ] = False
    explain: Annotated[
        bool,
        option("What each token does to the label: jsonl, or coloured text on a terminal.", "--explain"),
    ] = False
    nodes: Annotated[
        bool, option("jsonl: the label of every node of the tree (model.kind: recursive).", "--nodes")
    ] = False
    draw: Annotated[str | None, option("Draw that for the first texts, as .png, .svg or .pdf.", metavar="FILE")] = (
        None
    )


@grouped
def command(
    reading: Reading,
    writing: Writing,
    sure: Confidence,
    how: Filtering,
    given: Given,
    files: Annotated[list[str] | None, typer.Argument(help="Files of text; - is standard input.")] = None,
    model: Model = None,
) -> int | None:
    from seqcli.cli import _classifying

    if not files and nothing_to_read():
        return given.help()
    _classifying.run(files or ["-"], model, _classifying.Asked(reading, writing, sure, how), given)
    return None
