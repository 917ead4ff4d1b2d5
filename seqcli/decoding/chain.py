"""Exact inference in a linear chain of labels (Rabiner 1989; Lafferty et al. 2001): best paths and posteriors.

Letters: B sentences, T tokens of the longest, K labels. All sums are float64; log-probabilities are in nats. The
results of a sentence do not depend on the rest of the batch or on padding, to the last bit.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from seqcli.decoding._chain_steps import best, log_sum, recursion, total
from seqcli.layers.crf import CRF, FORBIDDEN

ENTRIES = 1 << 22  # numbers held at once in a step over pairs of labels
Span = tuple[int, int, Sequence[int]]  # sentence, first token, its tags as label indices


class Chain:
    """The distribution over label paths of each sentence of a batch.

    emissions (B, T, K), padded on the right; lengths (B,) may be 0. `crf` has NumPy arrays, already limited; without
    one tokens are independent (a softmax head). Scores are divided by `temperature`, but penalties are not (below 1
    they grow with the scores, so that they still forbid). `allowed` (B, T, K) bool restricts tokens to some labels;
    if no path satisfies it and the limits, the path that breaks the fewest is decoded.
    """

    def __init__(
        self,
        emissions: np.ndarray,
        lengths: np.ndarray,
        crf: CRF | None,
        *,
        temperature: float = 1.0,
        allowed: np.ndarray | None = None,
    ):
        if not temperature > 0:
            raise ValueError(f"temperature must be above 0, not {temperature}")
        self.lengths = np.asarray(lengths, np.int64)
        self.shape = B, T, K = emissions.shape
        if len(self.lengths) != B or (B and not 0 <= self.lengths.min() <= self.lengths.max() <= T):
            raise ValueError(f"lengths must be {B} numbers from 0 to {T}")
        self._temperature = temperature
        self._penalty = FORBIDDEN * max(1.0, 1.0 / temperature)
        # longest first: at every time the sentences that are still going on are the first ones
        self._order = np.argsort(-self.lengths, kind="stable")
        self._place = np.empty_like(self._order)
        self._place[self._order] = np.arange(B)
        self._longer = (self.lengths[None] > np.arange(T)[:, None]).sum(axis=1)
        self._inside = np.arange(T)[:, None] < self.lengths[self._order]  # (T, B)
        e = emissions[self._order].transpose(1, 2, 0).astype(np.float64, order="C")  # (T, K, B)
        e /= temperature
        self._breaks = None  # (T, K, B): where `allowed` forbids
        if allowed is not None:
            self._breaks = ~allowed[self._order].transpose(1, 2, 0)
            e += np.where(self._breaks, self._penalty, 0.0)
        e = np.where(self._inside[:, None], e, 0.0)
        self._e = e
        self._independent = crf is None
        weights = (
            (np.zeros((K, K)), np.zeros(K), np.zeros(K)) if crf is None else (crf.transitions, crf.start, crf.end)
        )
        self._limits = [w < FORBIDDEN / 2 for w in weights]
        self._transitions, self._start, self._end = map(self._scaled, weights)

    def _scaled(self, weight: np.ndarray) -> np.ndarray:
        """Divide weights by the temperature, except for the penalties in them."""
        weight = weight.astype(np.float64)
        if self._temperature == 1:
            return weight
        forbidden = weight < FORBIDDEN / 2
        return np.where(forbidden, weight - FORBIDDEN, weight) / self._temperature + np.where(
            forbidden, self._penalty, 0.0
        )

    # sums over paths, (T, K, B), sentences in the order of `_order`

    @cached_property
    def _alpha(self) -> np.ndarray:
        """log of the sum over paths up to a label: all tokens up to t."""
        if self._independent:
            each = self._each
            return self._e + (np.cumsum(each, axis=0) - each)[:, None]
        return recursion(self._e, self._start, total(self._transitions), self._longer, range(len(self._e)))

    @cached_property
    def _omega(self) -> np.ndarray:
        """log of the sum over paths from a label on: all tokens from t on."""
        if self._independent:
            each = self._each
            return self._e + (each[::-1].cumsum(axis=0)[::-1] - each)[:, None]
        times = reversed(range(len(self._e)))
        return recursion(self._e, self._end, total(self._transitions.T), self._longer, times)

    @cached_property
    def _each(self) -> np.ndarray:
        """log Σ exp of each token's own scores (T, B), 0 beyond a length."""
        T, K, B = self._e.shape
        rows = log_sum(self._e.transpose(0, 2, 1).reshape(T * B, K)).reshape(T, B)
        return np.where(self._inside, rows, 0.0)

    @cached_property
    def _suffix(self) -> np.ndarray:
        """Score of the best path from a label on: all tokens from t on."""
        if self._independent:
            tops = np.where(self._inside, self._e.max(axis=1), 0.0)  # (T, B)
            return self._e + (tops[::-1].cumsum(axis=0)[::-1] - tops)[:, None]
        times = reversed(range(len(self._e)))
        return recursion(self._e, self._end, best(self._transitions.T), self._longer, times)

    # queries

    def scores(self, sentence: int, token: int) -> np.ndarray:
        """Return the scores (K,) of a token's labels, divided by the temperature."""
        return self._e[token, :, self._place[sentence]]

    @cached_property
    def log_z(self) -> np.ndarray:
        """log of the sum of exp(score) over all paths: (B,); 0 for no tokens."""
        B, T, _ = self.shape
        if not T:
            return np.zeros(B)
        z = log_sum(np.ascontiguousarray((self._omega[0] + self._start[:, None]).T))
        return np.where(self.lengths > 0, z[self._place], 0.0)

    def viterbi(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the best paths (B, T), 0 beyond a length, and their unnormalised scores (B,).

        Of equal paths the first in lexicographic order wins: the smaller label at the first token that differs.
        """
        B, T, _ = self.shape
        if not T:
            return np.zeros((B, 0), np.int64), np.zeros(B)
        suffix, paths = self._suffix, np.zeros((T, B), np.int64)
        begin = self._start[:, None] + suffix[0]
        if self._independent:
            paths = self._e.argmax(axis=1)
        else:
            now = paths[0] = begin.argmax(axis=0)
            into = np.ascontiguousarray(self._transitions.T)
            for t in range(1, T):
                n = self._longer[t]
                now = (into[:, now[:n]] + suffix[t, :, :n]).argmax(axis=0)
                paths[t, :n] = now
        paths = np.where(self._inside, paths, 0).T[self._place]
        return paths, np.where(self.lengths > 0, begin.max(axis=0)[self._place], 0.0)

    def marginals(self) -> np.ndarray:
        """Return p(label of a token): (B, T, K); each row sums to 1, rows beyond a length are 0."""
        x = self._e if self._independent else self._alpha + self._omega - self._e
        x = np.ascontiguousarray(x.transpose(2, 0, 1)[self._place])
        x -= x.max(axis=-1, keepdims=True, initial=-np.inf)
        np.exp(x, out=x)
        x /= x.sum(axis=-1, keepdims=True)
        x[np.arange(x.shape[1]) >= self.lengths[:, None]] = 0.0
        return x

    def log_probability(self, paths: np.ndarray) -> np.ndarray:
        """Return log p of one path a sentence: paths (B, T) -> (B,); values beyond a length are ignored."""
        B, T, _ = self.shape
        if not T:
            return np.zeros(B)
        inside = self._inside
        tags = np.where(inside, np.asarray(paths)[self._order].T, 0)  # (T, B)
        terms = np.take_along_axis(self._e, tags[:, None], axis=1)[:, 0]
        terms[0] += self._start[tags[0]]
        terms[1:] += self._transitions[tags[:-1], tags[1:]]
        terms = np.cumsum(np.where(inside, terms, 0.0), axis=0)[-1]  # in order, so that padding adds zeros at the end
        last = tags[np.maximum(self.lengths[self._order] - 1, 0), np.arange(B)]
        scores = (terms + self._end[last])[self._place]
        return np.where(self.lengths > 0, scores - self.log_z, 0.0)

    def entropy(self) -> np.ndarray:
        """Return the exact entropy of each sentence's paths: (B,), nats; 0 for no tokens.

        It is computed token by token, as the entropy of the paths to each label (Hernando, Crespi and Cybenko 2005).
        """
        found = np.zeros(self.shape[0])
        if self._independent:
            p = self.marginals()
            each = -(p * np.log(np.where(p > 0, p, 1.0))).sum(axis=-1)  # (B, T)
            return np.cumsum(each, axis=1)[:, -1] if self.shape[1] else found
        K, moves = self.shape[2], self._transitions[:, :, None]
        x, most = np.zeros((K, len(found))), max(1, ENTRIES // (K * K))
        for t, now in enumerate(self._longer):
            x = x[:, :now]
            for first in range(0, int(now) if t else 0, most):
                part = slice(first, min(first + most, int(now)))
                logp = self._alpha[t - 1, :, None, part] + moves  # (K from, K to, n)
                logp -= logp.max(axis=0)
                logp -= np.log(np.exp(logp).sum(axis=0))
                x[:, part] = (np.exp(logp) * (x[:, None, part] - logp)).sum(axis=0)
            ending = slice(int(self._longer[t + 1]) if t + 1 < len(self._longer) else 0, int(now))
            own = self._order[ending]
            logp = (self._alpha[t, :, ending] + self._end[:, None]).T - self.log_z[own, None]
            found[own] = np.ascontiguousarray(np.exp(logp) * (x[:, ending].T - logp)).sum(axis=-1)
        return found

    def span_probabilities(self, spans: Sequence[Span], continues: np.ndarray) -> np.ndarray:
        """Return p(the tokens of a span have exactly its tags, and the span ends there): (N,) for (sentence, start,
        tags).

        continues (K, K) bool: [a, b] is True if tag b after tag a continues the same span. The token after the span,
        if there is one, must not continue it.
        """
        if not len(spans):
            return np.zeros(0)
        size = np.array([len(tags) for _, _, tags in spans])
        sentence = np.array([b for b, _, _ in spans])
        start = np.array([s for _, s, _ in spans])
        if (size < 1).any() or (start < 0).any() or (start + size > self.lengths[sentence]).any():
            raise ValueError("a span must have a token, and lie within its sentence")
        column, end = self._place[sentence], start + size - 1
        tags = np.fromiter(itertools.chain.from_iterable(tags for _, _, tags in spans), np.int64, int(size.sum()))
        # the score of every token of every span, concatenated: the first includes the paths that lead to it
        heads = np.cumsum(size) - size
        times = np.arange(len(tags)) - np.repeat(heads - start, size)
        terms = self._e[times, tags, np.repeat(column, size)]
        terms[1:] += self._transitions[tags[:-1], tags[1:]]
        terms[heads] = self._alpha[start, tags[heads], column]
        scores = np.add.reduceat(terms, heads)
        last = tags[heads + size - 1]
        follows = end + 1 < self.lengths[sentence]
        after = np.minimum(end + 1, len(self._e) - 1)
        onward = self._transitions[last] + self._omega[after, :, column]  # (N, K)
        onward = log_sum(np.where(continues[last], -np.inf, onward))
        scores += np.where(follows, onward, self._end[last])
        return np.minimum(np.exp(scores - self.log_z[sentence]), 1.0)

    def nbest(self, n: int) -> list[list[tuple[np.ndarray, float]]]:
        """Return the n best paths (T_b,) of each sentence with their log-probabilities, best first.

        There are fewer if fewer exist: paths that break more limits than the best one do not count. Equal ones come
        in a fixed order, `viterbi`'s path first.
        """
        if n < 1:
            return [[] for _ in self.lengths]
        return [self._best_of(b, n) for b in range(len(self.lengths))]

    def _best_of(self, b: int, n: int) -> list[tuple[np.ndarray, float]]:
        """Find the n best paths by Lawler's scheme (1972): the paths other than a given one are partitioned by the
        first token that differs.

        The score of the best path that leaves it at token t for label j is that of its prefix, the transition to j
        and j's best suffix.
        """
        T, place = int(self.lengths[b]), self._place[b]
        if not T:
            return [(np.zeros(0, np.int64), 0.0)]
        e = np.ascontiguousarray(self._e[:T, :, place])  # (T, K)
        suffix = np.ascontiguousarray(self._suffix[:T, :, place])
        found: list[tuple[np.ndarray, float]] = []
        number, fewest = itertools.count(), 0
        # (-score, -token, label, number, the path it leaves, labels taken there already)
        heap: list[tuple] = [(-float((self._start + suffix[0]).max()), 0, -1, 0, np.zeros(T, np.int64), ())]
        while heap and len(found) < n:
            negative, t, label, _, parent, taken = heapq.heappop(heap)
            t = -t
            path = self._complete(parent, t, label, e if self._independent else suffix)
            broken = self._broken(path, place)
            if not found:
                fewest = broken
            elif broken > fewest:
                break
            found.append((path, -negative - float(self.log_z[b])))
            if len(found) == n:
                break
            gains = np.empty((T - t, len(self._start)))  # the score of leaving at t, t + 1 .. for each label
            moves = np.concatenate([self._start[None], self._transitions[path[:-1]]])
            own = moves[np.arange(T), path] + e[np.arange(T), path]
            before = np.concatenate([[0.0], np.cumsum(own)[:-1]])
            np.add(moves[t:] + suffix[t:], before[t:, None], out=gains)
            gains[np.arange(T - t), path[t:]] = -np.inf
            closed = (*taken, int(path[t]))
            gains[0, list(closed)] = -np.inf
            labels = gains.argmax(axis=1)
            scores = gains[np.arange(T - t), labels]
            # only as many as are still needed can be useful
            keep = np.argsort(-scores, kind="stable")[: n - len(found)]
            for k in keep.tolist():
                if scores[k] > -np.inf:
                    score = min(float(scores[k]), -negative)  # rounding must not put a path before the one it leaves
                    left = (int(path[t + k]),) if k else closed
                    heapq.heappush(heap, (-score, -(t + k), int(labels[k]), next(number), path, left))
        return found

    def _complete(self, parent: np.ndarray, t: int, label: int, suffix: np.ndarray) -> np.ndarray:
        """Return the parent's path up to t, the label there (-1: the best first label), and the best path after it by
        suffix (T, K); for independent tokens, their own scores."""
        path = parent.copy()
        now = label if label >= 0 else int((self._start + suffix[0]).argmax())
        path[t] = now
        if self._independent:
            path[t + 1 :] = suffix[t + 1 :].argmax(axis=1)
            return path
        for u in range(t + 1, len(path)):
            now = path[u] = (self._transitions[now] + suffix[u]).argmax()
        return path

    def _broken(self, path: np.ndarray, place: int) -> int:
        """Return how many limits a path breaks."""
        transitions, start, end = self._limits
        broken = int(start[path[0]]) + int(end[path[-1]]) + int(transitions[path[:-1], path[1:]].sum())
        if self._breaks is not None:
            broken += int(self._breaks[np.arange(len(path)), path, place].sum())
        return broken
