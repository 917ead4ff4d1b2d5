"""Sequences of words as one padded batch, in which every different word stands once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from seqcli.datasets.vocabulary import UNKNOWN, Vocabulary

WORDS = 64  # a batch's different words are made up to a multiple of this
STEPS = 4  # and its time steps to a multiple of this


class WordBatch(NamedTuple):
    """U different words of B sequences, padded to T words."""

    ids: np.ndarray  # (U,)
    vectors: np.ndarray  # (U, D)
    characters: np.ndarray  # (U, L), padded
    character_lengths: np.ndarray  # (U,)
    index: np.ndarray  # (T, B) of the words among the different ones
    lengths: np.ndarray  # (B,)


def word_batch(
    vocabulary: Vocabulary,
    sequences: Sequence[Sequence[str]],
    *,
    by_character: bool,
    word_dropout: float = 0.0,
    seed: Sequence[int] = (),
) -> WordBatch:
    """The batch of some sequences; a share `word_dropout` of the different words, drawn by the seed, is unknown.

    Shapes are rounded up: a fused kernel is made for each that it meets, so that there should be few.
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
    """Rounded up to a multiple of a step."""
    return -(-number // step) * step
