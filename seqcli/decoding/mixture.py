"""A mixture of language models over the same symbols: the weighted mean of their probabilities, perhaps with a cache.

Weights are fitted by expectation maximisation on text that the models have not seen: the likelihood of a mixture has
one maximum (Jelinek & Mercer 1980, "Interpolated estimation of Markov source parameters from sparse data").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from seqcli import ops
from seqcli.decoding.cache import Cache, side_by_side

ENOUGH = 1e-7  # nats a token: fitting ends when a round gains less


@dataclass(frozen=True, eq=False)
class Mixture:
    """A language model made of language models: p = Σ w_m p_m, the cache's last. While the cache is empty, its weight
    goes to the first model. The state is that of all members, and what the cache keeps."""

    kind: ClassVar[str] = "mixture"

    models: Sequence[Any]  # LanguageModel; with a cache the first has `scored`, `read` and `advance`
    weights: np.ndarray  # (M,), or (M + 1,) with a cache
    cache: Cache | None = None

    @property
    def vocabulary_size(self) -> int:
        return self.models[0].vocabulary_size

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all arrays of the members, by name."""
        return {f"{i}.{name}": array for i, model in enumerate(self.models) for name, array in model.arrays().items()}

    def initial_state(self, batch: int) -> Any:
        """Return the state before any token."""
        return tuple(model.initial_state(batch) for model in self.models), self._nothing(batch)

    def _nothing(self, batch: int) -> Any:
        return () if self.cache is None else self.cache.begin(batch, self.models[0].output.shape[1])

    def scores(self, inputs: np.ndarray, targets: np.ndarray, state: Any) -> tuple[np.ndarray, Any]:
        """Return LanguageModel.score of each member: (M, B, T) float64; the cache's is nan while it is empty."""
        (first, *states), kept = state
        found = [np.zeros(inputs.shape) for _ in self.weights]
        if self.cache is None:
            found[0][:], first = self.models[0].score(inputs, targets, first)
        else:
            at, kept = 0, self.cache.feed(kept, inputs[:, 0]) if inputs.shape[1] else kept
            for h, logp, after in self.models[0].scored(inputs, targets, first):
                here, first = slice(at, at + h.shape[1]), after
                found[0][:, here] = logp
                found[-1][:, here], kept = self.cache.score(kept, ops.to_numpy(h), targets[:, here])
                at += h.shape[1]
        for i, (model, own) in enumerate(zip(self.models[1:], states, strict=True), 1):
            found[i][:], states[i - 1] = model.score(inputs, targets, own)
        return np.array(found), ((first, *states), kept)

    def score(self, inputs: np.ndarray, targets: np.ndarray, state: Any) -> tuple[np.ndarray, Any]:
        """Do what LanguageModel.score does."""
        found, state = self.scores(inputs, targets, state)
        return weighted(found, self.weights), state

    def start(self, prompt: np.ndarray, state: Any = None) -> tuple[Any, Any]:
        """Do what Stepper.start does."""
        (first, *states), kept = self.initial_state(1) if state is None else state
        memories: list[Any] = [None]
        if self.cache is None:
            memories[0], first = self.models[0].start(prompt, first)
        elif len(prompt):
            hs, ids = [], prompt[None].astype(np.int64)
            for h, after in self.models[0].read(ids, first):
                hs.append(ops.to_numpy(h))
                first = after
            kept = self.cache.read(self.cache.feed(kept, ids[:, 0]), np.concatenate(hs, axis=1), ids[:, 1:])
        for i, (model, own) in enumerate(zip(self.models[1:], states, strict=True)):
            memory, states[i] = model.start(prompt, own)
            memories.append(memory)
        return tuple(memories), ((first, *states), kept)

    @property
    def start_all(self) -> Callable[[Sequence[np.ndarray]], tuple[Any, Any]]:
        """LanguageModel.start_all, if all members have it."""
        members = [model.start_all for model in self.models]  # raises AttributeError

        def start_all(prompts: Sequence[np.ndarray]) -> tuple[Any, Any]:
            if self.cache is None:
                memories, states = zip(*(member(prompts) for member in members), strict=True)
                return memories, (states, ())
            started = [self.start(prompt) for prompt in prompts]
            joined = ops.join([states for _, (states, _) in started])
            return started[0][0], (joined, side_by_side([kept for _, (_, kept) in started]))

        return start_all

    def step(self, ids: np.ndarray, memory: Any, state: Any) -> tuple[np.ndarray, Any]:
        """Do what LanguageModel.step does; return the log of the mixture (B, V), float64, and the next state."""
        (first, *states), kept = state
        if self.cache is None:
            logits, first = self.models[0].step(ids, memory[0] if memory else None, first)
        else:
            h, first = self.models[0].advance(ids, first)
            logits = self.models[0].next_logits(h)
            kept = self.cache.feed(kept, ids)
            kept = self.cache.read(kept, ops.to_numpy(h)[:, None], np.zeros((len(ids), 0), np.int64))
        found = [ops.log_softmax(logits.astype(np.float64))]
        for i, (model, own) in enumerate(zip(self.models[1:], states, strict=True)):
            logits, states[i] = model.step(ids, memory[i + 1] if memory else None, own)
            found.append(ops.log_softmax(logits.astype(np.float64)))
        if self.cache is not None:
            with np.errstate(divide="ignore"):
                found.append(np.log(self.cache.distribution(kept, self.vocabulary_size)))
        return weighted(np.array(found), self.weights), ((first, *states), kept)


def weighted(scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return log Σ w exp of log-probabilities (M, ...) -> (...); nan is replaced by the first model's."""
    scores = np.where(np.isnan(scores), scores[:1], scores)
    with np.errstate(divide="ignore"):
        logs = np.log(weights).reshape(-1, *(1,) * (scores.ndim - 1))
    return ops.logsumexp(np.moveaxis(scores + logs, 0, -1))


def fit(scores: np.ndarray, rounds: int = 1000) -> tuple[np.ndarray, float]:
    """Return the weights (M,) that make tokens most probable, from log-probabilities (M, N) in nats of
    `Mixture.scores`, and the resulting cross-entropy in nats a token."""
    scores = np.where(np.isnan(scores), scores[:1], scores)
    top = scores.max(axis=0)
    p = np.exp(scores - top)
    weights = np.full(len(p), 1 / len(p))
    left = np.inf
    for _ in range(rounds):
        whole = weights @ p
        before, left = left, float(-(np.log(whole) + top).mean())
        if before - left < ENOUGH:
            break
        weights = weights * (p / whole).mean(axis=1)
    return weights, left
