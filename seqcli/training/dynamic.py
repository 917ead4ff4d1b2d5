"""Dynamic evaluation: a language model keeps learning from each segment after scoring it (Krause et al. 2018,
"Dynamic evaluation of neural sequence models").

With g the gradient of a segment's mean loss, s the root of the mean squared gradients of the training text, s̄ its
mean over all weights, and θ₀ the trained weights: θ ← θ - rate · g / (s + ε s̄) + min(decay · s / s̄, 1) · (θ₀ - θ).
Weights whose gradients were small in training take large steps; weights whose gradients were large take small steps
and are pulled back to their trained values more strongly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from seqcli import console, ops
from seqcli.datasets.streams import Streams
from seqcli.errors import UsageError
from seqcli.models import joined
from seqcli.training import device

STREAMS, BATCHES = 32, 100  # how much training text the squared gradients are averaged over, at most
EPSILON = 0.1


@dataclass(frozen=True)
class Settings:
    """The learning rate, the decay towards the trained weights, and the segment length of dynamic evaluation."""

    rate: float = 1e-4
    decay: float = 0.01
    segment: int = 50  # tokens that are scored before they are learnt from

    def __str__(self) -> str:
        return f"+dynamic({self.rate:g},{self.decay:g},{self.segment})"


class Dynamic:
    """A LanguageModel of one stream that learns as it scores: its scores depend on everything it has scored before.
    `begin` restores the trained weights."""

    kind: ClassVar[str] = "dynamic"

    def __init__(self, model: Any, train: np.ndarray, settings: Settings):
        """Wrap a recurrent language model, given its training ids (N,). Raises UsageError for other kinds."""
        if not hasattr(model, "stack"):
            raise UsageError(
                f"--dynamic is for recurrent language models: this one is a {model.kind}",
                hint="only a recurrent model carries its state from segment to segment",
            )
        self.settings, self._model = settings, model
        self._weights = device.leaves(model, "cpu")
        self._first = {name: w.detach().clone() for name, w in self._weights.items()}
        self._bound = device.bind(model, self._weights, "float32")
        roots = self._roots(train)
        mean = sum(float(r.sum()) for r in roots.values()) / sum(r.numel() for r in roots.values())
        self._rates = {name: settings.rate / (r + EPSILON * mean) for name, r in roots.items()}
        self._pulls = {name: (settings.decay * r / mean).clamp(max=1.0) for name, r in roots.items()}

    def _roots(self, train: np.ndarray) -> dict[str, torch.Tensor]:
        """Return the root of the mean squared gradients of each weight on the training text."""
        streams = Streams(train, STREAMS, self.settings.segment, 0)
        count = min(BATCHES, streams.batches)
        squares = {name: torch.zeros_like(w) for name, w in self._first.items()}
        state = self._bound.initial_state(streams.batch_size)
        with console.progress("measuring gradients on the training text", count, " batches") as advance:
            for index in range(count):
                inputs, targets = (ops.integers(a, self._bound.embedding) for a in streams.batch(0, index))
                loss, state = self._bound.loss(inputs, targets, device.detached(state))
                for name, g in self._gradients(loss).items():
                    squares[name] += g * g
                advance(1)
        return {name: (s / count).sqrt() for name, s in squares.items()}

    def _gradients(self, loss: torch.Tensor) -> dict[str, torch.Tensor]:
        found = torch.autograd.grad(loss, list(self._weights.values()), allow_unused=True)
        return {name: g for name, g in zip(self._weights, found, strict=True) if g is not None}

    @property
    def output(self) -> np.ndarray:
        """The weight matrix of the softmax (V, H)."""
        return self._model.output

    @property
    def vocabulary_size(self) -> int:
        return self._model.vocabulary_size

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays as they were trained."""
        return self._model.arrays()

    def begin(self) -> None:
        """Put the trained weights back, forgetting everything that was scored."""
        with torch.no_grad():
            for name, w in self._weights.items():
                w.copy_(self._first[name])

    def initial_state(self, batch: int) -> Any:
        """Return a state of zeros for `batch` streams."""
        return self._bound.initial_state(batch)

    def scored(self, inputs: np.ndarray, targets: np.ndarray, state: Any) -> Iterator[tuple[Any, np.ndarray, Any]]:
        """Yield for each segment of one stream (1, T), scored before it is learnt from: the inputs of the softmax
        (1, t, H), the log-probabilities in nats (1, t) and the state after it. Raises UsageError for more streams."""
        if len(inputs) != 1:
            raise UsageError("--dynamic learns from one stream: it does not apply to windows or to separate lines")
        for at in range(0, inputs.shape[1], self.settings.segment):
            x, y = (
                ops.integers(np.ascontiguousarray(a[:, at : at + self.settings.segment].T), self._bound.embedding)
                for a in (inputs, targets)
            )
            h, state = self._bound.hidden(x, device.detached(state))
            nats = self._bound.nats(h, y)
            gradients = self._gradients(nats.mean())
            with torch.no_grad():
                for name, g in gradients.items():
                    w = self._weights[name]
                    w -= self._rates[name] * g
                    w += self._pulls[name] * (self._first[name] - w)
            state = device.detached(state)
            yield h.detach().swapaxes(0, 1), -ops.to_numpy(nats)[None], state

    def score(self, inputs: np.ndarray, targets: np.ndarray, state: Any) -> tuple[np.ndarray, Any]:
        """Score one stream as `LanguageModel.score` does."""
        return joined(self.scored(inputs, targets, state), len(inputs), state)
