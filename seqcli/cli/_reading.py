"""Choose what a filter reads: the format, and the part of a record that is its text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from seqcli import console, registry
from seqcli.cli._options import Given, option
from seqcli.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from seqcli.records import Kind, Reader


STREAMS = ("pcm", "frames")  # formats of a single record on standard input, answered while it arrives
NAMES = ("wav", "flac", "npy", "npz")  # formats of files that lines name, for models of frames; read as lines of text


@dataclass(frozen=True)
class Reads:
    """The formats in which a verb reads records with named parts. `role` is the part that it works on, and the flag
    that names that part."""

    kind: str  # the kind of record: `labels`, `pairs`
    formats: tuple[str, ...]
    role: str
    more: str  # the columns added to rows, for messages

    def option(self) -> Any:
        """Return the option `--input`, with these formats in its help."""
        return option(
            f"{', '.join(self.formats)}; tsv and csv come back with {self.more}. Default: by the file's name,"
            f" or text. Standard input answered while it arrives: {' or '.join(STREAMS)}.",
            metavar="FORMAT",
            autocompletion=self.offered,
        )

    def offered(self, incomplete: str) -> list[str]:
        """Return the names of formats, for shell completion."""
        return [name for name in (*self.formats, *STREAMS) if name.startswith(incomplete)]

    def chosen(
        self,
        files: Sequence[str],
        input: str | None,
        field: str | None,
        jsonl: bool,
        given: Given,
        trained: str | None = None,
    ) -> str:
        """Return the input format: `input`, else what the files' names tell, or what the model was `trained` on.
        Raises UsageError for options that exclude each other."""
        from seqcli.records import KINDS, ROWS, as_trained

        told = input or ("jsonl" if field else named_format(files, KINDS[self.kind])) or "text"
        if not input and not any(name in given for name in (self.role, "delimiter", "header")):
            named, told = told, as_trained(told, trained)
            if told != named:
                console.say(f"{files[0]} is read as {told}, as in training: --input {named} reads its columns")
        read = "text" if told in NAMES else told
        if read not in self.formats:
            raise UsageError(f"unknown format {read!r} in --input", hint=did_you_mean(read, self.formats))
        if field and self.role in given:
            raise UsageError(f"--field and --{self.role} both say where the {self.role} is: give one")
        if field and read != "jsonl":
            hint = f"--{self.role} names a column" if read in ROWS else "add --input jsonl"
            raise UsageError(f"--field names a key of JSON objects, but {read} is read", hint=hint)
        given.check_format(read)
        if jsonl and read in ROWS:
            said = f"--jsonl writes JSON objects, but {read} comes back with {self.more}"
            raise UsageError(said, hint="--input text reads lines as they are")
        return read

    def reader(self, read: str, said: Any, header: Mapping[str, Any]) -> Reader:
        """Return the reader of a format with the flags `said`; parts that they do not name are looked for where the
        training data had them, according to the model's header."""
        from seqcli.datasets.reading import said_texts, source_columns, trained_roles
        from seqcli.records import KINDS, Options

        kind = KINDS[self.kind]
        own = {kind.roles[0]: said.field or getattr(said, self.role), "prefix": getattr(said, "prefix", None)}
        if kind.name == "labels":
            own = said_texts(header, own["text"])
        if kind.name == "pairs" and read != "text":
            own |= source_columns(own["source"], header)
        own |= {"must": getattr(said, "must_key", None), "must_not": getattr(said, "must_not_key", None)}
        own |= {"header": getattr(said, "header", None), "numbers": "frames" in header}
        if kind.name == "labels" and "frames" in header:
            own["labels"] = (*header.get("vocabulary", {}).get("labels", ()), *header["data"].get("labels", ()))
        options = Options(kind, **own, delimiter=said.delimiter, gold=False)
        formats = registry.load("records", kind.plain if read == "text" else read)
        return formats.Reader(options, trained_roles(header))


TEXTS = Reads("labels", registry.having("records", "READS", "labels"), "text", "two more columns")
PROMPTS = replace(TEXTS, role="source", more="one more column")
_PAIRED = (n for n in registry.having("records", "READS", "pairs") if n != "lines")  # a filter's lines are text
SOURCES = Reads("pairs", ("text", *_PAIRED), "source", "one more column")


def sentences_format(files: Sequence[str], input: str | None, field: str | None, default: str = "text") -> str:
    """Return the format in which sentences are read: `input`, else what `field` or the files' names tell. Raises
    UsageError if there is no such format, or it has no keys for `field` to name."""
    from seqcli.records import TAGGED, formats_of

    read = input or ("jsonl" if field else named_format(files, TAGGED)) or default
    if read not in formats_of(TAGGED):
        raise UsageError(f"unknown format {read!r} in --input", hint=did_you_mean(read, formats_of(TAGGED)))
    if field and read != "jsonl":
        raise UsageError(f"--field says how to read jsonl, but {read} is read", hint="add --input jsonl")
    return read


def named_format(files: Sequence[str], kind: Kind) -> str | None:
    """Return the format that the files' names tell, or None. Raises UsageError if they tell several."""
    from seqcli.records import told_by_name

    told = {name: told_by_name(name, kind) for name in files if name != "-"}
    if len(set(told.values())) > 1:
        one, other = sorted(told, key=lambda name: str(told[name]))[:: len(told) - 1]
        raise UsageError(
            f"{one} and {other} have different formats by their names", hint="give the format with --input, or name"
            " files of one format",
        )  # fmt: skip
    return next(iter(told.values()), None)
