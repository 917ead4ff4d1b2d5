"""Generate targets token by token, one path a row: the most probable token each time, or a sampled one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from seqcli import ops
from seqcli.decoding import Seq2Seq
from seqcli.decoding._candidates import check
from seqcli.decoding._hypotheses import Constraints, End, Hypothesis, Trace, worthwhile
from seqcli.decoding.guide import Rule
from seqcli.decoding.sampling import Sampling

# (log_probs (N, V), the rows (n,) to choose for, their paths (n,), history (N, t) or None) -> ids (n,)
Choose = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None], np.ndarray]


def sample(
    model: Seq2Seq,
    sources: Sequence[np.ndarray],
    sampling: Sampling,
    rngs: Sequence[np.random.Generator],
    *,
    bos: int,
    eos: int,
    limits: Sequence[int],
    samples: int = 1,
    prefixes: Sequence[Sequence[int] | np.ndarray] | None = None,
    banned: Sequence[int] = (),
    min_length: int = 0,
    no_repeat: int = 0,
    attention: bool = False,
    lengths: Sequence[int] | None = None,
    rules: Sequence[Sequence[Rule]] | None = None,
) -> list[list[Hypothesis]]:
    """Draw `samples` targets of each source token by token, in the order of the generators; score is logprob.

    Sample k of source b uses only rngs[b * samples + k], one number a token; tokens of a prefix use none, nor do any
    at temperature 0. All else is as in `beam.search`.
    """
    if len(rngs) != len(sources) * samples:
        raise ValueError(f"{len(sources)} sources with {samples} samples each need as many generators: {len(rngs)}")

    def choose(log_probs: np.ndarray, rows: np.ndarray, paths: np.ndarray, history: np.ndarray | None) -> np.ndarray:
        chosen, scores = np.zeros(len(rows), np.int64), log_probs[rows]
        check(scores)
        free = scores.max(axis=1) > -np.inf  # otherwise nothing may follow
        if not free.any():
            return chosen
        seen = None if history is None else sampling.seen(history[rows], scores.shape[1])
        drawn = [rngs[path] for path in paths[free].tolist()]
        chosen[free] = sampling.choose(sampling.penalised(scores, seen)[free], *drawn)
        return chosen

    constraints = Constraints(
        limits, bos=bos, eos=eos, banned=banned, min_length=min_length, no_repeat=no_repeat, prefixes=prefixes,
        rules=rules,
    )  # fmt: skip
    return walk(
        model,
        sources,
        choose,
        constraints,
        bos=bos,
        eos=eos,
        samples=samples,
        history=constraints.needs_history or sampling.repetition_penalty != 1.0,
        attention=attention,
        lengths=lengths,
    )


def greedy(log_probs: np.ndarray, rows: np.ndarray, paths: np.ndarray, history: np.ndarray | None) -> np.ndarray:
    """Choose the most probable token, ties by lower id."""
    return log_probs.argmax(axis=1)[rows]  # over all rows, which is cheaper than copying some


def walk(
    model: Seq2Seq,
    sources: Sequence[np.ndarray],
    choose: Choose,
    constraints: Constraints,
    *,
    bos: int,
    eos: int,
    samples: int = 1,
    history: bool = False,
    attention: bool = False,
    lengths: Sequence[int] | None = None,
) -> list[list[Hypothesis]]:
    """Generate `samples` paths of each source, token by token by `choose`; score is logprob.

    A path ends with EOS, at its source's limit, or when nothing may follow; a source whose paths have all ended
    leaves the batch. Path k of source b has the number b * samples + k.
    """
    B, K = len(sources), samples
    limit = np.repeat(constraints.limits, K)
    ends: list[End] = [End(i // K, 0, 0, False, 0.0, 0.0, 0.0) for i in range(B * K)]
    trace = Trace()
    paths = np.flatnonzero(limit > 0)  # (N,): the path of each fed row; K adjacent rows belong to a source
    going = np.ones(len(paths), bool)
    running = np.zeros(len(paths))
    tokens = np.zeros((len(paths), 0), np.int64) if history else None
    ruled = constraints.begin(paths // K)
    if len(paths):
        memory, state = model.start([sources[b] for b in paths[::K] // K])
        ids = np.full(len(paths) // K, bos, np.int64)
    t = 0
    while len(paths):
        log_probs, state, weights = model.step(ids, memory, state)
        if t == 0 and K > 1:  # the paths of a source diverge here
            index = np.repeat(np.arange(len(ids)), K)
            log_probs, state, weights = log_probs[index], ops.take(state, index), ops.take(weights, index)
        log_probs = constraints.apply(log_probs, t, paths // K, tokens, ruled)
        chosen = constraints.forced(t, paths // K)
        rows = np.flatnonzero(going)
        free = rows[chosen[rows] < 0]
        chosen[chosen < 0] = eos
        chosen[free] = choose(log_probs, free, paths[free], tokens)
        values = log_probs[np.arange(len(paths)), chosen].astype(np.float64)
        check(values[rows])
        stuck = going & (values == -np.inf)
        ended = going & ~stuck & (chosen == eos)
        last = going & ~stuck & (limit[paths] <= t + 1)
        running[going & ~stuck] += values[going & ~stuck]
        before = trace.chosen(np.arange(len(paths)))
        trace.add(chosen, np.arange(len(paths)), values, weights if attention else None)
        for i in np.flatnonzero(stuck | ended | last).tolist():
            source, total = int(paths[i]) // K, float(running[i])
            if stuck[i]:
                ends[paths[i]] = End(source, t, int(before[i]), False, 0.0, total, total)
            else:
                ends[paths[i]] = End(source, t + (not ended[i]), i, bool(ended[i]), float(values[i]), total, total)
        going &= ~(stuck | ended | last)
        if tokens is not None:
            tokens = np.concatenate([tokens, chosen[:, None]], axis=1)
        ids, t = np.where(going, chosen, eos), t + 1
        ruled = constraints.follow(ruled, ids, paths // K)
        on = going.reshape(-1, K).any(axis=1)
        if not on.any():
            break
        if worthwhile(on):
            kept = np.flatnonzero(np.repeat(on, K))
            trace.keep(kept)
            memory, state = ops.take(memory, np.flatnonzero(on)), ops.take(state, kept)
            paths, going, running, ids = paths[kept], going[kept], running[kept], ids[kept]
            tokens = None if tokens is None else tokens[kept]
            ruled = None if ruled is None else ruled[kept]
    if lengths is None:
        lengths = [len(source) for source in sources]
    found = trace.collect(ends, lengths)
    return [found[b * K : (b + 1) * K] for b in range(B)]
