"""Segmentation of running text: F1 of sentences, tokens and words, as the CoNLL 2018 shared task defines them.

A sentence, a token or a word is right if a gold one has the same first and last character, ignoring white space
(Zeman et al. 2018, "CoNLL 2018 Shared Task: Multilingual Parsing from Raw Text to Universal Dependencies").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from seqcli.metrics import BaseMetric, Offer
from seqcli.metrics.accuracy import LabelScore
from seqcli.restoration.sentences import SENTENCE, TOKEN, WORD

_ENDS = {"sentence": (SENTENCE,), "token": (SENTENCE, TOKEN), "word": (SENTENCE, TOKEN, WORD)}


def divisions(units: Sequence[str], labels: Sequence[str], what: str) -> Iterator[tuple[int, int]]:
    """Yield the sentences, tokens or words that the labels of a paragraph's units mark, as (first unit, last unit +
    1); the end of the paragraph ends all of them."""
    ends, start = _ENDS[what], 0
    for i, label in enumerate(labels, 1):
        if units[i - 1] == " " and start == i - 1:
            start = i
        elif label in ends or i == len(units) or (what != "sentence" and units[i].startswith(" ")):
            yield start, i
            start = i


@dataclass
class Metric(BaseMetric):
    """Counts of sentences, and of tokens and words if the data mark them, over paragraphs."""

    OFFERS: ClassVar[Mapping[str, Offer]] = {
        "sentence-f1": Offer("share", True, "2 P R / (P + R) of sentences, both of whose ends must be right"),
        "sentence-precision": Offer("share", True, "P: predicted sentences that are right"),
        "sentence-recall": Offer("share", True, "R: gold sentences that are found"),
        "token-f1": Offer("share", True, "F1 of tokens, in text as it is written"),
        "word-f1": Offer("share", True, "F1 of words, of which a token may have several"),
    }

    right: Counter[str] = field(default_factory=Counter)
    predicted: Counter[str] = field(default_factory=Counter)
    gold: Counter[str] = field(default_factory=Counter)
    finer: bool = False  # whether gold labels mark the ends of tokens

    @classmethod
    def of(cls, **setting: Any) -> Self | None:
        """Return a metric only for the restoration of sentences."""
        return cls() if setting.get("restore") == "sentences" else None

    def update(self, predicted: Sequence[str], gold: Sequence[str], units: Sequence[str]) -> None:
        """Add a paragraph: T predicted and T gold labels of its units."""
        self.finer = self.finer or TOKEN in gold
        for what in _ENDS:
            ours, theirs = (set(divisions(units, labels, what)) for labels in (predicted, gold))
            self.right[what] += len(ours & theirs)
            self.predicted[what] += len(ours)
            self.gold[what] += len(theirs)

    def result(self) -> dict[str, float]:
        """Return the scores of sentences, and of tokens and words if the data mark them."""
        if not self.gold["sentence"]:
            return {}
        score = {what: LabelScore.of(self.right[what], self.predicted[what], self.gold[what]) for what in _ENDS}
        own = score["sentence"]
        found = {"sentence-f1": own.f1, "sentence-precision": own.precision, "sentence-recall": own.recall}
        return {**found, **({f"{what}-f1": score[what].f1 for what in ("token", "word")} if self.finer else {})}
