"""A label as a condition of a text: a symbol before every record, which says its label, and which no text can hold.

A record becomes a line: its label's symbol, a blank, its text. The symbols are private-use characters, so that every
tokenizer of characters or words has one for each label. They are read, and no score counts them.
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

FIRST, MOST = 0xF0000, 60_000  # private-use characters of Unicode's plane 15, and how many labels may have one
SHOWN = 20  # values that a message lists
TOKENIZERS = ("char", "word")
_SYMBOL = re.compile(f"[{chr(FIRST)}-{chr(0xFFFFD)}]")
_LEAD = re.compile(f"{_SYMBOL.pattern} ?")


@dataclass(frozen=True)
class Condition:
    """What texts are conditioned on: its name, that of a column or key, and its values, sorted."""

    name: str
    values: tuple[str, ...]

    @classmethod
    def of(cls, header: Mapping[str, Any]) -> Condition | None:
        """That of a model's header; None of a model of plain text."""
        found = header.get("data", {}).get("condition")
        return cls(found["name"], tuple(found["values"])) if found else None

    @cached_property
    def _symbols(self) -> dict[str, str]:
        return {value: chr(FIRST + number) for number, value in enumerate(self.values)}

    def listed(self) -> str:
        """The values, or the first of them."""
        return f"{', '.join(self.values[:SHOWN])}{' …' * (len(self.values) > SHOWN)}"

    def lead(self, value: str | None) -> str:
        """What stands before a record of a value. Raises UsageError for what is none."""
        if value is None:
            raise UsageError(
                f"this model writes under a condition, its {self.name}",
                hint=f"say it: --condition, one of {self.listed()}",
            )
        if value not in self._symbols:
            hint = did_you_mean(value, self.values)
            raise UsageError(f"--condition: the model knows no {self.name} {value!r}", hint=hint)
        return f"{self._symbols[value]} "

    def line(self, example: Example) -> str:
        """A record as a line."""
        text = _SYMBOL.sub("\ufffd", " ".join(example.text.split("\n")))
        return f"{self.lead((example.labels or [None])[0])}{text}\n"

    def text(self, examples: list[Example]) -> str:
        """Records as lines, in an order drawn once: a record is to say nothing of the next one."""
        order = np.random.default_rng(len(examples)).permutation(len(examples))
        return "".join(self.line(examples[i]) for i in order)

    def ids(self, value: str | None, tokenizer: BaseTokenizer) -> np.ndarray:
        """What stands before a record of a value as ids (T,), the symbol first. Raises UsageError as `lead`."""
        return tokenizer.encode(self.lead(value)).astype(np.int64)

    def uncounted(self, tokenizer: BaseTokenizer) -> np.ndarray:
        """(V,) bool: the symbols that no score counts."""
        return np.array([bool(_SYMBOL.fullmatch(tokenizer.symbol(i))) for i in range(tokenizer.size)])


def without_leads(text: str) -> str:
    """A text without what stands before its records."""
    return _LEAD.sub("", text)


def values_of(examples: Iterable[Example], name: str) -> tuple[str, ...]:
    """The labels of examples, sorted. Raises UsageError for more than there are symbols."""
    found = sorted({label for example in examples for label in example.labels or ()})
    if len(found) > MOST:
        raise UsageError(f"data.condition: {name} has {len(found):,} values: a model takes {MOST:,} at most")
    return tuple(found)


def lead(header: Mapping[str, Any], value: str | None, tokenizer: BaseTokenizer) -> np.ndarray:
    """The ids (T,) of what stands before a text of a model's, none of a model of plain text. Raises UsageError."""
    if (condition := Condition.of(header)) is not None:
        return condition.ids(value, tokenizer)
    if value is not None:
        raise UsageError("this model writes under no condition", hint="train one with data.condition")
    return np.zeros(0, np.int64)


def ends(header: Mapping[str, Any]) -> tuple[str, ...]:
    """What a text that is written under a condition ends before: its line's end, or another record's beginning."""
    condition = Condition.of(header)
    return ("\n", *(condition.lead(value)[0] for value in condition.values)) if condition else ()


def without_condition(header: Mapping[str, Any], path: Any) -> None:
    """Raise UsageError for a model under a condition where lines are scored, which have no label."""
    if Condition.of(header) is not None:
        raise UsageError(f"{path} writes under a condition: it scores records, not lines by themselves")
