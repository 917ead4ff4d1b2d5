"""Choose texts that are uncertain for a model and unlike each other: maximal marginal relevance.

The first text is the most uncertain one; each further one maximises its uncertainty, scaled from 0 to 1, minus its
likeness to the most similar text chosen so far (Carbonell and Goldstein 1998; in active learning Kim, Song, Kim and
Lee 2006; here both parts weigh the same). The choice is among the most uncertain texts, POOL times as many as are
wanted (Zhdanov 2019). Likeness is the cosine of hashed counts of words and of their character n-grams, weighted by
their rarity among the texts (TF-IDF).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from seqcli.ngrams import buckets_of, hash_characters, hash_words, words_of

POOL = 10  # candidates per wanted text
BUCKETS = 1 << 18
CHARACTERS = 3, 5  # shortest and longest n-gram of a word's characters


class Vectors(NamedTuple):
    """Sparse vectors of N texts, end to end, of length 1, or 0 for a text without words."""

    starts: np.ndarray  # (N + 1,)
    buckets: np.ndarray  # (M,)
    weights: np.ndarray  # (M,)

    def likeness(self, i: int) -> np.ndarray:
        """Return the cosine of text i with each text (N,)."""
        own = slice(*self.starts[i : i + 2])
        dense = np.zeros(BUCKETS)
        dense[self.buckets[own]] = self.weights[own]
        sums = np.concatenate([[0.0], np.cumsum(self.weights * dense[self.buckets])])
        return sums[self.starts[1:]] - sums[self.starts[:-1]]


def vectors(texts: Sequence[str]) -> Vectors:
    """Return the vectors of texts."""
    rows = [np.unique(_features(text), return_counts=True) for text in texts]
    sizes = [len(buckets) for buckets, _ in rows]
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    buckets = np.concatenate([np.zeros(0, np.int64), *(own for own, _ in rows)])
    counts = np.concatenate([np.zeros(0), *(own for _, own in rows)])
    texts_with = np.bincount(buckets, minlength=BUCKETS)[buckets]
    weights = counts * (1 + np.log((1 + len(texts)) / (1 + texts_with)))
    norms = [max(float(np.sqrt(np.square(weights[a:b]).sum())), 1e-12) for a, b in pairwise(starts)]
    return Vectors(starts, buckets, weights / np.repeat(norms, sizes))


def _features(text: str) -> np.ndarray:
    """Return the buckets of a text's words and of their n-grams."""
    words = words_of(text, lowercase=True)
    return buckets_of(np.concatenate([hash_words(words), hash_characters(words, *CHARACTERS)[0]]), BUCKETS)


def spread(texts: Sequence[str], uncertainty: Sequence[float], count: int) -> list[int]:
    """Return the indices of `count` uncertain texts that are unlike each other, in the order chosen. The most
    uncertain text must come first; of equally good ones the first is chosen."""
    own, chosen = vectors(texts), [0][: min(count, len(texts))]
    unsure = np.array(uncertainty, np.float64)
    unsure -= unsure.min(initial=np.inf) if len(unsure) else 0.0
    unsure /= max(float(unsure.max(initial=0.0)), 1e-12)
    likeness = np.full(len(texts), -np.inf)  # to the most similar chosen text
    while 0 < len(chosen) < min(count, len(texts)):
        likeness = np.maximum(likeness, own.likeness(chosen[-1]))
        likeness[chosen[-1]] = np.inf
        again = likeness > 1 - 1e-9  # duplicates of chosen texts come last
        chosen.append(int(np.round(unsure - likeness - 2 * again, 9).argmax()))  # rounded, so that ties are ties
    return chosen
