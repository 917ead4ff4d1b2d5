"""Front ends: what makes of frames what a stack reads, in the place of an embedding; one a file. This module is the
contract.

A front end's file offers `FrontEnd`, a subclass of `BaseFrontEnd`. Frames of several records lie end to end: (N, D),
with how many each record has; what comes out lies so too, and may be fewer. In NumPy a record's result is its own, to
the last bit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from seqcli import ops, registry
from seqcli.errors import UsageError
from seqcli.layers.blank import Rng
from seqcli.ops import Array


@dataclass(frozen=True)
class BaseFrontEnd(ABC):
    """Frames in, vectors out."""

    @classmethod
    @abstractmethod
    def create(cls, dimensions: int, size: int, rng: Rng) -> Self:
        """Fresh weights from frames of D numbers to vectors of E; options of a kind are keyword-only. Raises
        UsageError for what does not go together."""

    @abstractmethod
    def read(self, frames: Array, lengths: np.ndarray) -> tuple[Array, np.ndarray]:
        """frames (N, D), lengths (B,) that add up to N -> (N', E), lengths (B,) that add up to N'."""

    def batched(self, frames: Array, lengths: Array) -> tuple[Array, Array]:
        """The same of records side by side, whatever stands beyond a length: frames (B, T, D), lengths (B,) ->
        vectors (B, T', E), lengths (B,). Raises UsageError where that cannot be."""
        flat, _ = self.read(frames.reshape(frames.shape[0] * frames.shape[1], frames.shape[2]), np.zeros(0, np.int64))
        return flat.reshape(frames.shape[0], frames.shape[1], flat.shape[1]), lengths

    def stream(self) -> Callable[[np.ndarray, bool], np.ndarray]:
        """What reads one record in pieces, in NumPy: frames (n, D), n >= 0, whether they are the last -> the vectors
        (n', E) that they complete, the same to the last bit as `read` gives of the whole. Raises UsageError where
        that cannot be."""
        raise UsageError("its front end reads whole records", hint="train one with model.front_end: linear, or conv")

    @property
    def every(self) -> int:
        """How many frames there are to each vector."""
        return 1

    @classmethod
    def keeps(cls, **options: Any) -> bool:
        """Whether a vector comes of each frame, with these options of `create`."""
        return True

    def reduced(self, lengths: np.ndarray) -> np.ndarray:
        """How many vectors come of so many frames."""
        return lengths


def create(spec: dict[str, Any] | None, dimensions: int, size: int, rng: Rng) -> BaseFrontEnd | None:
    """The front end that a recipe's `front_end` names, by default a projection, with fresh weights; None where there
    are no frames (D is 0). Raises UsageError for one that is named all the same, or cannot be made."""
    if not dimensions:
        if spec is not None:
            raise UsageError(
                "model.front_end reads frames, and this recipe reads text", hint="see: seqcli recipes keys frames"
            )
        return None
    options = dict(spec or {"kind": "linear"})
    return registry.load("front_ends", options.pop("kind")).FrontEnd.create(dimensions, size, rng, **options)


def keeps(spec: dict[str, Any]) -> bool:
    """Whether the front end that a recipe names gives a vector for each frame."""
    options = dict(spec)
    return registry.load("front_ends", options.pop("kind")).FrontEnd.keeps(**options)


def gathered(rows: Array, index: np.ndarray) -> Array:
    """Rows side by side: rows (N, C), index (M, w) of them, N for none -> (M, w·C), zeros where there is none."""
    rows = ops.concat([rows, ops.zeros((1, rows.shape[1]), rows)], axis=0)
    return ops.embedding(ops.integers(index, rows), rows).reshape(len(index), -1)


def padded(rows: Array, lengths: np.ndarray, steps: int | None = None) -> Array:
    """Rows that lie end to end as (T, B, E), zeros beyond each length."""
    starts, T = np.cumsum(lengths) - lengths, int(lengths.max(initial=0)) if steps is None else steps
    times = np.arange(T)[:, None]
    index = np.where(times < lengths, starts + times, len(rows))
    return gathered(rows, index.reshape(-1, 1)).reshape(T, len(lengths), -1)
