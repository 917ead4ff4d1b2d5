"""Make vectors of texts, or of their words; find the most similar texts.

A filter: it writes the vector of each record, in order. The vector of a classifier is the input of its last layer;
that of taggers, language models and sequence-to-sequence models is the mean of the states of the words, tokens or
symbols (or the last or the maximum: --pool). --per word gives each of those states. A blank text has zeros.

\b
  lines    a vector a line, numbers separated by spaces (default)
  --jsonl  one JSON object a line
  -o FILE  an array of float32: .npy, with --per word .npz
  csv, tsv and jsonl come back with the vectors added

\b
  seqcli embed -m trec -o train.npy train.txt
  seqcli embed -m ewt-upos --per word --jsonl < text.txt
  echo "Who wrote Hamlet?" | seqcli embed -m trec --similar train.txt
  seqcli embed -m trec --words > words.txt    # its words, as word2vec text
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from seqcli.cli._options import (
    IN_ROWS,
    NAMED,
    Columns,
    DelimiterOption,
    FieldOption,
    Filtering,
    For,
    Given,
    HeaderOption,
    Model,
    TextOption,
    grouped,
    nothing_to_read,
    option,
)

SIMILAR = For(needs="--similar")
TEXTS = For(("classification", "language-model", "sequence-to-sequence"))


@dataclass(frozen=True)
class Reading:
    """Input."""

    input: Annotated[
        str | None,
        option(
            "text, tsv, csv, jsonl; for taggers text, tokens, conll, conllu, jsonl … Default: by the file's name, or"
            " text.",
            metavar="FORMAT",
        ),
    ] = None
    text: Annotated[
        str | None,
        TextOption,
        NAMED,
        TEXTS,
    ] = None
    field: Annotated[str | None, FieldOption] = None
    delimiter: Annotated[str | None, DelimiterOption, IN_ROWS, TEXTS] = None
    header: Annotated[bool | None, HeaderOption, IN_ROWS, TEXTS] = None


@dataclass(frozen=True)
class Making:
    """Vectors."""

    per: Annotated[str, option("Make a vector for each text, or for each word.", metavar="text|word")] = "text"
    pool: Annotated[
        str | None,
        option(
            "How the states of words become one vector. Default: mean; for classifiers the last layer's input.",
            metavar="mean|last|max",
        ),
    ] = None
    similar: Annotated[
        str | None, option("Write the most similar lines of FILE instead, by cosine.", metavar="FILE")
    ] = None
    top: Annotated[int, option("The number of similar lines.", min=1), SIMILAR] = 5
    words: Annotated[bool, option("Write the model's table of words instead (word2vec's text).", "--words")] = False


@dataclass(frozen=True)
class Writing:
    """Output."""

    jsonl: Annotated[bool, option("Write one JSON object a line.", "--jsonl")] = False
    output: Annotated[
        str | None, option("Write an array to FILE: .npy, with --per word .npz.", "-o", "--output", metavar="FILE")
    ] = None


@grouped
def command(
    reading: Reading,
    columns: Columns,
    making: Making,
    writing: Writing,
    how: Filtering,
    given: Given,
    files: Annotated[list[str] | None, typer.Argument(help="Files of text; - is standard input.")] = None,
    model: Model = None,
) -> int | None:
    from seqcli.cli import _embedding

    if not files and not making.words and nothing_to_read():
        return given.help()
    _embedding.run(files or [], model, _embedding.Asked(reading, columns, making, writing, how), given)
    return None
