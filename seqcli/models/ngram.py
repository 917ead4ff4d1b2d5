"""A Markov model: n-grams of any order with interpolated modified Kneser-Ney smoothing.

With `c` the k-1 tokens before `w`, `c'` the k-2 nearest of them, and `a` the count of order k,

    p_k(w | c) = max(a(c w) - D(a(c w)), 0) / a(c .) + backoff(c) p_{k-1}(w | c'),
    backoff(c) = sum_w D(a(c w)) / a(c .),        p_0(w) = 1 / V,

and p_k = p_{k-1} after a context that was never continued. At the highest order `a` is how often the n-gram
occurred; at lower orders it is the number of different tokens before it (Kneser & Ney 1995), where the beginning of
the stream counts as one more token: then the first k tokens have a left neighbour too, and no count is zero.
Source of the three discounts: S. F. Chen and J. Goodman, An empirical study of smoothing techniques for language
modeling, Computer Speech and Language 13, 1999.

The n-grams form a trie laid out by order. The index of an n-gram is its place among those of its length, sorted
by (index of its first k-1 tokens, last token); a single token's index is its id. So the continuations of a
context are adjacent, an n-gram is found by a binary search for `context V + token`, and a state is one index
for each length of context.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, Field

from seqcli import ops
from seqcli.errors import SeqcliError
from seqcli.models import State

TASK = "language-model"
VERBS = ("generate", "eval", "rescore")
TRAINED = "counted"

CHUNK = 1 << 16  # time steps scored at once: bounds the memory
PARTS = ("tokens", "children", "counts")  # the arrays of an order that are stored

Discounts = tuple[float, float, float, float]  # subtracted from a count of 0, 1, 2, and 3 or more


class Config(BaseModel, extra="forbid"):
    """Recipe keys of `model: {kind: ngram}`."""

    kind: Literal["ngram"] = "ngram"
    order: Annotated[int, Field(ge=1)] = 5  # tokens of the longest n-gram: 1 unigram, 2 bigram, ...
    discount: Annotated[float, Field(gt=0, le=1)] | None = None  # one for all counts; default: estimated


def discounts(counts: np.ndarray, fixed: float | None = None) -> Discounts:
    """Return the discounts of one order, from its counts (n,) of any integer type; zeros are ignored.

    With n_j the number of n-grams counted j times and Y = n_1 / (n_1 + 2 n_2): D_1 = 1 - 2 Y n_2 / n_1,
    D_2 = 2 - 3 Y n_3 / n_2, D_3+ = 3 - 4 Y n_4 / n_3 (Chen & Goodman 1999). A corpus too small or too
    regular for that, so that an n_j is zero or a D_j is outside (0, j], gets one discount for all counts,
    (n_1 + 1/2) / (n_1 + 2 n_2 + 1): Ney's estimate Y, drawn towards 1/2 when little data supports it.
    A `fixed` discount replaces all of these.
    """
    if fixed is not None:
        return 0.0, fixed, fixed, fixed
    n1, n2, n3, n4 = (int(np.count_nonzero(counts == j)) for j in (1, 2, 3, 4))
    if n1 and n2 and n3:
        y = n1 / (n1 + 2 * n2)
        three = 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3
        if all(0 < d <= j for j, d in enumerate(three, 1)):
            return 0.0, *three
    one = (n1 + 0.5) / (n1 + 2 * n2 + 1)
    return 0.0, one, one, one


@dataclass(frozen=True, eq=False)
class Level:
    """The n different n-grams of one length k >= 2, as continuations of the contexts of length k - 1."""

    tokens: np.ndarray  # (n,) the last token of each
    children: np.ndarray  # (contexts,) how many of them continue each context
    counts: np.ndarray  # (n,) a(c w), never 0
    discounts: Discounts
    vocabulary_size: int

    # Computed when first needed. The last entry of each is for index -1, "not seen".

    @cached_property
    def _first(self) -> np.ndarray:
        """The index of each context's first continuation, (contexts + 1,)."""
        return np.concatenate([[0], np.cumsum(self.children, dtype=np.int64)])

    @cached_property
    def _lengths(self) -> np.ndarray:
        """The number of each context's continuations, (contexts + 1,)."""
        return np.append(self.children.astype(np.int64), 0)

    @cached_property
    def _keys(self) -> np.ndarray:
        """The sorted keys context V + token, (n + 1,)."""
        contexts = np.repeat(np.arange(len(self.children), dtype=np.int64), self.children)
        return np.append(contexts * self.vocabulary_size + self.tokens, np.iinfo(np.int64).max)

    @cached_property
    def _shares(self) -> tuple[np.ndarray, np.ndarray]:
        """The discounted share of each n-gram, (n + 1,), and the backoff of each context, (contexts + 1,)."""
        used = np.flatnonzero(self.children)
        lengths, starts = self.children[used], self._first[used]
        table, kinds = np.array(self.discounts), np.minimum(self.counts, 3)
        direct, backoff = np.zeros(len(self.tokens) + 1), np.ones(len(self.children) + 1)
        if len(used):  # sums of integers, so that a distribution of any length sums to 1
            totals, ones, twos = (
                np.add.reduceat(x.astype(np.int64), starts) for x in (self.counts, kinds == 1, kinds == 2)
            )
            freed = ones * table[1] + twos * table[2] + (lengths - ones - twos) * table[3]
            backoff[used] = freed / totals
            direct[:-1] = (self.counts - table[kinds]) / np.repeat(totals, lengths)
        return direct, backoff

    def find(self, contexts: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """Return the index of each n-gram, -1 if it was not seen: contexts (...), tokens (...) -> (...) int64."""
        keys = contexts * np.int64(self.vocabulary_size) + tokens  # negative where the context is -1
        found = np.searchsorted(self._keys, keys)
        return np.where(self._keys[found] == keys, found, -1)

    def interpolate(self, lower: np.ndarray, contexts: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """Return p_k(token | context) from lower = p_{k-1}(token | context'); all of one shape."""
        direct, backoff = self._shares
        return backoff[contexts] * lower + direct[self.find(contexts, tokens)]

    def interpolate_all(self, lower: np.ndarray, contexts: np.ndarray) -> np.ndarray:
        """Return p_k(. | context) from lower = p_{k-1}(. | context'): (B, V), contexts (B,) -> (B, V)."""
        direct, backoff = self._shares
        lengths = self._lengths[contexts]
        rows = np.repeat(np.arange(len(contexts)), lengths)
        before = np.cumsum(lengths) - lengths
        grams = np.arange(len(rows)) + np.repeat(self._first[contexts] - before, lengths)
        p = backoff[contexts][:, None] * lower
        p[rows, self.tokens[grams]] += direct[grams]  # a context's continuations are distinct tokens
        return p


@dataclass(frozen=True, eq=False)
class Model:
    """A model made of the counts of every order. A state is one array (B, order - 1) of int64: the index of the last
    1, 2, ... tokens among the n-grams of that length, -1 if they were never seen or the stream is still shorter."""

    kind: ClassVar[str] = "ngram"

    config: Config
    vocabulary_size: int
    counts: np.ndarray  # (V,) of the unigrams
    levels: tuple[Level, ...]  # of length 2 .. order

    @classmethod
    def fit(
        cls, ids: np.ndarray, vocabulary_size: int, config: Config, progress: Callable[[int], object] = lambda n: None
    ) -> Model:
        """Count a stream of ids (N,), uint8 to int64; a memory map is read once per order, from end to end.

        Calls `progress(N)` after each order. The n-grams of one order are sorted in memory: 45 bytes a token if most
        n-grams repeat (characters), 75 if few do (words, order 5); the finished model scores with about 35 bytes an
        n-gram. Raises SeqcliError for an empty stream, ValueError for an id outside the vocabulary.
        """
        if not len(ids):
            raise SeqcliError(
                "there is nothing to count: the training text has no tokens", hint="see data.train in the recipe"
            )
        if ids.min() < 0 or ids.max() >= vocabulary_size:
            raise ValueError(f"ids must lie in 0 .. {vocabulary_size - 1}")
        return cls.restore(config, vocabulary_size, _count(ids, vocabulary_size, config.order, progress))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return `order1.counts` (V,), and for k >= 2 `order<k>.tokens`, `.children`, `.counts`: see Level."""
        stored = {"order1.counts": self.counts}
        for k, level in enumerate(self.levels, 2):
            stored |= {f"order{k}.{part}": getattr(level, part) for part in PARTS}
        return stored

    @classmethod
    def restore(cls, config: Config, vocabulary_size: int, arrays: Mapping[str, np.ndarray]) -> Model:
        """Restore the model that `arrays` describe. Raises SeqcliError if they do not fit the configuration."""
        orders = range(2, min(config.order, len(arrays)) + 1)
        names = {"order1.counts", *(f"order{k}.{part}" for k in orders for part in PARTS)}
        if odd := sorted(names ^ arrays.keys()):
            raise SeqcliError(f"the stored counts do not fit the model's configuration: {', '.join(odd[:5])}")
        if any(a.ndim != 1 or a.dtype not in (np.uint8, np.uint16, np.uint32) for a in arrays.values()):
            raise SeqcliError("the stored counts have the wrong type or shape", hint="train the model again")
        unigrams = arrays["order1.counts"]
        contexts, levels = len(unigrams), []
        fits = contexts == vocabulary_size and unigrams.any()
        for k in orders:
            tokens, children, counts = (arrays[f"order{k}.{part}"] for part in PARTS)
            fits &= len(children) == contexts and children.sum(dtype=np.int64) == len(tokens) == len(counts)
            fits &= int(tokens.max(initial=0)) < vocabulary_size and counts.all()
            contexts = len(tokens)
            lowered = discounts(counts, config.discount)
            levels.append(Level(tokens, children, counts, lowered, vocabulary_size))
        if not fits:
            raise SeqcliError("the stored counts contradict each other", hint="train the model again")
        return cls(config, vocabulary_size, unigrams, tuple(levels))

    @property
    def grams(self) -> tuple[int, ...]:
        """The number of different n-grams of each length 1 .. order."""
        return int(np.count_nonzero(self.counts)), *(len(level.tokens) for level in self.levels)

    @property
    def parameters(self) -> int:
        """The total number of n-grams."""
        return sum(self.grams)

    @cached_property
    def unigrams(self) -> np.ndarray:
        """p_1 (V,): the unigrams interpolated with 1 / V, so that no token has probability 0."""
        total = int(self.counts.sum(dtype=np.int64))
        lowered = np.array(discounts(self.counts, self.config.discount))[np.minimum(self.counts, 3)]
        return (self.counts - lowered) / total + lowered.sum() / total / self.vocabulary_size

    def initial_state(self, batch: int) -> State:
        """Return the state before any token: one array (batch, order - 1), all -1."""
        return (np.full((batch, self.config.order - 1), -1, np.int64),)

    def score(self, inputs: np.ndarray, targets: np.ndarray, state: State) -> tuple[np.ndarray, State]:
        """Return log p(targets[:, t] | state, inputs[:, :t+1]) in nats, float64 (B, T), and the state after them."""
        parts = [np.zeros((len(inputs), 0))]
        for start in range(0, inputs.shape[1], CHUNK):
            x, y = inputs[:, start : start + CHUNK], targets[:, start : start + CHUNK]
            p, contexts = self.unigrams[y], self._contexts(x, state)
            for level, found in zip(self.levels, contexts, strict=True):
                p = level.interpolate(p, found, y)
            parts.append(np.log(p))
            state = self._after(contexts, len(x))
        return np.concatenate(parts, axis=1), state

    def start(self, prompt: np.ndarray, state: State | None = None) -> tuple[None, State]:
        """Read a prompt (T,), T >= 0, from `state` or the initial one; return no memory, and the state of batch 1."""
        state, reach = self.initial_state(1) if state is None else state, self.config.order - 1
        seen = np.asarray(prompt)[max(0, len(prompt) - reach) :]
        return None, self._after(self._contexts(seen[None], state), 1) if len(seen) else state

    def start_all(self, prompts: Sequence[np.ndarray]) -> tuple[None, State]:
        """Do as `LanguageModel.start` says of `start_all`."""
        return None, ops.join([self.start(prompt)[1] for prompt in prompts])

    def step(self, ids: np.ndarray, memory: None, state: State) -> tuple[np.ndarray, State]:
        """Feed ids (B,); return log p(next | all fed so far) in nats, float64 (B, V), and the next state."""
        p = np.broadcast_to(self.unigrams, (len(ids), self.vocabulary_size))
        contexts = self._contexts(np.asarray(ids)[:, None], state)
        for level, found in zip(self.levels, contexts, strict=True):
            p = level.interpolate_all(p, found[:, 0])
        return np.log(p), self._after(contexts, len(ids))

    def _contexts(self, inputs: np.ndarray, state: State) -> list[np.ndarray]:
        """Return for each length 1 .. order - 1 the indices (B, T) of the n-grams that end at each input (B, T)."""
        (last,) = state
        contexts = [inputs.astype(np.int64)][: last.shape[1]]
        for j, level in enumerate(self.levels[:-1]):
            before = np.concatenate([last[:, j : j + 1], contexts[j][:, :-1]], axis=1)
            contexts.append(level.find(before, inputs))
        return contexts

    def _after(self, contexts: list[np.ndarray], batch: int) -> State:
        """Return the state after the last of T > 0 inputs."""
        (state,) = self.initial_state(batch)
        for j, found in enumerate(contexts):
            state[:, j] = found[:, -1]
        return (state,)


def _compact(values: np.ndarray) -> np.ndarray:
    """Return non-negative numbers in the smallest unsigned type that holds them."""
    return values.astype(np.min_scalar_type(int(values.max(initial=0))))


def _count(ids: np.ndarray, v: int, order: int, progress: Callable[[int], object]) -> dict[str, np.ndarray]:
    """Return the arrays of a model from its stream (N,), N > 0, of ids below v."""
    arrays, counts = {}, np.bincount(ids, minlength=v)
    # index[s]: which n-gram of the current length starts at s
    index = ids.astype(np.uint32 if max(len(ids), v) < 1 << 32 else np.int64)
    for k in range(2, order + 1):
        progress(len(ids))
        contexts, begins = len(counts), max(len(ids) - k + 1, 0)
        keys = index[:begins] * np.int64(v)
        keys += ids[k - 1 :]
        by_key = np.argsort(keys, kind="stable")  # stable is twice as fast, as many keys are equal
        keys = keys[by_key]
        new = np.ones(begins, bool)
        np.not_equal(keys[1:], keys[:-1], out=new[1:])
        firsts = np.flatnonzero(new)
        keys = keys[firsts]
        arrays[f"order{k}.tokens"] = _compact(keys % v)
        arrays[f"order{k}.children"] = _compact(np.bincount(keys // v, minlength=contexts))
        # An n-gram without its first token is the one that starts one later, at any of its occurrences: so each
        # n-gram adds one left neighbour to a shorter one, as does the beginning of the stream.
        left = np.bincount(index[by_key[firsts] + 1], minlength=contexts)
        if len(index):
            left[index[0]] += 1
        arrays[f"order{k - 1}.counts"] = _compact(left)
        counts = np.diff(firsts, append=begins)
        if k < order:
            index = np.empty(begins, index.dtype)
            ranks = np.cumsum(new)
            ranks -= 1
            index[by_key] = ranks
    arrays[f"order{order}.counts"] = _compact(counts)
    progress(len(ids))
    return arrays
