"""Perplexity, cross-entropy and bits: how well a language model predicts a text.

All are derived from the text's negative log-likelihood L in nats, divided by different units: tokens of the model's
own tokenizer, characters, bytes, or words. Only the last three are comparable between tokenizations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from seqcli.metrics import BaseMetric, Offer, cross_entropy


@dataclass
class Metric(BaseMetric):
    """Sums over a text; all counts are of scored tokens and text."""

    OFFERS: ClassVar = {
        "perplexity": Offer("per token", False, "exp(L / tokens)"),
        **cross_entropy.Metric.OFFERS,
        "bits-per-character": Offer("bits", False, "L / (ln 2 · characters), where the tokenization keeps them all"),
        "bits-per-byte": Offer("bits", False, "L / (ln 2 · bytes of UTF-8), likewise"),
        "word-perplexity": Offer(
            "per word", False, "exp(L / words); words are divided by white space, a line end is one"
        ),
        "oov-rate": Offer("share", False, "scored tokens that are <unk>"),
        "coverage": Offer("share", True, "characters of the text that the vocabulary represents, not <unk>"),
    }

    nll: float = 0.0  # nats
    tokens: int = 0
    unknown: int = 0
    characters: int = 0
    unknown_characters: int = 0
    bytes: int = 0
    words: int = 0
    represented: bool = True

    def update(
        self,
        nats: float,
        tokens: int = 0,
        unknown_tokens: int = 0,
        text: str = "",
        unknown_characters: int = 0,
        represented: bool = True,
    ) -> None:
        """Add scored tokens, or the scored text, in any pieces that cut no word.

        If the tokenization does not keep every character (`represented` is False), there is no figure per character
        or byte: it would count characters that were never predicted.
        """
        self.nll, self.tokens, self.unknown = self.nll + nats, self.tokens + tokens, self.unknown + unknown_tokens
        self.represented = self.represented and represented
        self.characters += len(text)
        self.bytes += len(text.encode("utf-8", errors="surrogatepass"))
        self.words += len(text.split()) + text.count("\n")
        self.unknown_characters += unknown_characters

    def counted(self) -> dict[str, int]:
        """Return the numbers of tokens, characters, bytes and words."""
        return {name: getattr(self, name) for name in ("tokens", "characters", "bytes", "words")}

    def result(self) -> dict[str, float]:
        """Return every metric of OFFERS that has something to divide by."""
        bits = self.nll / math.log(2)
        found = {
            "perplexity": _exp(self.nll, self.tokens),
            "cross-entropy": _ratio(self.nll, self.tokens),
            "bits-per-character": _ratio(bits, self.characters) if self.represented else None,
            "bits-per-byte": _ratio(bits, self.bytes) if self.represented else None,
            "word-perplexity": _exp(self.nll, self.words),
            "oov-rate": _ratio(self.unknown, self.tokens),
            "coverage": _ratio(self.characters - self.unknown_characters, self.characters),
        }
        return {name: value for name, value in found.items() if value is not None}


def _ratio(total: float, units: int) -> float | None:
    return total / units if units else None


def _exp(total: float, units: int) -> float | None:
    if not units:
        return None
    return math.exp(total / units) if total / units < 700 else math.inf
