"""Make a padded batch of sequences of words, in which every different word occurs once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from seqcli.datasets.vocabulary import UNKNOWN, Vocabulary

WORDS = 64  # a batch's different words are padded to a multiple of this
STEPS = 4  # a batch's time steps are padded to a multiple of this


class WordBatch(NamedTuple):
    """A batch of B sequences padded to T words, with U different words."""

    ids: np.ndarray  # (U,)
    vectors: np.ndarray  # (U, D)
    characters: np.ndarray  # (U, L), padded
    character_lengths: np.ndarray  # (U,)
    index: np.ndarray  # (T, B): the place of each word among the different ones
    lengths: np.ndarray  # (B,)


def word_batch(
    vocabulary: Vocabulary,
    sequences: Sequence[Sequence[str]],
    *,
    by_character: bool,
    word_dropout: float = 0.0,
    seed: Sequence[int] = (),
) -> WordBatch:
    """Return the batch of some sequences; a share `word_dropout` of its different words, drawn by the seed, becomes
    unknown.

    Shapes are rounded up, because a fused kernel is made for each different shape.
    """
    lengths = np.array([len(words) for words in sequences], np.int64)
    places: dict[str, int] = {}
    index = np.zeros((up(int(lengths.max()), STEPS), len(sequences)), np.int64)
    for b, words in enumerate(sequences):
        index[: lengths[b], b] = [places.setdefault(w, len(places)) for w in words]
    different = [*places, *[""] * (up(len(places), WORDS) - len(places))]
    ids = vocabulary.word_ids(different)
    if word_dropout:
        rng = np.random.default_rng(list(seed))
        ids = np.where(rng.random(len(ids)) < word_dropout, UNKNOWN, ids)
    characters, character_lengths = vocabulary.character_ids(different if by_character else [])
    wide = up(characters.shape[1], STEPS)
    characters = np.pad(characters, ((0, 0), (0, wide - characters.shape[1])))
    return WordBatch(ids, vocabulary.vector_rows(different), characters, character_lengths, index, lengths)


def up(number: int, step: int) -> int:
    """Return a number rounded up to a multiple of `step`."""
    return -(-number // step) * step
