"""Models with several targets: the last layer holds the labels of all targets, the loss is a weighted sum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field

from seqcli.datasets import targets
from seqcli.datasets.vocabulary import Vocabulary
from seqcli.ops import Array


class Keys(BaseModel, extra="forbid"):
    """Keys of a target in `model.targets`."""

    weight: Annotated[float, Field(gt=0)] = 1.0  # of its loss in the sum


class HasHeads:
    """A model whose last layer has the labels of all targets of its vocabulary, target after target."""

    output_weight: Array  # (K, ·), of all targets
    output_bias: Array  # (K,)
    vocabulary: Vocabulary
    weights: Mapping[str, float]  # of the targets' losses; 1 if not named

    def only(self, name: str) -> Self:
        """Return the model with only one of its targets."""
        own = self.vocabulary.slices[name]
        weight, bias = self.output_weight[own], self.output_bias[own]
        return replace(self, output_weight=weight, output_bias=bias, vocabulary=self.vocabulary.only(name))  # type: ignore[type-var]

    def weighted(self, losses: Mapping[str, Array]) -> Array:
        """Return the weighted sum of the targets' losses."""
        parts = [nats * self.weights[name] if name in self.weights else nats for name, nats in losses.items()]
        return sum(parts[1:], start=parts[0])


def weights(config: Any, vocabulary: Vocabulary) -> dict[str, float]:
    """Return the loss weights that a recipe gives. Raises UsageError for targets that do not exist."""
    known = list(vocabulary.slices) if vocabulary.further else []
    targets.check(config.targets, known, "model.targets")
    return {name: own.weight for name, own in config.targets.items()}
