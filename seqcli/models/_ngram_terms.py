"""Split the scores of an `ngram-linear` model into exact terms: what each n-gram of a text adds."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seqcli.ngrams import MARK, hash_characters, hash_sequences, hash_words, numbers, places_of

if TYPE_CHECKING:
    from seqcli.models.ngram_linear import Model


class Term(NamedTuple):
    """An n-gram, its place in the text (the marks around a text or word take up no place), and what it adds to the
    score of each label (K,), in nats."""

    kind: str  # words, opening or characters
    start: int
    end: int
    scores: np.ndarray


def terms(model: Model, text: str) -> tuple[np.ndarray, list[Term]]:
    """Return the bias of each label (K,) and the non-zero terms; together they sum to the logits."""
    words = places_of(text, model.config.lowercase)
    lengths, hashes = np.array([len(words) + 1]), hash_words([MARK, *(word for word, *_ in words), MARK])
    orders = range(1, model.config.words + 1)
    found: list[tuple[str, int, int, np.ndarray]] = []
    grams = list(hash_sequences(hashes, lengths, orders, model.config.opening))
    spans = [(0, 0), *(span for _, *span in words), (len(text), len(text))]  # the marks are empty spans at either end
    for n, (own, valid) in enumerate(grams, 1):
        kind, n = ("words", n) if n <= len(orders) else ("opening", 1)
        weights = model.find(own)
        for p in np.flatnonzero(valid).tolist():
            first, last = max(p, 1), min(p + n - 1, len(words))
            found.append((kind, spans[first][0], spans[last][1], weights[p]))
    sizes = {"words": int(numbers(lengths, model.config.words, model.config.opening)[0]), "characters": 0}
    if model.config.characters and words:
        low, high = model.config.characters
        weights = model.find(hash_characters([word for word, *_ in words], low, high)[0])
        sizes["characters"], at = len(weights), 0
        for word, start, end in words:
            size = len(word) + 2
            for p in range(size - 1):
                for n in range(low, min(high, size - p) + 1):
                    if p or n > 1:  # a mark alone is not an n-gram
                        begins, ends = start + max(p - 1, 0), min(start + p - 1 + n, end)
                        found.append(("characters", begins, ends, weights[at]))
                        at += 1
    scale = model.scale.astype(np.float64)
    made = []
    for kind, start, end, weight in found:
        if weight.any():
            size = sizes["characters" if kind == "characters" else "words"]
            made.append(Term(kind, start, end, _of_labels(weight * scale / np.sqrt(size), model.labels)))
    return _of_labels(model.bias.astype(np.float64), model.labels), made


def _of_labels(column: np.ndarray, labels: int) -> np.ndarray:
    """Return scores (C,) as scores of all labels (K,): two labels share one column."""
    return column if len(column) == labels else np.array([-column[0], column[0]]) / 2
