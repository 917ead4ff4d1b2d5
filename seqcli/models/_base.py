"""What gradient-trained models share: types of recipe keys, fresh weights, dropout, arrays by name."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BeforeValidator, Field

from seqcli import layers
from seqcli.errors import UsageError
from seqcli.layers.blank import Blank, Rng
from seqcli.layers.choice import cells
from seqcli.layers.dropout import drop
from seqcli.layers.stack import Stack
from seqcli.ops import Array

Size = Annotated[int, Field(gt=0)]
Depth = Annotated[int, Field(gt=0, le=1000)]  # layers: no machine builds a deeper model
Rate = Annotated[float, Field(ge=0, lt=1)]
Penalty = Annotated[float, Field(ge=0)]
SPARE = 1 << 16  # numbers that restoring a model may allocate beyond those in its file
ModelNames = Annotated[list[str], BeforeValidator(lambda v: [v] if isinstance(v, str) else v)]  # a name, or several
ClassWeights = Literal["none", "balanced"] | dict[str, Annotated[float, Field(gt=0)]]


class Trained:
    """A model with a rate of dropout; its class is a dataclass of arrays, layers and plain numbers."""

    dropout: float
    variational: bool = False  # one mask for all time steps

    @classmethod
    @abstractmethod
    def create(cls, config: Any, vocabulary: Any, rng: Rng) -> Self:
        """Create a fresh model; the same generator state gives the same weights on every machine. Raises UsageError
        for keys that contradict each other."""

    @classmethod
    def restore(cls, config: Any, vocabulary: Any, arrays: Mapping[str, np.ndarray]) -> Self:
        """Restore a stored model. Raises SeqcliError if the arrays do not fit the configuration."""
        most = SPARE + 4 * sum(a.size for a in arrays.values())  # some arrays are drawn more than once
        return layers.restore(cls.create(config, vocabulary, Blank(most)), arrays)

    @classmethod
    def numbers(cls, config: Any) -> dict[str, Any]:
        """Return the fields that have a default, with the value of the recipe key of the same name, if any."""
        return {f.name: getattr(config, f.name, f.default) for f in fields(cls) if f.default is not MISSING}  # type: ignore[arg-type]

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all arrays by dotted name."""
        return layers.arrays(self)

    def drop(self, x: Array, rng: Any, rate: float | None = None) -> Array:
        """Apply dropout to x (T, B, ·) with the generator `rng`, at the model's rate or `rate`; without one, none."""
        rate = self.dropout if rate is None else rate
        return drop(x, rate, rng, (1, *x.shape[1:]) if self.variational else None)


def stack(cell: Any, input_size: int, sizes: list[int], rng: Rng, *, bidirectional: bool = False) -> Stack:
    """Create fresh layers from a recipe's validated `cell`: a kind, its options and whether it stands in residual
    blocks; or a list of those, which the layers take in turn.

    Raises UsageError if layers in blocks would differ in size, or if there are fewer layers than cells.
    """
    each = cells(cell)
    if len(each) > len(sizes):
        said = f"model.cell names {len(each)} cells, one a layer, and there are {len(sizes)} layers"
        raise UsageError(
            said, hint=f"use at least {len(each)} layers, in the decoder too; further layers repeat the cells in turn"
        )
    block = any(own.get("block") for own in each)
    if block and len(set(sizes)) > 1:
        raise UsageError(
            f"model.cell: block: layers in blocks need one size, not {' and '.join(map(str, sizes))} units",
            hint="give embedding and hidden the same size if tied is true",
        )
    plain = [{key: value for key, value in own.items() if key != "block"} for own in each]
    return Stack.create(plain, input_size, sizes, rng, bidirectional=bidirectional, block=block)


def head(outputs: int, inputs: int, rng: Rng) -> np.ndarray:
    """Return fresh weights (outputs, inputs) of the last layer, uniform between ± 1 / √inputs."""
    bound = 1 / np.sqrt(inputs)
    return rng.uniform(-bound, bound, (outputs, inputs)).astype(np.float32)
