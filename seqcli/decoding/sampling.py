"""Sampling: temperature, top-k, nucleus (Holtzman et al. 2020), repetition penalty (Keskar et al. 2019)."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np

from seqcli import ops
from seqcli.decoding import Stepper
from seqcli.decoding.guide import Followed
from seqcli.errors import UsageError

COLDEST = 1e-200  # a lower temperature would draw the same, but overflow
FEW = 256  # symbols: up to so many, plain Python draws


@dataclass(frozen=True)
class Sampling:
    """The settings for choosing the next token. Temperature 0 is greedy: the most probable token, ties by lower
    id."""

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

    def penalised(self, logits: np.ndarray, seen: np.ndarray | None) -> np.ndarray:
        """Return logits (..., V) with `seen` symbols (..., V) made less probable: positive logits are divided by the
        penalty, negative ones multiplied."""
        if seen is None:
            return logits
        penalty = self.repetition_penalty
        return np.where(seen, np.where(logits > 0, logits / penalty, logits * penalty), logits)

    def seen(self, prompts: Sequence[np.ndarray] | np.ndarray, size: int) -> np.ndarray | None:
        """Return which of V symbols each prompt has (R, V), to be penalised; None without a penalty."""
        if self.repetition_penalty == 1.0:
            return None
        found = np.zeros((len(prompts), size), bool)
        for row, prompt in zip(found, prompts, strict=True):
            row[prompt] = True
        return found

    def distribution(self, logits: np.ndarray) -> np.ndarray:
        """Return the probabilities (..., V), float64, to draw a token from: temperature, then top-k, then top-p."""
        if self.temperature == 0:
            return (np.arange(logits.shape[-1]) == logits.argmax(-1)[..., None]).astype(np.float64)
        p = self._weights(logits)
        return p / p.sum(-1, keepdims=True)

    def _weights(self, logits: np.ndarray) -> np.ndarray:
        """Return the same, not yet normalised."""
        p = logits.astype(np.float64)
        p -= p.max(-1, keepdims=True)
        p /= max(self.temperature, COLDEST)
        np.exp(p, out=p)
        if self.top_k is not None and self.top_k < p.shape[-1]:
            p = _most(p, self.top_k)
        if self.top_p is not None and self.top_p < 1:
            order = np.argsort(-p, axis=-1, kind="stable")
            ordered = np.take_along_axis(p, order, -1)
            before = np.cumsum(ordered, -1) - ordered  # the smallest set whose mass reaches top_p: at least one token
            ordered[before >= self.top_p * p.sum(-1, keepdims=True)] = 0.0
            np.put_along_axis(p, order, ordered, -1)
        return p

    def choose(self, logits: np.ndarray, *rngs: np.random.Generator) -> np.ndarray:
        """Draw an id from each row of logits (R, V) by one uniform number of its generator: (R,)."""
        if self.temperature == 0:
            return logits.argmax(-1)
        cumulative = np.cumsum(self._weights(logits), axis=-1)
        drawn = np.array([[rng.random()] for rng in rngs]) * cumulative[:, -1:]
        return np.minimum((cumulative <= drawn).sum(-1), cumulative.shape[-1] - 1)

    def choose_one(self, logits: np.ndarray, rng: np.random.Generator) -> int:
        """Do what `choose` does for one row (V,). Between products whose weights fill the caches, a NumPy call costs
        several times what it costs alone: plain Python is faster for few symbols."""
        if len(logits) > FEW or self.temperature == 0 or self.top_p is not None:
            return int(self.choose(logits[None], rng)[0])
        values = logits.tolist()
        ordered = sorted(values)
        most, least = ordered[-1], ordered[-min(self.top_k or len(values), len(values))]
        divisor = max(self.temperature, COLDEST)
        p = [math.exp((value - most) / divisor) if value >= least else 0.0 for value in values]
        if self.top_k is not None and len(p) - p.count(0.0) > self.top_k:  # ties
            return int(self.choose(logits[None], rng)[0])
        cumulative = list(accumulate(p))
        return min(bisect_right(cumulative, rng.random() * cumulative[-1]), len(p) - 1)


def _most(p: np.ndarray, count: int) -> np.ndarray:
    """Return the most probable elements of each row (..., V), ties by lower id; the others are set to 0."""
    least = np.partition(p, -count, axis=-1)[..., -count, None]
    kept = p >= least
    if np.count_nonzero(kept) * p.shape[-1] > count * p.size:  # ties
        above, equal = p > least, p == least
        kept = above | (equal & (np.cumsum(equal, -1) <= count - above.sum(-1, keepdims=True)))
    return p * kept


class Token(NamedTuple):
    """A generated token and the model's own log-probability of it, in nats (before temperature and cuts)."""

    id: int
    logprob: float


@dataclass
class Carried:
    """A model's position in a stream; `sample` and `next_tokens` continue from there, and update it."""

    state: Any = None  # None: nothing was read
    last: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))  # (1,): read, but not yet fed

    def read(self, model: Stepper, ids: np.ndarray) -> Any:
        """Read ids (T,), together with `last` at least one; return the memory."""
        ids = np.concatenate([self.last, ids])
        memory, self.state = model.start(ids[:-1], self.state)
        self.last = ids[-1:]
        return memory

    def step(self, model: Stepper, memory: Any) -> np.ndarray:
        """Feed the last id; return logits (V,) of what follows."""
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
    rule: Followed | None = None,
) -> Iterator[Token]:
    """Yield up to `limit` tokens after a prompt (T,), T >= 1 unless something is carried. Without `logprobs` theirs
    are nan, which saves time. Tokens follow the `rule`, which has one row."""
    only = np.zeros(1, np.int64)
    stream = Carried() if carried is None else carried
    memory = stream.read(model, prompt)
    seen: np.ndarray | None = None
    for number in range(limit):
        row = stream.step(model, memory)
        if not number:
            seen = None if (found := sampling.seen([prompt], len(row))) is None else found[0]
        given = row if rule is None else rule.allowed(row[None], only, number)[0]
        chosen = sampling.choose_one(sampling.penalised(given, seen), rng)
        if rule is not None:
            rule.take(only, np.array([chosen]))
        logprob = float(row[chosen] - ops.logsumexp(row.astype(np.float64))) if logprobs else float("nan")
        stream.last = np.array([chosen])
        yield Token(chosen, logprob)
        if seen is not None:
            seen[chosen] = True


def next_tokens(model: Stepper, prompt: np.ndarray, count: int) -> list[tuple[int, float]]:
    """Return the `count` most probable next ids and their probabilities, most probable first."""
    stream = Carried()
    p = ops.softmax(stream.step(model, stream.read(model, prompt)).astype(np.float64))
    order = np.argsort(-p, kind="stable")[:count]
    return [(int(i), float(p[i])) for i in order]
