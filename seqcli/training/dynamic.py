"""Dynamic evaluation: a language model that goes on learning from each segment once it is scored (Krause et al. 2018,
"Dynamic evaluation of neural sequence models").

With g the gradient of a segment's mean loss, s the root of the mean squared gradients of the training text, s̄ its
mean over all weights, and θ₀ the trained weights: θ ← θ - rate · g / (s + ε s̄) + min(decay · s / s̄, 1) · (θ₀ - θ).
Weights whose gradients were small in training move far for one that comes, and those that matter are drawn back.
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

STREAMS, BATCHES = 32, 100  # of the training text, over which gradients are squared, at most
EPSILON = 0.1


@dataclass(frozen=True)
class Settings:
    """How far it learns."""

    rate: float = 1e-4
    decay: float = 0.01
    segment: int = 50  # tokens that are scored before they are learnt from

    def __str__(self) -> str:
        return f"+dynamic({self.rate:g},{self.decay:g},{self.segment})"


class Dynamic:
    """A LanguageModel of one stream that learns as it scores: what it gives depends on all it has scored before.
    `begin` puts the trained weights back."""

    kind: ClassVar[str] = "dynamic"

    def __init__(self, model: Any, train: np.ndarray, settings: Settings):
        """Of a recurrent language model and the ids (N,) it was trained on. Raises UsageError for another kind."""
        if not hasattr(model, "stack"):
            raise UsageError(
                f"--dynamic is for recurrent language models: this one is a {model.kind}",
                hint="the state of a recurrent one goes on from segment to segment",
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
        """The root of the mean squared gradients of each weight."""
        streams = Streams(train, STREAMS, self.settings.segment, 0)
        count = min(BATCHES, streams.batches)
        squares = {name: torch.zeros_like(w) for name, w in self._first.items()}
        state = self._bound.initial_state(streams.batch_size)
        with console.progress("squaring gradients of the training text", count, " batches") as advance:
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
        """The weight of the softmax (V, H)."""
        return self._model.output

    @property
    def vocabulary_size(self) -> int:
        return self._model.vocabulary_size

    def arrays(self) -> dict[str, np.ndarray]:
        """As trained."""
        return self._model.arrays()

    def begin(self) -> None:
        """Forget what was scored."""
        with torch.no_grad():
            for name, w in self._weights.items():
                w.copy_(self._first[name])

    def initial_state(self, batch: int) -> Any:
        """Zeros."""
        return self._bound.initial_state(batch)

    def scored(self, inputs: np.ndarray, targets: np.ndarray, state: Any) -> Iterator[tuple[Any, np.ndarray, Any]]:
        """Each segment of one stream (1, T), before it is learnt from: what the softmax read (1, t, H), the
        log-probabilities (1, t) and the state behind it."""
        if len(inputs) != 1:
            raise UsageError("--dynamic learns from one stream: it does not go with windows or lines by themselves")
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
        """As LanguageModel.score, of one stream."""
        return joined(self.scored(inputs, targets, state), len(inputs), state)
