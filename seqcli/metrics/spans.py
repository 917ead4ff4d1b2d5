"""Scores of spans: precision, recall and F1 by the rules of conlleval (CoNLL-2000), strictly, and by label.

A predicted span is right if a gold span has the same tokens and label. As in conlleval, a score with nothing to
divide by is 0: precision if no span is predicted, recall if none is gold, F1 if there is neither; so a data set
without spans has F1 0 even if none is predicted. A sentence without gold and predicted spans adds nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from seqcli import schemes
from seqcli.metrics import BaseMetric, Offer
from seqcli.metrics.accuracy import LabelScore
from seqcli.schemes import Span


@dataclass
class _Tally:
    """Spans by label."""

    right: Counter[str] = field(default_factory=Counter)
    predicted: Counter[str] = field(default_factory=Counter)
    gold: Counter[str] = field(default_factory=Counter)

    def add(self, predicted: Iterable[Span], gold: Iterable[Span]) -> None:
        found, wanted = set(predicted), set(gold)
        self.right.update(span.label for span in found & wanted)
        self.predicted.update(span.label for span in found)
        self.gold.update(span.label for span in wanted)

    def total(self) -> LabelScore:
        return LabelScore.of(self.right.total(), self.predicted.total(), self.gold.total())


@dataclass
class Metric(BaseMetric):
    """Counts of spans over tagged sentences. `scheme` is that of the tags; without one there is no strict score."""

    OFFERS: ClassVar = {
        "span-f1": Offer("share", True, "2 P R / (P + R), all labels together; spans are read by conlleval's rules"),
        "span-precision": Offer("share", True, "P: predicted spans that are right"),
        "span-recall": Offer("share", True, "R: gold spans that are found"),
        "span-f1-strict": Offer(
            "share", True, "F1 over spans, predicted and gold, that are written as the scheme says"
        ),
        "span-f1-macro": Offer("share", True, "mean F1 of the labels that are gold or predicted somewhere"),
    }

    scheme: str | None = None
    sentences: int = 0
    _lenient: _Tally = field(default_factory=_Tally)
    _strict: _Tally = field(default_factory=_Tally)

    def update(self, predicted: Sequence[str], written: Sequence[str]) -> None:
        """Add a sentence: T predicted and T gold tags. Raises ValueError if lengths differ."""
        if len(predicted) != len(written):
            raise ValueError(f"{len(predicted)} predicted tags for {len(written)} gold ones")
        self.sentences += 1
        self._lenient.add(schemes.spans(predicted), schemes.spans(written))
        if self.scheme is not None:
            self._strict.add(*(schemes.strict_spans(tags, self.scheme) for tags in (predicted, written)))

    def counted(self) -> dict[str, int]:
        """Return how many spans were `right`, `predicted` and `gold`; nothing before the first sentence."""
        names = ("right", "predicted", "gold") if self.sentences else ()
        return {name: getattr(self._lenient, name).total() for name in names}

    def per_label(self) -> dict[str, LabelScore]:
        """Return precision, recall, F1 and support of every label that is gold or predicted anywhere, sorted."""
        tally = self._lenient
        return {
            label: LabelScore.of(tally.right[label], tally.predicted[label], tally.gold[label])
            for label in sorted(tally.gold.keys() | tally.predicted.keys())
        }

    def result(self) -> dict[str, float]:
        """Return every metric of OFFERS; none before the first sentence, `span-f1-strict` only with a scheme."""
        if not self.sentences:
            return {}
        score, labels = self._lenient.total(), self.per_label()
        strict = {} if self.scheme is None else {"span-f1-strict": self._strict.total().f1}
        return {
            "span-f1": score.f1,
            "span-precision": score.precision,
            "span-recall": score.recall,
            **strict,
            "span-f1-macro": sum(label.f1 for label in labels.values()) / len(labels) if labels else 0.0,
        }
