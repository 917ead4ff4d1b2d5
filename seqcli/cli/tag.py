"""Label the words of text, or its characters.

A filter: a record out for each record of FILES or standard input, in order, as soon as it can be answered. Raw lines
are cut into words by the rule that the model keeps; words that are given are taken as they are. What is written:

\b
  word-tag  word/TAG word/TAG, a line each (default)
  conll     columns; what was read as conll comes back with one more column
  conllu    CoNLL-U; what was read as CoNLL-U comes back with its field filled in
  jsonl     one JSON object a record: tokens and spans with offsets and probabilities
  spans     one JSON object a record: its spans alone
  text      the text itself, where the model restores something to it (the default there)

\b
  echo "This morning I took my cat for a walk" | seqcli tag
  cut -f2 mail.tsv | seqcli tag --format spans --min-confidence 0.9 > entities.jsonl
  seqcli tag --format conll < test.conll > tagged.conll
  seqcli tag --format conll --columns word,known --force known < partly-tagged.conll
  seqcli tag -m ewt-sentences < raw.txt            # running text: a sentence a line
  seqcli tag -m ewt-upos --sentences ewt-sentences --format conllu < raw.txt > tagged.conllu
  arecord -t raw -f S16_LE -r 8000 | seqcli tag --input pcm

A model of frames that reads forward, with head: softmax, tags what comes on standard input while it comes, `time TAB
label TAB probability` a frame: samples of 16 bits, little-endian, one channel (--input pcm), or of a model of numbers
lines of vectors, as 0.1,0.2 (--input frames).
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
    """Names of formats to write."""
    return [name for name in FORMATS if name.startswith(incomplete)]


@dataclass(frozen=True)
class Reading:
    """What is read."""

    input: Annotated[
        str | None,
        option(
            f"{', '.join(READ)}. Default: as the file's name says, as is written, or text. Standard input"
            f" as it comes: {' or '.join(STREAMS)}.",
            metavar="FORMAT",
            autocompletion=entries("records", (*READ, *STREAMS)),
        ),
    ] = None
    field: Annotated[
        str | None, option("Input lines are JSON objects, the text or tokens are this field; writes jsonl.")
    ] = None
    tag: Annotated[
        str | None, option("The tags' column or field: of CoNLL-U as upos or misc.NER, which is filled in.")
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
        bool, option("Running text: let a line end also end a sentence, as an empty line does.", "--line-ends")
    ] = False
    lexicon: Annotated[
        str | None, option("Lines of word TAB tags: the tags that a word may have.", metavar="FILE")
    ] = None


@dataclass(frozen=True)
class Writing:
    """What is written."""

    format: Annotated[str | None, option(f"{', '.join(FORMATS)}.", "--format", autocompletion=formats)] = None
    jsonl: Annotated[bool, option("As --format jsonl.", "--jsonl")] = False
    confidence: Annotated[bool, option("conll: a last column with each tag's probability.", "--confidence")] = False
    n_best: Annotated[
        int, option("jsonl: the N most probable answers, with their probabilities.", "--n-best", min=0)
    ] = 0
    explain: Annotated[bool, option("jsonl: what each word does to each tag.", "--explain")] = False
    replace: Annotated[
        bool, option("conll: write into the existing column of tags, if there is one.", "--replace")
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
        raise UsageError(f"--jsonl does not go with --format {writing.format}")
    _tagging.run(files or ["-"], model, _tagging.Asked(reading, columns, writing, sure, how), given)
    return None
