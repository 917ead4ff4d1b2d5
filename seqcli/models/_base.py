"""What models that are trained by gradients share: types of recipe keys, fresh weights, dropout, arrays by name."""

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
Depth = Annotated[int, Field(gt=0, le=1000)]  # layers: of more no machine makes a model
Rate = Annotated[float, Field(ge=0, lt=1)]
Penalty = Annotated[float, Field(ge=0)]
SPARE = 1 << 16  # numbers that are made of a file that has none of them
ReaderSpec = Annotated[list[str], BeforeValidator(lambda v: [v] if isinstance(v, str) else v)]  # a name, or several
ClassWeights = Literal["none", "balanced"] | dict[str, Annotated[float, Field(gt=0)]]


class Trained:
    """A model with a rate of dropout; its class is a dataclass of arrays, layers and plain numbers."""

    dropout: float
    variational: bool = False  # one mask for all time steps

    @classmethod
    @abstractmethod
    def create(cls, config: Any, vocabulary: Any, rng: Rng) -> Self:
        """A fresh model; the same generator state gives the same weights on every machine. Raises UsageError for
        keys that do not go together."""

    @classmethod
    def restore(cls, config: Any, vocabulary: Any, arrays: Mapping[str, np.ndarray]) -> Self:
        """A stored model. Raises SeqcliError where the arrays do not fit."""
        most = SPARE + 4 * sum(a.size for a in arrays.values())  # some are drawn more than once
        return layers.restore(cls.create(config, vocabulary, Blank(most)), arrays)

    @classmethod
    def numbers(cls, config: Any) -> dict[str, Any]:
        """What the model takes from its recipe as it stands: the fields with a default, where it has such a key."""
        return {f.name: getattr(config, f.name, f.default) for f in fields(cls) if f.default is not MISSING}  # type: ignore[arg-type]

    def arrays(self) -> dict[str, np.ndarray]:
        """All its arrays by dotted name."""
        return layers.arrays(self)

    def drop(self, x: Array, rng: Any, rate: float | None = None) -> Array:
        """Dropout of x (T, B, ·) by the generator, at the model's rate or another; without one nothing is dropped."""
        rate = self.dropout if rate is None else rate
        return drop(x, rate, rng, (1, *x.shape[1:]) if self.variational else None)


def stack(cell: Any, input_size: int, sizes: list[int], rng: Rng, *, bidirectional: bool = False) -> Stack:
    """Fresh layers of a recipe's `cell`, as validation made it: a kind, its options, whether it stands in blocks; or
    a list of those, which are taken in turn.

    Raises UsageError where layers in blocks are to have different sizes, or there are fewer than cells.
    """
    each = cells(cell)
    if len(each) > len(sizes):
        said = f"model.cell names {len(each)} cells, one a layer, and there are {len(sizes)} layers"
        raise UsageError(
            said, hint=f"at least {len(each)} layers, of the decoder too; of more they are taken in turn again"
        )
    block = any(own.get("block") for own in each)
    if block and len(set(sizes)) > 1:
        raise UsageError(
            f"model.cell: block: its layers add to one path, and cannot have {' and '.join(map(str, sizes))} units",
            hint="give embedding and hidden one size where tied is true",
        )
    plain = [{key: value for key, value in own.items() if key != "block"} for own in each]
    return Stack.create(plain, input_size, sizes, rng, bidirectional=bidirectional, block=block)


def head(outputs: int, inputs: int, rng: Rng) -> np.ndarray:
    """Fresh weights (outputs, inputs) of the last layer, between ± 1 / √inputs."""
    bound = 1 / np.sqrt(inputs)
    return rng.uniform(-bound, bound, (outputs, inputs)).astype(np.float32)
