"""A forward model that answers while its record still comes, as soon as each answer is known.

Outputs of the stack are the same to the last bit as those of the whole record, whatever the pieces. A frame is
answered when everything that it sees has come: the samples of its window, and the frames that a convolution looks
ahead.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np

from seqcli import ops
from seqcli.errors import SeqcliError, UsageError
from seqcli.inference.batch import BatchForm
from seqcli.layers.stack import Stack


class Heard(NamedTuple):
    """An answer."""

    time: float  # where its step begins: seconds from the beginning of a recording, or steps
    what: str  # a tag, a label, a symbol
    probability: float
    text: str = ""  # the text that a symbol adds


class Live(ABC):
    """A model with its front end. A task's `live.py` makes one from its predictor."""

    name: str  # the key of its answers in objects

    def __init__(self, frames: Any, model: Any):
        """Raise UsageError for a model that cannot answer before it has read the whole record."""
        stack = getattr(model, "stack", None)
        if not isinstance(stack, Stack):
            raise UsageError("it reads whole records", hint="train a recurrent one, with model.bidirectional: false")
        if any(len(layer) > 1 for layer in stack.cells):
            raise UsageError("it reads records from their ends too", hint="train one with model.bidirectional: false")
        self.frames, self.model = frames, model
        self._frames, self._front_end = frames.stream(), model.front_end.stream()
        self._read, self._steps = BatchForm(stack).stream(), 0

    def feed(self, given: np.ndarray, *, last: bool = False) -> list[Heard]:
        """Return the answers that more samples (n,) in ± 32,768, or vectors (n, D), n >= 0, complete; with `last` all
        that remain. Raises SeqcliError if the whole record is too short for a frame."""
        frames = self._frames(given, last)
        if not (len(frames) or last):
            return []
        vectors = self._front_end(frames, last)
        if not (len(vectors) or last):
            return []
        outputs = self._read(vectors)
        first, self._steps = self._steps, self._steps + len(outputs)
        if last and not self._steps:
            raise SeqcliError("the recording is too short: less than one window")
        logits = ops.linear(self.pooled(outputs), self.model.output_weight, self.model.output_bias)
        scale = self.model.front_end.every * self.frames.seconds
        return [one._replace(time=round(one.time * scale, 4)) for one in self.heard(first, logits, last)]

    def pooled(self, outputs: np.ndarray) -> np.ndarray:
        """Return what the last layer reads, from outputs (n, C) of the stack."""
        return outputs

    @abstractmethod
    def heard(self, first: int, logits: np.ndarray, last: bool) -> list[Heard]:
        """Return the answers that more logits (n, K) give, their times in steps; `first` is the first row's step."""

    def rest(self) -> str:
        """Return the rest of the text after the last answer: an incomplete character."""
        return ""
