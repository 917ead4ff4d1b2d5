"""Measure how uncertain a model is of an answer, from exact probabilities, to choose what to label (Settles 2009).

margin   1 - (p1 - p2) of the two most probable answers (Scheffer, Decomain and Wrobel 2001)
entropy  over all answers, nats
least    -log p of the most probable answer, nats: least confidence (Lewis and Gale 1994; for sentences Culotta and
         McCallum 2005); divided by the words it is the maximum normalised log-probability of Shen et al. 2017
span     for taggers of spans: how many spans of the answer are expected to be wrong or missing
"""

from __future__ import annotations

import numpy as np

from seqcli.decoding.chain import Chain

WAYS = ("margin", "entropy", "least")  # measures for every model
TINY = 1e-300


def of_labels(p: np.ndarray, by: str, *, several: bool = False) -> np.ndarray:
    """Return the uncertainty (N,) of probabilities p (N, K) by a measure of WAYS. With `several`, a text may have
    several independent labels, so that an answer is one of 2^K."""
    if several:
        q = np.maximum(p, 1 - p)
        if by == "entropy":
            return -(_times_log(q) + _times_log(1 - q)).sum(axis=1)
        least = -np.log(q).sum(axis=1)
        return least if by == "least" else 1 - np.exp(-least) * (1 - ((1 - q) / q).max(axis=1))
    if by == "entropy":
        return -_times_log(p).sum(axis=1)
    if by == "least":
        return -np.log(np.maximum(p.max(axis=1), TINY))
    if p.shape[1] < 2:
        return np.zeros(len(p))
    second, first = np.partition(p, -2, axis=1)[:, -2:].T
    return 1 - (first - second)


def of_paths(chain: Chain, by: str) -> np.ndarray:
    """Return the uncertainty (B,) of whole paths of labels, by a measure of WAYS; 0 for no tokens."""
    if by == "entropy":
        return chain.entropy()
    if by == "least":
        return -chain.log_probability(chain.viterbi()[0])
    best = [[float(np.exp(logp)) for _, logp in paths] for paths in chain.nbest(2)]
    return np.array([1 - (p[0] - (p[1] if len(p) > 1 else 0.0)) for p in best])


def of_spans(chain: Chain, begins: np.ndarray, right: np.ndarray, answered: np.ndarray) -> np.ndarray:
    """Return how many spans of an answer are expected to be wrong or missing, (B,), exactly.

    begins (K,) bool: labels that begin a span, as in IOB2 and IOBES; right (B,): the sum of the probabilities of the
    answer's spans; answered (B,): the number of its spans. The expected number of wrong spans is answered - right;
    that of missing ones is E[spans] - right."""
    marginals = chain.marginals()[:, :, begins].sum(axis=-1)  # (B, T)
    expected = np.cumsum(marginals, axis=1)[:, -1] if marginals.shape[1] else np.zeros(len(marginals))
    return np.maximum(answered + expected - 2 * right, 0.0)


def _times_log(p: np.ndarray) -> np.ndarray:
    """Return p log p, 0 at 0."""
    return p * np.log(np.where(p > 0, p, 1.0))
