"""Label the words of text, or its characters.

A filter: it tags each record of FILES or standard input, in order, as soon as possible. Raw lines are split into
words by the rule stored with the model; given words are taken as they are. The output formats:

\b
  word-tag  word/TAG word/TAG, one line a record (default)
  conll     columns; conll input comes back with one more column
  conllu    CoNLL-U; CoNLL-U input comes back with its field filled in
  jsonl     one JSON object a record: tokens, spans, offsets, probabilities
  spans     one JSON object a record: its spans alone
  text      the text itself, for models that restore something in it

\b
  echo "This morning I took my cat for a walk" | seqcli tag
  cut -f2 mail.tsv | seqcli tag --format spans --min-confidence 0.9
  seqcli tag --format conll < test.conll > tagged.conll
  seqcli tag --format conll --columns word,known --force known < partly.conll
  seqcli tag -m ewt-sentences < raw.txt    # running text: a sentence a line
  seqcli tag -m ewt-upos --sentences ewt-sentences --format conllu < raw.txt
  arecord -t raw -f S16_LE -r 8000 | seqcli tag --input pcm

A model of frames that reads forward, with head: softmax, tags standard input while it arrives, with `time TAB label
TAB probability` for each frame. The input is samples of 16 bits, little-endian, one channel (--input pcm), or, for a
model of numbers, lines of vectors such as 0.1,0.2 (--input frames).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from seqcli import registry
from seqcli.cli._complete import entries, runs
from seqcli.cli._options import (
    Columns,
    Confidence,
    Filtering,
    Given,
    Model,
    grouped,
    nothing_to_read,
    option,
)
from seqcli.cli._reading import STREAMS
from seqcli.errors import UsageError

READ = registry.having("records", "READS", "tags")
FORMATS = ("word-tag", "conll", "conllu", "jsonl", "spans", "text")


def formats(incomplete: str) -> list[str]:
    """Return the names of output formats."""
    return [name for name in FORMATS if name.startswith(incomplete)]


@dataclass(frozen=True)
class Reading:
    """Input."""

    input: Annotated[
        str | None,
        option(
            f"{', '.join(READ)}. Default: by the file's name; else the --format, if it is conll or conllu; else"
            f" text (JSON lines: --field or --input jsonl). Standard input answered while it arrives:"
            f" {' or '.join(STREAMS)}.",
            metavar="FORMAT",
            autocompletion=entries("records", (*READ, *STREAMS)),
        ),
    ] = None
    field: Annotated[
        str | None, option("The key of the text or tokens in input lines that are JSON objects; writes jsonl.")
    ] = None
    tag: Annotated[
        str | None, option("The tags' column or field; in CoNLL-U the field to fill in, such as upos or misc.NER.")
    ] = None
    force: Annotated[
        str | None,
        option("Keep the tags given in this column or key (_: none) and fill in the rest.", metavar="COLUMN"),
    ] = None
    sentences: Annotated[
        str | None,
        option("Running text: a model that finds its sentences (and words).", metavar="MODEL", autocompletion=runs),
    ] = None
    line_ends: Annotated[
        bool, option("Running text: a line end ends a sentence too, as an empty line does.", "--line-ends")
    ] = False
    lexicon: Annotated[
        str | None, option("Lines of word TAB tags: the only tags that a word may have.", metavar="FILE")
    ] = None


@dataclass(frozen=True)
class Writing:
    """Output."""

    format: Annotated[str | None, option(f"{', '.join(FORMATS)}.", "--format", autocompletion=formats)] = None
    jsonl: Annotated[bool, option("Like --format jsonl.", "--jsonl")] = False
    confidence: Annotated[bool, option("conll: add a column with each tag's probability.", "--confidence")] = False
    n_best: Annotated[
        int, option("jsonl: write the N most probable answers, with their probabilities.", "--n-best", min=0)
    ] = 0
    explain: Annotated[bool, option("jsonl: show how each word affects each tag.", "--explain")] = False
    replace: Annotated[
        bool, option("conll: write into the existing column of tags, if there is one.", "--replace")
    ] = False
    partial: Annotated[
        bool, option("Tags less probable than --min-confidence, O too, become _ (data.partial).", "--partial")
    ] = False


@grouped
def command(
    reading: Reading,
    columns: Columns,
    writing: Writing,
    sure: Confidence,
    how: Filtering,
    given: Given,
    files: Annotated[list[str] | None, typer.Argument(help="Files of text; - is standard input.")] = None,
    model: Model = None,
) -> int | None:
    from seqcli.cli import _tagging

    if not files and nothing_to_read():
        return given.help()
    if writing.jsonl and writing.format not in (None, "jsonl"):
        raise UsageError(f"--jsonl contradicts --format {writing.format}")
    _tagging.run(files or ["-"], model, _tagging.Asked(reading, columns, writing, sure, how), given)
    return None
