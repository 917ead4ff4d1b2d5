"""Metrics: one a file. This module is the contract.

A file has a class `Metric` of `BaseMetric`. A task names those that it is scored by in its table (`METRICS` in the
task's `__init__.py`): they are computed, shown with their units, and asked for by name, for no other reason.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

from seqcli import registry
from seqcli.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike

    from seqcli.metrics.accuracy import Confusion, LabelScore
    from seqcli.metrics.calibration import Bin


class Offer(NamedTuple):
    """What a metric's number is."""

    unit: str
    more_is_better: bool
    meaning: str


class Found(NamedTuple):
    """What was found of a sentence, a text, or a batch of them, each by a name that metrics take it by."""

    predicted: Sequence[str] | None = None  # tags of a sentence, labels of texts, or one answer, a text
    gold: Sequence[str] | None = None  # what is right, likewise
    known: Sequence[bool] | None = None  # of each word of a sentence, whether the training text has it
    units: Sequence[str] | None = None  # what labels restore something to
    written: Sequence[str] | None = None  # gold tags as the data write them, where tags say where spans are
    probabilities: ArrayLike | None = None  # (N, K)
    truth: ArrayLike | None = None  # gold labels (N,) among the K, below 0 for another; of several (N, K) bool
    chosen: ArrayLike | None = None  # predicted ones, likewise, where they are not the most probable
    unknown_labels: Sequence[Collection[str]] | None = None  # gold labels of each text that the model does not know
    nats: float | None = None  # -log p of `tokens` tokens together
    tokens: int = 0
    unknown_tokens: int = 0  # those that are <unk>
    text: str = ""  # that the tokens are of
    unknown_characters: int = 0  # of the text
    represented: bool = True  # whether the tokenization keeps every character
    forecast: Mapping[str, np.ndarray] | None = None  # values (N,) and what was said of them, by whose it is
    horizon: Mapping[str, np.ndarray] | None = None  # the same (N, H) of values in a row


@dataclass
class BaseMetric(ABC):
    """Sums over what is found. The parameters of `update` are named as `Found` has them; a metric is given what has
    all that they need: those without a default."""

    OFFERS: ClassVar[Mapping[str, Offer]]

    @classmethod
    def of(cls, **setting: Any) -> Self | None:
        """A fresh one with what it has fields for of a task's setting; None where there is nothing to measure."""
        return cls(**{field.name: setting[field.name] for field in fields(cls) if field.name in setting})

    @abstractmethod
    def update(self, *args: Any, **kwargs: Any) -> None:
        """Add what was found. Raises ValueError where it does not fit together."""

    @abstractmethod
    def result(self) -> dict[str, float]:
        """Those of OFFERS that can be measured; none before there is something to divide by."""

    def counted(self) -> dict[str, int]:
        """What a report says the numbers were measured on."""
        return {}

    def signatures(self) -> dict[str, str]:
        """What else numbers must share to be compared, by name."""
        return {}

    def per_label(self) -> dict[str, LabelScore] | None:
        """Precision, recall, F1 and support of every label that is gold or predicted somewhere, sorted."""
        return None

    def confusion(self) -> Confusion | None:
        """How often each gold label was taken for each."""
        return None

    def by_step(self) -> dict[str, list[float | None]]:
        """Figures of each step of a horizon, by name."""
        return {}

    def reliability(self) -> list[Bin]:
        """What a reliability diagram shows."""
        return []


class Measures:
    """The metrics of a table, side by side; `setting` is what they are made with."""

    def __init__(self, table: Iterable[str], **setting: Any):
        made = [registry.load("metrics", name).Metric.of(**setting) for name in table]
        self.metrics: list[BaseMetric] = [metric for metric in made if metric is not None]
        self._taken = []
        for metric in self.metrics:
            takes = inspect.signature(metric.update).parameters.values()
            places = [Found._fields.index(parameter.name) for parameter in takes]
            needed = places[: sum(parameter.default is parameter.empty for parameter in takes)]
            self._taken.append((metric.update, needed, itemgetter(*places, 0)))  # 0: of one place it makes no tuple

    def update(self, found: Found) -> None:
        """Give each metric what it takes."""
        for update, needed, take in self._taken:
            for place in needed:
                if found[place] is None:
                    break
            else:
                update(*take(found)[:-1])


def offers(table: Iterable[str] | None = None) -> dict[str, Offer]:
    """Every metric by name, or those of a table."""
    found: dict[str, Offer] = {}
    for family in sorted(registry.names("metrics") if table is None else table):
        found |= registry.load("metrics", family).Metric.OFFERS
    return found


def summed(name: str, table: Sequence[str], **setting: Any) -> Any:
    """The metric of a table with that name, if its `contributions` of records add up, and `of_sums` is the number.
    Raises UsageError."""
    kinds = [registry.load("metrics", family).Metric for family in table]
    known = {n: kind for kind in kinds if hasattr(kind, "of_sums") for n in kind.OFFERS}
    if name not in known:
        raise UsageError(f"{name} is no sum over records", hint=f"what is: {', '.join(known)}")
    return known[name].of(wanted=[name], alone=True, **setting)


def check(name: str, known: Mapping[str, Offer] | None = None) -> str:
    """The name, if it is a metric's. Raises UsageError with a suggestion."""
    known = offers() if known is None else known
    if name not in known:
        raise UsageError(f"unknown metric {name!r}", hint=did_you_mean(name, known))
    return name
