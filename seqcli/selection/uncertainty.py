"""How unsure a model is of an answer, from exact probabilities: what is worth a label (Settles 2009).

margin   1 - (p1 - p2) of the two most probable answers (Scheffer, Decomain and Wrobel 2001)
entropy  of all answers, nats
least    -log p of the most probable answer, nats: least confidence (Lewis and Gale 1994; of sentences Culotta and
         McCallum 2005), which divided by the words is the maximum normalised log-probability of Shen et al. 2017
span     of taggers of spans: how many spans of the answer are expected to be wrong or missing
"""

from __future__ import annotations

import numpy as np

from seqcli.decoding.chain import Chain

WAYS = ("margin", "entropy", "least")  # of any model
TINY = 1e-300


def of_labels(p: np.ndarray, by: str, *, several: bool = False) -> np.ndarray:
    """The uncertainty (N,) of probabilities p (N, K) by a way of WAYS. `several`: a text may have several labels,
    each independent of the others, so that an answer is one of 2^K."""
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
    """The uncertainty (B,) of whole paths of labels, by a way of WAYS; 0 of no tokens."""
    if by == "entropy":
        return chain.entropy()
    if by == "least":
        return -chain.log_probability(chain.viterbi()[0])
    best = [[float(np.exp(logp)) for _, logp in paths] for paths in chain.nbest(2)]
    return np.array([1 - (p[0] - (p[1] if len(p) > 1 else 0.0)) for p in best])


def of_spans(chain: Chain, begins: np.ndarray, right: np.ndarray, answered: np.ndarray) -> np.ndarray:
    """How many spans of an answer are expected to be wrong or missing, (B,), exact.

    begins (K,) bool: labels that begin a span, as of IOB2 and IOBES; right (B,): the sum of the probabilities of the
    answer's spans; answered (B,): how many it has. Wrong are answered - right; of the E[spans] that there are
    E[spans] - right are missing.
    """
    marginals = chain.marginals()[:, :, begins].sum(axis=-1)  # (B, T)
    expected = np.cumsum(marginals, axis=1)[:, -1] if marginals.shape[1] else np.zeros(len(marginals))
    return np.maximum(answered + expected - 2 * right, 0.0)


def _times_log(p: np.ndarray) -> np.ndarray:
    """p log p, 0 at 0."""
    return p * np.log(np.where(p > 0, p, 1.0))
