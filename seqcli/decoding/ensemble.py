"""An ensemble of models: the mean of their probabilities, token by token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqcli.decoding import Seq2Seq
from seqcli.errors import UsageError


class Ensemble:
    """A Seq2Seq of Seq2Seqs over the same target symbols. Raises UsageError if their numbers of symbols differ."""

    def __init__(self, models: Sequence[Seq2Seq]):
        if not models:
            raise UsageError("an ensemble needs a model")
        self.models = tuple(models)

    def start(self, sources: Sequence[np.ndarray]) -> tuple[Any, Any]:
        """Read sources; memory and state are tuples of those of the members."""
        started = [model.start(sources) for model in self.models]
        return tuple(memory for memory, _ in started), tuple(state for _, state in started)

    def step(self, ids: np.ndarray, memory: Any, state: Any) -> tuple[np.ndarray, Any, np.ndarray | None]:
        """Return the log of the mean of the members' probabilities, the next state, and the mean of their attention
        if all have one over the same positions."""
        steps = [model.step(ids, *of) for model, of in zip(self.models, zip(memory, state, strict=True), strict=True)]
        return (
            _log_mean([log_probs for log_probs, _, _ in steps]),
            tuple(after for _, after, _ in steps),
            _mean([attention for _, _, attention in steps]),
        )


def _log_mean(parts: list[np.ndarray]) -> np.ndarray:
    """Return log(1/n Σ exp) of n arrays (N, V), float32."""
    sizes = sorted({part.shape[1] for part in parts})
    if len(sizes) > 1:
        raise UsageError(
            f"the models of an ensemble must have the same target symbols, not {sizes[0]:,} and {sizes[-1]:,}",
            hint="use models that were trained with the same tokenizer",
        )
    if len(parts) == 1:
        return parts[0]
    top = parts[0].copy()
    for part in parts[1:]:
        np.maximum(top, part, out=top)
    np.maximum(top, np.finfo(top.dtype).min, out=top)  # impossible for all: -inf, not nan
    total, room = np.zeros_like(top), np.empty_like(top)
    for part in parts:
        total += np.exp(np.subtract(part, top, out=room), out=room)
    with np.errstate(divide="ignore"):
        np.log(total, out=total)
    total += top
    total -= np.float32(np.log(len(parts)))
    return total


def _mean(parts: list[np.ndarray | None]) -> np.ndarray | None:
    """Return the mean of arrays (N, S); None if one is missing or they differ in S."""
    there = [part for part in parts if part is not None]
    if len(there) < len(parts) or len({part.shape for part in there}) > 1:
        return None
    total = there[0].copy()
    for part in there[1:]:
        total += part
    return total / len(there)
