"""Read sentences to tag, as `seqcli tag` does, and write them."""

from __future__ import annotations

from dataclasses import replace

from seqcli import registry
from seqcli.cli._options import Given
from seqcli.cli._reading import named_format
from seqcli.cli._selecting import Asked, Opened
from seqcli.errors import UsageError, did_you_mean
from seqcli.records import TAGGED, formats_of
from seqcli.tasks.tagging.data import options_for
from seqcli.tasks.tagging.predict import Tagger
from seqcli.tasks.tagging.select import WRITES, Writer


def open(asked: Asked, own: Tagger, given: Given) -> Opened:
    """Return the reader of sentences and the writer of them with tags. Raises UsageError for options that exclude
    each other."""
    reading, trained = asked.reading, own.header["data"]["format"]
    read = reading.input or ("jsonl" if reading.field else named_format(asked.files, TAGGED)) or "text"
    if read not in formats_of(TAGGED):
        raise UsageError(f"unknown format {read!r} in --input", hint=did_you_mean(read, formats_of(TAGGED)))
    if reading.field and read != "jsonl":
        raise UsageError(f"--field says how to read jsonl, but {read} is read", hint="add --input jsonl")
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
