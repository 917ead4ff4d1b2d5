"""Fit `ngram-linear`: build the matrices of its features and search for their weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seqcli.errors import SeqcliError
from seqcli.models._log_linear import Loss, minimise
from seqcli.ngrams import buckets_of, hash_characters, hash_sequences, hash_words, numbers, tokenized

if TYPE_CHECKING:
    from seqcli.models.ngram_linear import Config

SMOOTHING = 0.3  # added to each feature's count in a label and in the others
LARGEST = np.iinfo(np.int16).max  # the largest stored weight
TOLERANCE = 1e-4  # share of the loss: the search stops after an iteration that gains less


class Features:
    """The F features of N texts as sparse matrices; character features are counted once for each of V distinct words.

    `words` (N, F) counts of word n-grams, `tokens` (N, V) counts of words, `characters` (V, F) counts in each word;
    the rows of the first two can be scaled by `scales`, two arrays (N, 1). `ids` (F,) are the features' buckets.
    """

    def __init__(self, texts: Sequence[str], config: Config):
        sparse = _scipy()
        tokens, lengths = tokenized(texts, config.lowercase)
        index: dict[str, int] = {}
        rows = np.fromiter((index.setdefault(token, len(index)) for token in tokens), np.int64, len(tokens))
        vocabulary, texts_of = list(index), np.repeat(np.arange(len(texts)), lengths)
        hashes = hash_words(vocabulary)
        found: list[tuple[np.ndarray, np.ndarray]] = []
        for hashed, valid in hash_sequences(hashes[rows], lengths, range(1, config.words + 1), config.opening):
            found.append((texts_of[valid], buckets_of(hashed[valid], config.buckets)))
        texts_with, words = map(np.concatenate, zip(*found, strict=True)) if found else (rows[:0], rows[:0])
        grams, sizes = np.zeros(0, np.uint64), np.zeros(len(vocabulary), np.int64)
        if config.characters:
            grams, sizes = hash_characters(vocabulary, *config.characters)
            sizes[0], grams = 0, grams[sizes[0] :]  # the mark comes first and is not a word
        characters = buckets_of(grams, config.buckets)
        frequency = np.bincount(rows[:-1], minlength=len(vocabulary))
        seen = np.bincount(words, minlength=config.buckets)
        seen += np.bincount(characters, np.repeat(frequency, sizes), config.buckets).astype(np.int64)
        kept = seen >= config.min_count
        self.ids = np.flatnonzero(kept)
        columns = np.cumsum(kept) - 1
        owners = np.repeat(np.arange(len(vocabulary)), sizes)

        def matrix(rows: np.ndarray, ids: np.ndarray, height: int) -> Any:
            use = kept[ids]
            entries = np.ones(int(use.sum()), np.float32), (rows[use], columns[ids[use]])
            return sparse.csr_matrix(entries, shape=(height, len(self.ids)))

        self.words = matrix(texts_with, words, len(texts))
        self.characters = matrix(owners, characters, len(vocabulary))
        ones = np.ones(len(rows) - 1, np.float32)
        self.tokens = sparse.csr_matrix((ones, (texts_of, rows[:-1])), shape=(len(texts), len(vocabulary)))
        totals = numbers(lengths, config.words, config.opening)
        self.scales = tuple(
            (1 / np.sqrt(np.maximum(total, 1)))[:, None].astype(np.float32) for total in (totals, self.tokens @ sizes)
        )

    def scale(self) -> None:
        """Divide each text's counts by the square root of their total, word and character features separately."""
        self.words = self.words.multiply(self.scales[0]).tocsr().astype(np.float32)
        self.tokens = self.tokens.multiply(self.scales[1]).tocsr().astype(np.float32)

    def gather(self, x: np.ndarray) -> np.ndarray:
        """X^T x: (N, C) -> (F, C)."""
        return self.words.T @ x + self.characters.T @ (self.tokens.T @ x)

    def spread(self, x: np.ndarray) -> np.ndarray:
        """X x: (F, C) -> (N, C)."""
        return self.words @ x + self.tokens @ (self.characters @ x)


def fit(
    texts: Sequence[str],
    targets: np.ndarray,
    labels: int,
    config: Config,
    multi_label: bool,
    class_weights: np.ndarray | None,
    advance: Callable[[int], object],
) -> dict[str, np.ndarray]:
    """Return the arrays of a fitted model: see `ngram_linear.Model.fit`."""
    _scipy()
    if not texts:
        raise SeqcliError("there is nothing to fit: the training data has no texts", hint="see data.train")
    loss = _loss(np.asarray(targets), len(texts), labels, multi_label, class_weights)
    features = Features(texts, config)
    if not len(features.ids):
        raise SeqcliError(
            f"there is nothing to fit: no n-gram occurs {config.min_count} times in the training data",
            hint="lower model.min_count",
        )
    squares = _ratios(features, loss.targets, config.ratio) ** 2
    features.scale()

    def kernel(x: np.ndarray) -> np.ndarray:
        return features.spread(features.gather(x) * squares) + x.sum(axis=0)  # the bias is a feature of every text

    l2 = config.l2 / squares.shape[1]
    a, _ = minimise(kernel, loss, l2, config.iterations, TOLERANCE, advance)
    return _packed(features.ids, features.gather(a) * squares, a.sum(axis=0))


def _scipy() -> Any:
    try:
        from scipy import sparse
    except ImportError:
        raise SeqcliError("fitting ngram-linear needs SciPy", hint="pip install 'seqcli[train]'") from None
    return sparse


def _loss(targets: np.ndarray, n: int, labels: int, multi_label: bool, class_weights: np.ndarray | None) -> Loss:
    """Return the loss over C columns, with the labels' weights."""
    if labels < 2 and not multi_label:
        raise SeqcliError(
            "the training data has fewer than two labels: there is nothing to tell apart",
            hint="see data.train and data.label in the recipe",
        )
    if targets.ndim == 1 and targets.dtype.kind in "iu" and not multi_label:
        if len(targets) and not 0 <= targets.min() <= targets.max() < labels:
            raise ValueError(f"targets must lie in 0 .. {labels - 1}")
        targets = np.eye(labels, dtype=np.float32)[targets]
    targets = targets.astype(np.float32)
    if targets.shape != (n, labels):
        raise ValueError(f"targets {targets.shape} do not fit {n} texts and {labels} labels")
    if not (targets.min() >= 0 and targets.max() <= 1):
        raise ValueError("targets must be probabilities")
    weights = np.ones((n, 1), np.float32)
    if class_weights is not None:
        each = np.asarray(class_weights, np.float32)
        if each.shape != (labels,) or not (np.isfinite(each).all() and (each >= 0).all()):
            raise ValueError(f"class_weights must be {labels} numbers, none negative")
        weights = 1 + (each - 1) * targets if multi_label else (targets @ each)[:, None]
        weights = weights / max(float(weights.mean()), 1e-30)
    if labels == 2 and not multi_label:
        targets = targets[:, 1:]
    return Loss(targets, weights, softmax=not multi_label and labels > 2)


def _ratios(features: Features, targets: np.ndarray, power: float) -> np.ndarray:
    """Return |log(p / q)|^power (F, C), with p and q the smoothed frequencies of a feature in a label and in the
    others."""
    inside = features.gather(targets) + np.float32(SMOOTHING)
    outside = features.gather(1 - targets) + np.float32(SMOOTHING)
    ratios = np.log(inside / inside.sum(axis=0, dtype=np.float64) * outside.sum(axis=0, dtype=np.float64) / outside)
    return (np.abs(ratios) ** power).astype(np.float32)


def _packed(ids: np.ndarray, weights: np.ndarray, bias: np.ndarray) -> dict[str, np.ndarray]:
    """Return the arrays to store: scale each column's largest weight to LARGEST, drop buckets without weights."""
    scale = (np.abs(weights).max(axis=0) / LARGEST).astype(np.float32)
    scale[scale == 0] = 1
    integers = np.rint(weights / scale).clip(-LARGEST, LARGEST).astype(np.int16)
    some = integers.any(axis=1)
    return {
        "ids": ids[some].astype(np.uint32),
        "weights": np.ascontiguousarray(integers[some]),
        "scale": scale,
        "bias": bias.astype(np.float32),
    }
