"""Several columns as one source: each divided by its own tokenizer into its own part of the source's symbols."""

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

PART = "source_tokenizers"  # of a header, and of the names of arrays
TAB = "\t"


def _checked(value: Any) -> dict[str, Any] | None:
    """A tokenizer's keys with `kind` and defaults. Raises ValueError for what is wrong with them."""
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
"""`data.source` where it names several columns: each by name or number, or with a tokenizer of its own."""


def columns_of(source: Any) -> list[Column]:
    """The columns that `data.source` names with their tokenizers; none where it names one alone."""
    listed = source if isinstance(source, list) else []
    return [c if isinstance(c, Column) else Column(column=c) for c in listed]


def check_columns(source: Any, target: str | int | None) -> None:
    """Raise ValueError where a column of `data.source` is none, or is there twice, or is the target."""
    names = [str(c.column) for c in columns_of(source)]
    for name in names:
        if column_number(name) == 0:
            raise ValueError(f"source: {name} is no column: they are numbered from 1")
        if names.count(name) > 1:
            raise ValueError(f"source: column {name} is named twice")
        if name == str(target):
            raise ValueError(f"target: column {name} is a part of the source")


class Together:
    """Texts of several columns, a tab between them, as ids: those of the first column's tokenizer, then those of the
    second, and so on, with a symbol each for what a column does not know. A text may lack its last columns."""

    kind = "columns"

    def __init__(self, names: Sequence[str], parts: Sequence[BaseTokenizer]):
        self.names, self.parts = list(names), list(parts)
        self.begins = np.cumsum([0, *(part.size for part in parts)]).tolist()
        self.size: int = self.begins[-1]
        own = [(begin, part.unk_id) for begin, part in zip(self.begins, parts, strict=False)]
        self.unknown = tuple(begin + unk for begin, unk in own if unk is not None)  # the symbols for those

    @classmethod
    def learn(
        cls,
        columns: Sequence[Column],
        texts: Sequence[str],
        whole: BaseTokenizer,
        learn: Callable[[Any, Iterable[str]], BaseTokenizer],
    ) -> Self:
        """Of the texts of a training split; `whole` is the tokenizer of columns that name none, and `learn` makes one
        of a configuration and texts."""
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
        """As a model's file has them; None where its source is one text."""
        if PART not in stored.header:
            return None
        own = stored.header[PART]
        parts = [tokenizers.restore(c["tokenizer"], stored.part(f"{PART}.{i}")) for i, c in enumerate(own)]
        return cls([str(c["column"]) for c in own], parts)

    def stored(self) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
        """What goes into a model's file: its part of the header, arrays by name."""
        found = [tokenizers.to_artifact(part, f"{PART}.{i}") for i, part in enumerate(self.parts)]
        header = [{"column": n, "tokenizer": own} for n, (own, _) in zip(self.names, found, strict=True)]
        return header, {name: a for _, arrays in found for name, a in arrays.items()}

    def check(self, text: str) -> None:
        """Raise SeqcliError, without a place, for a text of another number of columns."""
        count, wanted = text.count(TAB) + 1, len(self.parts)
        if count != wanted:
            names = [f"column {n}" if n.isdecimal() else n for n in self.names]
            raise SeqcliError(
                f"the line has {count} column{'s' * (count > 1)}, and the source of this model {wanted}",
                hint=f"a tab stands between them: {' TAB '.join(names)}; or say --input tsv, csv, jsonl",
            )

    def _texts(self, text: str) -> Iterator[tuple[int, BaseTokenizer, str, int]]:
        """Each column: where its ids begin, its tokenizer, its text, and where that begins."""
        at = 0
        for begin, part, own in zip(self.begins, self.parts, text.split(TAB, len(self.parts) - 1), strict=False):
            yield begin, part, own, at
            at += len(own) + 1

    def encode(self, text: str) -> np.ndarray:
        """Ids (S,), int32. Raises UnknownCharacter."""
        found = [part.encode(own) + begin for begin, part, own, _ in self._texts(text)]
        return np.concatenate([np.zeros(0, np.int32), *found]).astype(np.int32)

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """(start, end) in code points of the text, one for each id."""
        return [(at + a, at + b) for _, part, own, at in self._texts(text) for a, b in part.offsets(own)]

    def texts(self, text: str) -> list[str]:
        """What of the text each id stands for."""
        return [own for _, part, cell, _ in self._texts(text) for own in part.texts(cell)]

    def owners(self, text: str) -> list[BaseTokenizer]:
        """The tokenizer of the column in which each id stands."""
        return [part for _, part, own, _ in self._texts(text) for _ in part.offsets(own)]

    def ranges(self, like: BaseTokenizer) -> tuple[tuple[int, int, bool], ...]:
        """First and end of the ids of each column, and whether it is divided by a tokenizer like the given one; where
        none is, the first one counts as such."""
        same = [part.fingerprint() == like.fingerprint() for part in self.parts]
        same = same if any(same) else [i == 0 for i in range(len(same))]
        return tuple((a, b, own) for (a, b), own in zip(pairwise(self.begins), same, strict=True))

    def symbol(self, id: int) -> str:
        """What an id shows."""
        return self._names[id]

    def pieces(self, text: str) -> list[str]:
        """What the ids of a text show."""
        return [self._names[i] for i in self.encode(text).tolist()]

    def vocabulary(self) -> Iterator[str]:
        """Every symbol, column by column: two columns may have the same."""
        return (symbol for part in self.parts for symbol in part.vocabulary())

    @cached_property
    def _names(self) -> list[str]:
        return list(self.vocabulary())

    def fingerprint(self) -> str:
        """A hash of all that decides how it encodes, hexadecimal."""
        return hashlib.sha256(" ".join(part.fingerprint() for part in self.parts).encode()).hexdigest()


def cell(text: str, column: int) -> list[str]:
    """The text of one column, if it is there."""
    return text.split(TAB)[column : column + 1]
