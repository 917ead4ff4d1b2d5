"""Seq2Seqs that are tables: a distribution for every history, drawn from its hash; and what to hold decoders to."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from seqcli.decoding.beam import Hypothesis, Search


class Table:
    """Log-probabilities and attention of each step depend on the source and on all ids fed before, on nothing else.

    V symbols with EOS, which is V - 1; BOS is V, no symbol of the table. `spread` is the deviation of the logits;
    `eos` is added to that of EOS. Those of `impossible` are never given. `batches` are the sizes of its steps.
    """

    def __init__(
        self,
        V: int,
        seed: int = 0,
        *,
        spread: float = 1.5,
        eos: float = 0.0,
        attention: bool = True,
        impossible: Sequence[int] = (),
    ):
        self.V, self.seed, self.spread, self.longer = V, seed, spread, eos
        self.attends, self.impossible = attention, list(impossible)
        self.batches: list[int] = []

    def start(self, sources: Sequence[np.ndarray]) -> tuple[Any, Any]:
        S = max(map(len, sources))
        ids = np.stack([np.pad(source, (0, S - len(source)), constant_values=-1) for source in sources])
        return (ids, (None,)), (np.zeros(len(sources), np.int64), (np.zeros((len(sources), 2)), None))

    def step(self, ids: np.ndarray, memory: Any, state: Any) -> tuple[np.ndarray, Any, np.ndarray | None]:
        (sources, (none,)), (hashes, (count, nothing)) = memory, state
        assert none is None
        assert nothing is None
        assert len(ids) == len(hashes) == len(count)
        assert len(ids) % len(sources) == 0
        K = len(ids) // len(sources)
        self.batches.append(len(ids))
        after = np.array([hash(pair) >> 2 for pair in zip(hashes.tolist(), ids.tolist(), strict=True)])
        log_probs = np.empty((len(ids), self.V), np.float32)
        attention = np.zeros((len(ids), sources.shape[1]), np.float32)
        for n, key in enumerate(after.tolist()):
            source = sources[n // K]
            source = source[source >= 0].tolist()
            rng = np.random.default_rng([self.seed, abs(key), abs(hash(tuple(source)))])
            logits = rng.normal(0, self.spread, self.V)
            logits[-1] += self.longer
            logits[self.impossible] = -np.inf
            log_probs[n] = logits - np.logaddexp.reduce(logits)
            attention[n, : len(source)] = rng.dirichlet(np.full(len(source), 0.5)) if source else 0.0
        return log_probs, (after, (count + 1, None)), attention if self.attends else None


def sources(count: int, seed: int = 0, longest: int = 5) -> list[np.ndarray]:
    """Random ones, of 1 to `longest` ids."""
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 9, rng.integers(1, longest + 1)) for _ in range(count)]


def rescored(
    model: Any, source: np.ndarray, ids: Sequence[int], finished: bool, bos: int, eos: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """Log-probabilities and attention of a target's tokens, one at a time."""
    memory, state = model.start([source])
    fed, logprobs, rows = bos, [], []
    for id in [*ids, eos] if finished else ids:
        log_probs, state, attention = model.step(np.array([fed]), memory, state)
        logprobs.append(float(log_probs[0, id]))
        rows.append(None if attention is None else attention[0, : len(source)])
        fed = int(id)
    return np.array(logprobs), None if not rows or rows[0] is None else np.stack(rows)


def score(settings: Search, logprobs: np.ndarray, attention: np.ndarray | None) -> float:
    """Wu et al. 2016, eq. 14."""
    if not len(logprobs):
        return 0.0
    total = math.fsum(logprobs) / ((5 + len(logprobs)) / 6) ** settings.length_penalty
    if settings.coverage_penalty:
        assert attention is not None
        total += settings.coverage_penalty * sum(
            math.log(min(max(float(s), 2.0**-126), 1.0)) for s in attention.sum(axis=0, dtype=float)
        )
    return total


def allowed(
    ids: Sequence[int], id: int, settings: Search, prefix: Sequence[int], banned: Sequence[int], bos: int, eos: int
) -> bool:
    """Whether `id` may follow `ids`."""
    if len(ids) < len(prefix):
        return id == prefix[len(ids)]
    if id == bos or id in banned or (id == eos and len(ids) < settings.min_length):
        return False
    if (n := settings.no_repeat) and id != eos:
        gram = [*ids, id][-n:]
        return not (len(gram) == n and any(list(ids[i : i + n]) == gram for i in range(len(ids) - n + 1)))
    return True


def same(one: Hypothesis, other: Hypothesis) -> bool:
    """To the last bit."""
    return (
        one.ids.tolist() == other.ids.tolist()
        and (one.logprob, one.score, one.finished) == (other.logprob, other.score, other.finished)
        and one.logprobs.tolist() == other.logprobs.tolist()
        and (one.attention is None) == (other.attention is None)
        and (one.attention is None or np.array_equal(one.attention, other.attention))  # type: ignore[arg-type]
    )


def all_same(one: list[list[Hypothesis]], other: list[list[Hypothesis]]) -> bool:
    """Of two answers to the same sources."""
    return len(one) == len(other) and all(
        len(a) == len(b) and all(map(same, a, b)) for a, b in zip(one, other, strict=True)
    )


def each(found: list[list[Hypothesis]]) -> Iterator[tuple[int, Hypothesis]]:
    """Hypotheses with the number of their source."""
    return ((b, hypothesis) for b, hypotheses in enumerate(found) for hypothesis in hypotheses)


class Path(NamedTuple):
    """A hypothesis of the plain search."""

    ids: list[int]
    logprob: float
    logprobs: list[float]
    attention: list[np.ndarray]
    state: Any


def plainly(
    model: Table, source: np.ndarray, how: Search, limit: int, prefix: Sequence[int] = (), banned: Sequence[int] = ()
) -> list[tuple[list[int], float, bool]]:
    """(ids, score, finished) of the n best: a beam search of one source that sorts everything in every step."""
    bos, eos, K = model.V, model.V - 1, how.beam
    memory, state = model.start([source])
    going, finished, unfinished = [Path([], 0.0, [], [], state)], [], []
    limit = max(limit, len(prefix))

    def scored(path: Path) -> float:
        return score(how, np.array(path.logprobs), np.array(path.attention) if path.attention else None)

    for t in range(limit):
        every = []
        for row, path in enumerate(going):
            fed = np.array([path.ids[-1] if path.ids else bos])
            log_probs, state, attention = model.step(fed, memory, path.state)
            paid = [] if attention is None else [attention[0, : len(source)].astype(float)]
            for id in range(model.V):
                value = float(log_probs[0, id])
                if t < len(prefix):
                    value = max(value, -1e4)
                if value > -np.inf and allowed(path.ids, id, how, prefix, banned, bos, eos):
                    longer = Path(
                        [*path.ids, id], path.logprob + value, [*path.logprobs, value], path.attention + paid, state
                    )
                    every.append((-longer.logprob, row, id, longer))
        every.sort(key=lambda c: c[:3])
        chosen = [c[3] for c in every[: 2 * K]]
        finished += [(path.ids[:-1], scored(path), True) for path in chosen[:K] if path.ids[-1] == eos]
        finished = sorted(finished, key=lambda f: -f[1])[:K]
        onward = [path for path in chosen if path.ids[-1] != eos][:K]
        if not onward:
            unfinished = [] if finished else going
            break
        going = unfinished = onward
        if len(finished) == K and max(map(scored, going)) <= finished[-1][1]:
            break
    rest = [(path.ids, scored(path), False) for path in (unfinished if limit else going)]
    return [*finished, *sorted(rest, key=lambda f: -f[1])][: how.n_best]
