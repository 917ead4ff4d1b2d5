"""Several targets of one model: their labels stand side by side in the last layer, their losses are added."""

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
    """A model whose last layer has the labels of all targets of its vocabulary, one target's after the other's."""

    output_weight: Array  # (K, ·), of all targets
    output_bias: Array  # (K,)
    vocabulary: Vocabulary
    weights: Mapping[str, float]  # of the targets' losses; 1 where none is said

    def only(self, name: str) -> Self:
        """The model with one of its targets."""
        own = self.vocabulary.slices[name]
        weight, bias = self.output_weight[own], self.output_bias[own]
        return replace(self, output_weight=weight, output_bias=bias, vocabulary=self.vocabulary.only(name))  # type: ignore[type-var]

    def weighted(self, losses: Mapping[str, Array]) -> Array:
        """The sum of the targets' losses by their weights."""
        parts = [nats * self.weights[name] if name in self.weights else nats for name, nats in losses.items()]
        return sum(parts[1:], start=parts[0])


def weights(config: Any, vocabulary: Vocabulary) -> dict[str, float]:
    """The weights that a recipe says. Raises UsageError for those of targets that there are not."""
    known = list(vocabulary.slices) if vocabulary.further else []
    targets.check(config.targets, known, "model.targets")
    return {name: own.weight for name, own in config.targets.items()}
