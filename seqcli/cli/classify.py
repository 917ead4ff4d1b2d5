"""Label whole texts: sentiment, topic, language, intent.

A filter: one answer for each record of FILES or standard input, in order, as soon as possible. An answer is
`label TAB probability`; --top N writes N such pairs; a model with several labels a text writes all that it predicts.
`-`, or the text of --else, replaces the label of a blank line and of a text for which no label is probable enough.

The format of FILES follows from their names (.csv, .tsv, .jsonl), else they are lines of text; the text is in the
column or under the key that the model was trained on. For a model trained on rows of numbers, .csv and .tsv files are
such rows.

\b
  echo "a gripping, beautifully shot film" | seqcli classify
  seqcli classify --top 3 --jsonl --field text < tickets.jsonl
  seqcli classify --min-confidence 0.9 --else UNSURE < lines.txt
  seqcli classify --text comment comments.csv > labelled.csv
  arecord -t raw -f S16_LE -r 8000 | seqcli classify --input pcm

A model of frames that reads forward answers standard input while it arrives, with `time TAB label TAB probability`
each time another label becomes the most probable, and at the end. The input is samples of 16 bits, little-endian, one
channel (--input pcm), or, for a model of numbers, lines of vectors such as 0.1,0.2 (--input frames).
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
    TextOption,
    grouped,
    nothing_to_read,
    option,
)
from seqcli.cli._reading import TEXTS

InputOption = TEXTS.option()


@dataclass(frozen=True)
class Reading:
    """Input."""

    input: Annotated[str | None, InputOption] = None
    text: Annotated[str | None, TextOption, NAMED] = None
    field: Annotated[str | None, FieldOption] = None
    delimiter: Annotated[str | None, DelimiterOption, IN_ROWS] = None
    header: Annotated[bool | None, HeaderOption, IN_ROWS] = None


@dataclass(frozen=True)
class Writing:
    """Output."""

    top: Annotated[int | None, option("Write the N most probable labels of each text.", min=1)] = None
    jsonl: Annotated[bool, option("Write one JSON object a line.", "--jsonl")] = False
    otherwise: Annotated[str, option("Text to write where there is no label.", "--else")] = "-"
    attention: Annotated[
        bool, option("jsonl: the attention weight of each token (pooling: attention, pair: attend).", "--attention")
    ] = False
    explain: Annotated[
        bool,
        option(
            "Show how each token affects the label: jsonl, or on a terminal orange for it, blue against it.",
            "--explain",
        ),
    ] = False
    nodes: Annotated[
        bool, option("jsonl: the label of every node of the tree (model.kind: recursive).", "--nodes")
    ] = False
    draw: Annotated[str | None, option("Draw attention for the first texts: .png, .svg or .pdf.", metavar="FILE")] = (
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
