"""Find words in raw text as the model's training data has them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from seqcli import registry
from seqcli.records import Sentence
from seqcli.words import Rule, align

_SPACED = re.compile(r"\S+")


@dataclass(frozen=True)
class Words:
    """How a model finds its words in raw text: by a rule, or as the units in which it restores text."""

    rule: Rule | None
    differing: Mapping[str, Sequence[str]]  # chunks that the training data splits differently, and how
    restore: str | None = None
    vectors: bool = False  # words are vectors separated by white space; or the text names a file of vectors

    @classmethod
    def of(cls, header: Mapping[str, Any]) -> Words:
        """Restore it from an artifact's header, key `splitting`."""
        stored = header["splitting"]
        rule = Rule.from_dict(stored["rule"]) if stored.get("rule") else None
        if rule is None and not stored.get("restore") and not stored.get("vectors"):
            raise ValueError("splitting has neither a rule nor a restoration")
        return cls(rule, stored.get("differing", {}), stored.get("restore"), stored.get("vectors", False))

    def find(self, sentence: Sentence) -> Sentence:
        """Return the sentence with its words; unchanged if it has them already."""
        if sentence.words or not sentence.text:
            return sentence
        if self.restore:
            return _in_place(sentence, registry.load("restoration", self.restore).observe(sentence.text))
        if self.vectors:
            offsets = [found.span() for found in _SPACED.finditer(sentence.text)]
            return replace(sentence, words=[sentence.text[a:b] for a, b in offsets], offsets=offsets)
        offsets = self.cut(sentence.text)
        return replace(sentence, words=[sentence.text[a:b] for a, b in offsets], offsets=offsets)

    def cut(self, text: str) -> list[tuple[int, int]]:
        """Return the words (start, end) that the rule finds in a text."""
        assert self.rule is not None
        return self.rule.split(text, self.differing)

    def odd(self, text: str) -> str | None:
        """Return a chunk of a raw text that the training data splits differently from the rule, else None."""
        return next((chunk for chunk in text.split() if chunk in self.differing), None) if self.differing else None


def _in_place(sentence: Sentence, units: list[str]) -> Sentence:
    """Return the sentence with `units` as its words and their places in its text; if the text does not contain them
    unchanged and cannot be aligned with them, their concatenation becomes the text."""
    whole = "".join(units)
    offsets = None if whole == sentence.text else align(sentence.text, units)
    if offsets is not None:
        return replace(sentence, words=units, offsets=offsets)
    ends = list(accumulate(map(len, units)))
    return replace(sentence, words=units, text=whole, offsets=list(zip([0, *ends], ends, strict=False)))
