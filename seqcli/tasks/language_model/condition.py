"""Condition texts on a label: a symbol before every record stands for its label and cannot occur in a text.

A record becomes a line: its label's symbol, a space, its text. The symbols are private-use characters, so that every
tokenizer of characters or words has one for each label. Models read them, but no score counts them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from seqcli.errors import UsageError, did_you_mean
from seqcli.records import Example
from seqcli.tokenizers import BaseTokenizer

FIRST, MOST = 0xF0000, 60_000  # the first private-use character of Unicode's plane 15; most labels
SHOWN = 20  # values that a message lists, at most
TOKENIZERS = ("char", "word")
_SYMBOL = re.compile(f"[{chr(FIRST)}-{chr(0xFFFFD)}]")
_LEAD = re.compile(f"{_SYMBOL.pattern} ?")


@dataclass(frozen=True)
class Condition:
    """The condition of texts: the name of its column or key, and its values, sorted."""

    name: str
    values: tuple[str, ...]

    @classmethod
    def of(cls, header: Mapping[str, Any]) -> Condition | None:
        """Restore the condition from a model's header; None for a model of plain text."""
        found = header.get("data", {}).get("condition")
        return cls(found["name"], tuple(found["values"])) if found else None

    @cached_property
    def _symbols(self) -> dict[str, str]:
        return {value: chr(FIRST + number) for number, value in enumerate(self.values)}

    def listed(self) -> str:
        """Return the values as text, at most the first SHOWN."""
        return f"{', '.join(self.values[:SHOWN])}{' …' * (len(self.values) > SHOWN)}"

    def lead(self, value: str | None) -> str:
        """Return the prefix of a record with a value. Raises UsageError for a missing or unknown value."""
        if value is None:
            raise UsageError(
                f"this model writes under a condition, {self.name}",
                hint=f"give it with --condition, one of {self.listed()}",
            )
        if value not in self._symbols:
            hint = did_you_mean(value, self.values)
            raise UsageError(f"--condition: the model does not know the {self.name} {value!r}", hint=hint)
        return f"{self._symbols[value]} "

    def line(self, example: Example) -> str:
        """Return a record as a line."""
        text = _SYMBOL.sub("\ufffd", " ".join(example.text.split("\n")))
        return f"{self.lead((example.labels or [None])[0])}{text}\n"

    def text(self, examples: list[Example]) -> str:
        """Return records as lines, in a fixed random order, so that a record does not predict the next one."""
        order = np.random.default_rng(len(examples)).permutation(len(examples))
        return "".join(self.line(examples[i]) for i in order)

    def ids(self, value: str | None, tokenizer: BaseTokenizer) -> np.ndarray:
        """Return the prefix of a record with a value as ids (T,), the symbol first. Raises UsageError as `lead`."""
        return tokenizer.encode(self.lead(value)).astype(np.int64)

    def uncounted(self, tokenizer: BaseTokenizer) -> np.ndarray:
        """Return a mask (V,) of the symbols that no score counts."""
        return np.array([bool(_SYMBOL.fullmatch(tokenizer.symbol(i))) for i in range(tokenizer.size)])


def without_leads(text: str) -> str:
    """Return a text without the prefixes of its records."""
    return _LEAD.sub("", text)


def values_of(examples: Iterable[Example], name: str) -> tuple[str, ...]:
    """Return the labels of examples, sorted. Raises UsageError for more than there are symbols."""
    found = sorted({label for example in examples for label in example.labels or ()})
    if len(found) > MOST:
        raise UsageError(f"data.condition: {name} has {len(found):,} values; a model takes at most {MOST:,}")
    return tuple(found)


def lead(header: Mapping[str, Any], value: str | None, tokenizer: BaseTokenizer) -> np.ndarray:
    """Return the ids (T,) before a text for a model under a condition, none for a model of plain text. Raises
    UsageError for a missing, unknown or needless value."""
    if (condition := Condition.of(header)) is not None:
        return condition.ids(value, tokenizer)
    if value is not None:
        raise UsageError("this model has no condition", hint="train one with data.condition")
    return np.zeros(0, np.int64)


def ends(header: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the symbols before which a text under a condition ends: a line end, or another record's beginning."""
    condition = Condition.of(header)
    return ("\n", *(condition.lead(value)[0] for value in condition.values)) if condition else ()


def without_condition(header: Mapping[str, Any], path: Any) -> None:
    """Raise UsageError for a model under a condition, when lines are scored, which have no label."""
    if Condition.of(header) is not None:
        raise UsageError(f"{path} writes under a condition: it scores records with labels, not separate lines")
