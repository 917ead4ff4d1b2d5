"""Sampling: temperature, top-k, nucleus (Holtzman et al. 2020), repetition penalty (Keskar et al. 2019)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from seqcli import ops
from seqcli.decoding import Stepper
from seqcli.errors import UsageError


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen. Temperature 0 is greedy: the most probable token, the lowest id of equals."""

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    repetition_penalty: float = 1.0

    def __post_init__(self) -> None:
        checks = (
            (self.temperature >= 0, "--temperature must be 0 or more"),
            (self.top_k is None or self.top_k >= 1, "--top-k must be 1 or more"),
            (self.top_p is None or 0 < self.top_p <= 1, "--top-p must be above 0 and at most 1"),
            (0 < self.repetition_penalty < math.inf, "--repetition-penalty must be above 0, and finite"),
        )
        for holds, message in checks:
            if not holds:
                raise UsageError(message)

    def penalised(self, logits: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """Logits (V,), those of seen ids made less probable: divided where positive, multiplied where negative."""
        if self.repetition_penalty == 1.0 or not len(seen):
            return logits
        logits = logits.copy()
        own = logits[seen]
        logits[seen] = np.where(own > 0, own / self.repetition_penalty, own * self.repetition_penalty)
        return logits

    def distribution(self, logits: np.ndarray) -> np.ndarray:
        """The probabilities (V,), float64, that a token is drawn from: temperature, then top-k, then top-p."""
        scores = logits.astype(np.float64)
        if self.temperature == 0:
            p = np.zeros(len(scores))
            p[int(scores.argmax())] = 1.0
            return p
        with np.errstate(over="ignore"):  # a temperature of almost 0: -inf is right
            p = ops.softmax((scores - scores.max()) / self.temperature)
        if self.top_k is not None and self.top_k < len(p):
            order = np.argsort(-p, kind="stable")
            p[order[self.top_k :]] = 0.0
        if self.top_p is not None and self.top_p < 1:
            order = np.argsort(-p, kind="stable")
            before = np.cumsum(p[order]) - p[order]  # the smallest set whose mass reaches top_p: at least one token
            p[order[before >= self.top_p * p.sum()]] = 0.0
        return p / p.sum()

    def choose(self, logits: np.ndarray, rng: np.random.Generator) -> int:
        """Draw one id from logits (V,), by one uniform number of the generator."""
        if self.temperature == 0:
            return int(logits.argmax())
        cumulative = np.cumsum(self.distribution(logits))
        return int(min(np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right"), len(cumulative) - 1))


class Token(NamedTuple):
    """A generated token and the model's own log-probability of it, in nats (before temperature and cuts)."""

    id: int
    logprob: float


@dataclass
class Carried:
    """What a model has read of a stream so far; `sample` and `next_tokens` go on from there, and carry it on."""

    state: Any = None  # None: nothing was read
    last: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))  # (1,): read, and yet to be fed

    def read(self, model: Stepper, ids: np.ndarray) -> Any:
        """Read ids (T,), at least one with the last; returns the memory."""
        ids = np.concatenate([self.last, ids])
        memory, self.state = model.start(ids[:-1], self.state)
        self.last = ids[-1:]
        return memory

    def step(self, model: Stepper, memory: Any) -> np.ndarray:
        """Feed the last id: logits (V,) of what follows."""
        logits, self.state = model.step(self.last, memory, self.state)
        return logits[0]


def sample(
    model: Stepper,
    prompt: np.ndarray,
    sampling: Sampling,
    rng: np.random.Generator,
    limit: int,
    *,
    logprobs: bool = True,
    carried: Carried | None = None,
) -> Iterator[Token]:
    """Up to `limit` tokens after a prompt (T,), T >= 1 where nothing is carried; without `logprobs` theirs are nan,
    which saves time."""
    stream = Carried() if carried is None else carried
    memory = stream.read(model, prompt)
    seen = set(prompt.tolist()) if sampling.repetition_penalty != 1.0 else set()
    for _ in range(limit):
        row = stream.step(model, memory)
        chosen = sampling.choose(sampling.penalised(row, np.fromiter(seen, np.int64, len(seen))), rng)
        logprob = float(row[chosen] - ops.logsumexp(row.astype(np.float64))) if logprobs else float("nan")
        stream.last = np.array([chosen])
        yield Token(chosen, logprob)
        if sampling.repetition_penalty != 1.0:
            seen.add(chosen)


def next_tokens(model: Stepper, prompt: np.ndarray, count: int) -> list[tuple[int, float]]:
    """The `count` most probable next ids and their probabilities, most probable first."""
    stream = Carried()
    p = ops.softmax(stream.step(model, stream.read(model, prompt)).astype(np.float64))
    order = np.argsort(-p, kind="stable")[:count]
    return [(int(i), float(p[i])) for i in order]
