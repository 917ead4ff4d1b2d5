"""What a filter of records can read, and which flags go with it: what `classify` and `generate` share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from seqcli.errors import UsageError, did_you_mean

ROWS = ("tsv", "csv")
NAMED = (*ROWS, "jsonl")  # formats whose records have parts with names


@dataclass(frozen=True)
class Reads:
    """The formats that a verb reads. `role` is the part of a record that it works on, and the flag that names it."""

    formats: tuple[str, ...]
    role: str
    more: str  # what rows come back with

    def offered(self, incomplete: str) -> list[str]:
        """Names of formats, for a shell's completion."""
        return [name for name in self.formats if name.startswith(incomplete)]

    def chosen(
        self,
        input: str | None,
        field: str | None,
        jsonl: bool,
        named: Mapping[str, str | None],
        rows: Mapping[str, object],
    ) -> str:
        """The format that is read. `named`: flags that name a column or key, that of the role first; `rows`: flags
        that say how rows are read. Raises UsageError for what does not go together."""
        read = input or ("jsonl" if field else "text")
        if read not in self.formats:
            raise UsageError(f"unknown format {read!r} in --input", hint=did_you_mean(read, self.formats))
        if field and read != "jsonl":
            hint = f"--{self.role} names a column" if read in ROWS else "add --input jsonl"
            raise UsageError(f"--field names a key of JSON objects, but {read} is read", hint=hint)
        if field and named[f"--{self.role}"]:
            raise UsageError(f"--field and --{self.role} both say where the {self.role} is: give one")
        for name, value in named.items():
            if value is not None and read not in NAMED:
                said = f"{name} names a column (tsv, csv) or a key (jsonl), but {read} is read"
                raise UsageError(said, hint="add --input csv, tsv or jsonl")
        for name, value in rows.items():
            if value is not None and read not in ROWS:
                raise UsageError(f"{name} says how to read tsv and csv, but {read} is read", hint="add --input csv")
        if jsonl and read in ROWS:
            raise UsageError(f"--jsonl writes JSON objects, but {read} comes back with {self.more}")
        return read
