"""Metrics: one a file. This module is the contract.

The module of a metric has a class `Metric`, a subclass of `BaseMetric`. A task lists its metrics in a table
(`METRICS` in the task's `__init__.py`), which alone decides that they are computed, shown with their units and
available by name.
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
    """The description of a number that a metric offers."""

    unit: str
    more_is_better: bool
    meaning: str


class Found(NamedTuple):
    """The results for a sentence, a text, or a batch of them; metrics take them by these names."""

    predicted: Sequence[str] | None = None  # tags of a sentence, labels of texts, or one answer, a text
    gold: Sequence[str] | None = None  # the correct ones, in the same form
    known: Sequence[bool] | None = None  # for each word of a sentence, whether the training text has it
    units: Sequence[str] | None = None  # the units of text that labels restore something to
    written: Sequence[str] | None = None  # gold tags as the data write them, if tags mark spans
    probabilities: ArrayLike | None = None  # (N, K)
    truth: ArrayLike | None = None  # gold labels (N,) among the K, below 0 for any other; multi-label (N, K) bool
    chosen: ArrayLike | None = None  # predicted labels, in the same form, if not the most probable ones
    unknown_labels: Sequence[Collection[str]] | None = None  # gold labels of each text that the model does not know
    nats: float | None = None  # -log p of `tokens` tokens together
    tokens: int = 0
    unknown_tokens: int = 0  # tokens that are <unk>
    text: str = ""  # the text of the tokens
    unknown_characters: int = 0  # of the text
    represented: bool = True  # whether the tokenization keeps every character
    forecast: Mapping[str, np.ndarray] | None = None  # true values (N,) and forecasts of them, by their source
    horizon: Mapping[str, np.ndarray] | None = None  # the same for (N, H) consecutive values


@dataclass
class BaseMetric(ABC):
    """The base class of metrics, which accumulate results. The parameters of `update` are named like fields of
    `Found`; a metric is given each `Found` that has all parameters without a default."""

    OFFERS: ClassVar[Mapping[str, Offer]]

    @classmethod
    def of(cls, **setting: Any) -> Self | None:
        """Return a new metric with the fields that a task's setting has for it; None with nothing to measure."""
        return cls(**{field.name: setting[field.name] for field in fields(cls) if field.name in setting})

    @abstractmethod
    def update(self, *args: Any, **kwargs: Any) -> None:
        """Add results. Raises ValueError if they do not fit each other."""

    @abstractmethod
    def result(self) -> dict[str, float]:
        """Return the numbers of OFFERS that can be computed; none before there is something to divide by."""

    def counted(self) -> dict[str, int]:
        """Return counts, for a report, of what the numbers were measured on."""
        return {}

    def signatures(self) -> dict[str, str]:
        """Return what else numbers must share to be comparable, by name."""
        return {}

    def per_label(self) -> dict[str, LabelScore] | None:
        """Return precision, recall, F1 and support of every label that is gold or predicted anywhere, sorted."""
        return None

    def confusion(self) -> Confusion | None:
        """Return how often each gold label was predicted as each label."""
        return None

    def by_step(self) -> dict[str, list[float | None]]:
        """Return the figures of each step of a horizon, by name."""
        return {}

    def reliability(self) -> list[Bin]:
        """Return the bins of a reliability diagram."""
        return []


class Measures:
    """All metrics of a table, created with a `setting`."""

    def __init__(self, table: Iterable[str], **setting: Any):
        made = [registry.load("metrics", name).Metric.of(**setting) for name in table]
        self.metrics: list[BaseMetric] = [metric for metric in made if metric is not None]
        self._taken = []
        for metric in self.metrics:
            takes = inspect.signature(metric.update).parameters.values()
            places = [Found._fields.index(parameter.name) for parameter in takes]
            needed = places[: sum(parameter.default is parameter.empty for parameter in takes)]
            self._taken.append((metric.update, needed, itemgetter(*places, 0)))  # 0: for one place it gives no tuple

    def update(self, found: Found) -> None:
        """Update each metric with the fields that it takes."""
        for update, needed, take in self._taken:
            for place in needed:
                if found[place] is None:
                    break
            else:
                update(*take(found)[:-1])


def offers(table: Iterable[str] | None = None) -> dict[str, Offer]:
    """Return all metrics by name, or those of a table."""
    found: dict[str, Offer] = {}
    for family in sorted(registry.names("metrics") if table is None else table):
        found |= registry.load("metrics", family).Metric.OFFERS
    return found


def summed(name: str, table: Sequence[str], **setting: Any) -> Any:
    """Return the metric of a table that offers a name, if its number is `of_sums` of its `contributions` summed over
    records. Raises UsageError otherwise."""
    kinds = [registry.load("metrics", family).Metric for family in table]
    known = {n: kind for kind in kinds if hasattr(kind, "of_sums") for n in kind.OFFERS}
    if name not in known:
        raise UsageError(f"{name} is not a sum over records", hint=f"metrics that are: {', '.join(known)}")
    return known[name].of(wanted=[name], alone=True, **setting)


def check(name: str, known: Mapping[str, Offer] | None = None) -> str:
    """Return the name if it is a metric's. Raises UsageError with a suggestion."""
    known = offers() if known is None else known
    if name not in known:
        raise UsageError(f"unknown metric {name!r}", hint=did_you_mean(name, known))
    return name
