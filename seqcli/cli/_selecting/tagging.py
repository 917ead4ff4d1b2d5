"""Read sentences to tag, as `seqcli tag` does, and write them."""

from __future__ import annotations

from dataclasses import replace

from seqcli import registry
from seqcli.cli._options import Given
from seqcli.cli._reading import sentences_format
from seqcli.cli._selecting import Asked, Opened
from seqcli.errors import UsageError, did_you_mean
from seqcli.tasks.tagging.data import options_for
from seqcli.tasks.tagging.predict import Tagger
from seqcli.tasks.tagging.select import WRITES, Writer


def open(asked: Asked, own: Tagger, given: Given) -> Opened:
    """Return the reader of sentences and the writer of them with tags. Raises UsageError for options that exclude
    each other."""
    reading, trained = asked.reading, own.header["data"]["format"]
    read = sentences_format(asked.files, reading.input, reading.field)
    write = asked.format or (read if read in WRITES else trained if trained in WRITES else "conll")
    if write not in WRITES:
        raise UsageError(f"unknown format {write!r} in --format", hint=did_you_mean(write, WRITES))
    given.check_format("conll" if write == "conll" else read)
    if own.targets and write == "word-tag":
        raise UsageError(f"--format word-tag holds one tag a word: {own.path} gives {', '.join(own.targets)}")
    if own.frames is not None and write != "jsonl":
        raise UsageError(f"{own.path} reads frames, but {write} holds words", hint="read file names: --input jsonl")
    said = asked.said(given)
    said = replace(said, tag=None) if own.targets else said
    options, out = (options_for(own.header, name, said, kept=own.features) for name in (read, write))
    return Opened(
        registry.load("records", read).Reader(options),
        Writer(write, replace(out, replace=True), own.frames is not None),
    )
