"""A model that reads forward, while its record still comes: answers as soon as they are known.

Outputs of the stack are the same to the last bit as those of the whole record, whatever the pieces. A frame is
answered when all is there that it sees: the samples of its window, and the frames that a convolution looks ahead.
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

    time: float  # seconds from the beginning of a recording, else steps: where the step begins that it is of
    what: str  # a tag, a label, a symbol
    probability: float
    text: str = ""  # what a symbol adds to the text


class Live(ABC):
    """A model behind its front end. A task's file `live.py` has one, made of its predictor."""

    name: str  # of what it gives, in objects

    def __init__(self, frames: Any, model: Any):
        """Raises UsageError for a model that cannot answer before it has read all."""
        stack = getattr(model, "stack", None)
        if not isinstance(stack, Stack):
            raise UsageError("it reads whole records", hint="train a recurrent one, with model.bidirectional: false")
        if any(len(layer) > 1 for layer in stack.cells):
            raise UsageError("it reads records from their ends too", hint="train one with model.bidirectional: false")
        self.frames, self.model = frames, model
        self._frames, self._front_end = frames.stream(), model.front_end.stream()
        self._read, self._steps = BatchForm(stack).stream(), 0

    def feed(self, given: np.ndarray, *, last: bool = False) -> list[Heard]:
        """The answers that more samples (n,) in ± 32,768 give, or vectors (n, D), n >= 0; with the last ones all that
        are left. Raises SeqcliError where all of it is too short for a frame."""
        frames = self._frames(given, last)
        if not (len(frames) or last):
            return []
        vectors = self._front_end(frames, last)
        if not (len(vectors) or last):
            return []
        outputs = self._read(vectors)
        first, self._steps = self._steps, self._steps + len(outputs)
        if last and not self._steps:
            raise SeqcliError("too short a recording: less than one window")
        logits = ops.linear(self.pooled(outputs), self.model.output_weight, self.model.output_bias)
        scale = self.model.front_end.every * self.frames.seconds
        return [one._replace(time=round(one.time * scale, 4)) for one in self.heard(first, logits, last)]

    def pooled(self, outputs: np.ndarray) -> np.ndarray:
        """What the last layer reads: of outputs (n, C) of the stack."""
        return outputs

    @abstractmethod
    def heard(self, first: int, logits: np.ndarray, last: bool) -> list[Heard]:
        """The answers that more logits (n, K) give, their times in steps; `first` is the step of the first."""

    def rest(self) -> str:
        """What the text lacks when the last answer is given: an incomplete character."""
        return ""
