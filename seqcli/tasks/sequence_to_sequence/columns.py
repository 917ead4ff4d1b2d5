"""Read several columns as one source: each has its own tokenizer and its own range of the source's symbols."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain, pairwise
from typing import Annotated, Any, Self

import numpy as np
from pydantic import AfterValidator, BaseModel, Field, ValidationError

from seqcli import registry, tokenizers
from seqcli.artifact import Artifact
from seqcli.columns import column_number
from seqcli.errors import SeqcliError, did_you_mean
from seqcli.recipe.words import explain, fitted, known_keys, unknown_key
from seqcli.tokenizers import BaseTokenizer

PART = "source_tokenizers"  # key of a header, and prefix of the names of arrays
TAB = "\t"


def _checked(value: Any) -> dict[str, Any] | None:
    """Return a tokenizer's keys with `kind` and defaults. Raises ValueError for invalid keys."""
    if value is None:
        return None
    keys = {"kind": value} if isinstance(value, str) else value
    kind, known = keys.get("kind"), registry.names("tokenizers")
    if kind not in known:
        raise ValueError(f"unknown tokenizer {kind!r}; {did_you_mean(str(kind), known)}")
    config = registry.load("tokenizers", kind).Config
    try:
        return config.model_validate(fitted(config, keys), strict=True).model_dump(mode="json")
    except ValidationError as error:

        def unknown(at: tuple[str | int, ...]) -> str:
            return unknown_key(str(at[-1]), known_keys(config, at[:-1]), f"seqcli recipes keys tokenizer.{kind}")

        wrong = [f"{'.'.join(map(str, at))}: {text}" for at, text in explain(error, config, keys, unknown)]
        raise ValueError("; ".join(wrong)) from None


class Column(BaseModel, extra="forbid"):
    """A column of a source."""

    column: str | int  # its name, or its number from 1; jsonl: the key
    tokenizer: Annotated[str | dict[str, Any] | None, AfterValidator(_checked)] = None  # none: the recipe's


Columns = Annotated[list[str | int | Column], Field(min_length=1)]
"""`data.source` if it names several columns: each by name or number, or with a tokenizer of its own."""


def columns_of(source: Any) -> list[Column]:
    """Return the columns that `data.source` names, with their tokenizers; none if it names only one."""
    listed = source if isinstance(source, list) else []
    return [c if isinstance(c, Column) else Column(column=c) for c in listed]


def check_columns(source: Any, target: str | int | None) -> None:
    """Raise ValueError if a column of `data.source` is 0, occurs twice, or is the target."""
    names = [str(c.column) for c in columns_of(source)]
    for name in names:
        if column_number(name) == 0:
            raise ValueError(f"source: {name} is not a column: they are numbered from 1")
        if names.count(name) > 1:
            raise ValueError(f"source: column {name} is named twice")
        if name == str(target):
            raise ValueError(f"target: column {name} is a part of the source")


class Together:
    """A tokenizer of texts of several columns, separated by tabs: the ids of the first column's tokenizer come first,
    then those of the second, and so on, each with its own symbol for unknown parts. A text may lack its last
    columns."""

    kind = "columns"

    def __init__(self, names: Sequence[str], parts: Sequence[BaseTokenizer]):
        self.names, self.parts = list(names), list(parts)
        self.begins = np.cumsum([0, *(part.size for part in parts)]).tolist()
        self.size: int = self.begins[-1]
        own = [(begin, part.unk_id) for begin, part in zip(self.begins, parts, strict=False)]
        self.unknown = tuple(begin + unk for begin, unk in own if unk is not None)  # the symbols for unknown parts

    @classmethod
    def learn(
        cls,
        columns: Sequence[Column],
        texts: Sequence[str],
        whole: BaseTokenizer,
        learn: Callable[[Any, Iterable[str]], BaseTokenizer],
    ) -> Self:
        """Learn from the texts of a training split; `whole` is the tokenizer of columns that name none, and `learn`
        makes one from a configuration and texts."""
        parts = []
        for i, column in enumerate(columns):
            if isinstance(own := column.tokenizer, dict):
                config = registry.load("tokenizers", own["kind"]).Config(**own)
                parts.append(learn(config, chain.from_iterable(cell(text, i) for text in texts)))
            else:
                parts.append(whole)
        return cls([str(column.column) for column in columns], parts)

    @classmethod
    def of(cls, stored: Artifact) -> Self | None:
        """Restore it from a model's file; None if its source is one text."""
        if PART not in stored.header:
            return None
        own = stored.header[PART]
        parts = [tokenizers.restore(c["tokenizer"], stored.part(f"{PART}.{i}")) for i, c in enumerate(own)]
        return cls([str(c["column"]) for c in own], parts)

    def stored(self) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
        """Return what a model's file stores: its part of the header, and arrays by name."""
        found = [tokenizers.to_artifact(part, f"{PART}.{i}") for i, part in enumerate(self.parts)]
        header = [{"column": n, "tokenizer": own} for n, (own, _) in zip(self.names, found, strict=True)]
        return header, {name: a for _, arrays in found for name, a in arrays.items()}

    def check(self, text: str) -> None:
        """Raise SeqcliError, without a place, for a text with another number of columns."""
        count, wanted = text.count(TAB) + 1, len(self.parts)
        if count != wanted:
            names = [f"column {n}" if n.isdecimal() else n for n in self.names]
            raise SeqcliError(
                f"the line has {count} column{'s' * (count > 1)}, but the source of this model has {wanted}",
                hint=f"separate them by tabs: {' TAB '.join(names)}; or use --input tsv, csv, jsonl",
            )

    def _texts(self, text: str) -> Iterator[tuple[int, BaseTokenizer, str, int]]:
        """Yield for each column: its first id, its tokenizer, its text, and where that begins."""
        at = 0
        for begin, part, own in zip(self.begins, self.parts, text.split(TAB, len(self.parts) - 1), strict=False):
            yield begin, part, own, at
            at += len(own) + 1

    def encode(self, text: str) -> np.ndarray:
        """Return ids (S,), int32. Raises UnknownCharacter."""
        found = [part.encode(own) + begin for begin, part, own, _ in self._texts(text)]
        return np.concatenate([np.zeros(0, np.int32), *found]).astype(np.int32)

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Return (start, end) of each id in code points of the text."""
        return [(at + a, at + b) for _, part, own, at in self._texts(text) for a, b in part.offsets(own)]

    def texts(self, text: str) -> list[str]:
        """Return the part of the text for which each id stands."""
        return [own for _, part, cell, _ in self._texts(text) for own in part.texts(cell)]

    def owners(self, text: str) -> list[BaseTokenizer]:
        """Return the tokenizer of the column of each id."""
        return [part for _, part, own, _ in self._texts(text) for _ in part.offsets(own)]

    def ranges(self, like: BaseTokenizer) -> tuple[tuple[int, int, bool], ...]:
        """Return the range of ids (first, end) of each column, and whether its tokenizer equals the given one; if
        none does, the first column counts as equal."""
        same = [part.fingerprint() == like.fingerprint() for part in self.parts]
        same = same if any(same) else [i == 0 for i in range(len(same))]
        return tuple((a, b, own) for (a, b), own in zip(pairwise(self.begins), same, strict=True))

    def symbol(self, id: int) -> str:
        """Return how an id is shown."""
        return self._names[id]

    def pieces(self, text: str) -> list[str]:
        """Return how the ids of a text are shown."""
        return [self._names[i] for i in self.encode(text).tolist()]

    def vocabulary(self) -> Iterator[str]:
        """Return every symbol, column by column; two columns may share symbols."""
        return (symbol for part in self.parts for symbol in part.vocabulary())

    @cached_property
    def _names(self) -> list[str]:
        return list(self.vocabulary())

    def fingerprint(self) -> str:
        """Return a hexadecimal hash of everything that decides how it encodes."""
        return hashlib.sha256(" ".join(part.fingerprint() for part in self.parts).encode()).hexdigest()


def cell(text: str, column: int) -> list[str]:
    """Return the text of one column as a list; empty if the column is missing."""
    return text.split(TAB)[column : column + 1]
