"""Split text into tokens, or join tokens to text.

A filter: it writes one line of tokens, separated by spaces, for each line of FILES or standard input. The tokenizer
is that of a trained model or of a file made with --learn (-m), or a kind that needs no file (--kind): byte, the
default; char and word, which without a vocabulary show tokens but have no ids; and sentencepiece with the library's
own model (--set path=FILE.model).

\b
  seqcli tokenize --learn t.safetensors --kind sentencepiece --set size=8000 a.txt
  seqcli tokenize -m tok.safetensors --ids < text > ids
  seqcli tokenize -m tok.safetensors --decode < ids

How tokens are shown: a space is ▁ (U+2581). In the tokens of char and sentencepiece a literal ▁, a backslash, control
characters and other white space are escaped as in Python (\\u2581, \\\\, \\t, \\xa0); a byte that cannot be shown as
itself is <0xE2>. Tokens written in this form can be read back with --decode --pieces.

A line end is not shown as a token; --decode restores it. A last line without a line end is written without one.
`seqcli tokenize --ids | seqcli tokenize --decode` returns exactly the input for char, byte and a learned
sentencepiece.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from seqcli import registry
from seqcli.cli._complete import entries, runs
from seqcli.cli._options import For, Given, Lines, grouped, nothing_to_read, option
from seqcli.errors import UsageError


@dataclass(frozen=True)
class Choosing:
    """Tokenizer."""

    model: Annotated[
        str | None,
        option("Use the tokenizer of this file, run folder or run name.", "-m", "--model", autocompletion=runs),
    ] = None
    kind: Annotated[
        str | None,
        option(f"{', '.join(registry.names('tokenizers'))}. Default: byte.", autocompletion=entries("tokenizers")),
    ] = None
    set_: Annotated[
        list[str] | None,
        option(
            "Set a key of the kind, as in --set size=8000; see: seqcli recipes keys tokenizer. Repeatable.",
            "--set",
            metavar="KEY=VALUE",
        ),
    ] = None


@dataclass(frozen=True)
class Doing:
    """Input and output."""

    ids: Annotated[bool, option("Write ids instead of tokens.", "--ids")] = False
    decode: Annotated[bool, option("Read ids, as --ids writes them, and write text.", "--decode")] = False
    pieces: Annotated[
        bool, option("With --decode: read tokens instead of ids.", "--pieces"), For(needs="--decode")
    ] = False
    learn: Annotated[str | None, option("Learn a tokenizer from the text and write it to OUT.", metavar="OUT")] = None
    count: Annotated[bool, option("Count lines, characters, bytes and tokens (line ends included).", "--count")] = (
        False
    )
    json: Annotated[bool, option("With --count: print one JSON report.", "--json"), For(needs="--count")] = False
    jsonl: Annotated[bool, option("Write JSON objects: tokens, ids, offsets in code points.", "--jsonl")] = False
    field: Annotated[str | None, option("The key of the text in input lines of JSON objects; implies --jsonl.")] = (
        None
    )

    @property
    def objects(self) -> bool:
        """Whether JSON objects are written."""
        return self.jsonl or self.field is not None


TOGETHER = (("decode", "count", "jsonl", "field", "learn"), ("ids", "count", "jsonl", "field", "learn"))


@grouped
def command(
    choosing: Choosing,
    doing: Doing,
    how: Lines,
    given: Given,
    files: Annotated[list[str] | None, typer.Argument(help="Text files; - is standard input.")] = None,
) -> int | None:
    from seqcli.cli import _tokenizing

    if not files and nothing_to_read():
        return given.help()
    for options in TOGETHER:
        flags = given.flags(name for name in options if not {"jsonl", "field"} <= set(given) or name != "jsonl")
        if len(flags) > 1:
            raise UsageError(f"{flags[0]} and {flags[1]} cannot be combined")
    if choosing.model and (flags := given.flags(("kind", "set_"))):
        raise UsageError(f"-m has its own tokenizer: {flags[0]} cannot be combined with it")
    if doing.learn is not None:
        _tokenizing.learn(files or ["-"], choosing, doing.learn)
    elif doing.count:
        _tokenizing.count(files or ["-"], choosing, how, as_json=doing.json)
    else:
        _tokenizing.run(files or ["-"], choosing, doing, how)
    return None
