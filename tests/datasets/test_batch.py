"""Padded batches in which every different word stands once: what they hold, and that they are their seed's alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.datasets.batch import STEPS, WORDS, up, word_batch
from seqcli.datasets.vocabulary import MARKS, UNKNOWN, Vocabulary
from seqcli.records import Sentence

ALPHABET = "abAB1é"
SEQUENCES = st.lists(
    st.lists(st.text(ALPHABET, min_size=1, max_size=5), min_size=1, max_size=9), min_size=1, max_size=9
)


def vocabulary(*, lowercase: bool = True) -> Vocabulary:
    words = ["a", "b", "ab", "ba", "a1", "é"]
    found = Vocabulary.learn([Sentence(words=words)], [["X"]], lowercase=lowercase, fold_digits=False)
    return replace(found, vector_words=["a", "AB"], vectors=np.array([[1, 2], [3, 4]], np.float32))


@given(sequences=SEQUENCES, by_character=st.booleans(), lowercase=st.booleans())
def test_a_batch_says_what_its_sequences_say(sequences: list[list[str]], by_character: bool, lowercase: bool) -> None:
    own = vocabulary(lowercase=lowercase)
    made = word_batch(own, sequences, by_character=by_character)
    T, B = made.index.shape
    different = list(dict.fromkeys(w for words in sequences for w in words))
    assert (B, made.lengths.tolist()) == (len(sequences), [len(words) for words in sequences])
    assert up(max(made.lengths), STEPS) == T
    assert len(made.ids) == len(made.vectors) == up(len(different), WORDS)
    for b, words in enumerate(sequences):
        places = made.index[: len(words), b]
        assert [different[i] for i in places] == words
        np.testing.assert_array_equal(made.ids[places], own.word_ids(words))
        np.testing.assert_array_equal(made.vectors[places], own.vector_rows(words))
        assert not made.index[len(words) :, b].any()
        if by_character:
            for i, word in zip(places, words, strict=True):
                ids, (n,) = own.character_ids([word])
                assert made.character_lengths[i] == n == len(word) + 2
                np.testing.assert_array_equal(made.characters[i, :n], ids[0])
                assert not made.characters[i, n:].any()
    if by_character:
        assert made.characters.shape == (len(made.ids), up(max(map(len, different)) + 2, STEPS))
        assert (made.character_lengths >= 2).all()  # what a word is made up with has its two marks
    else:
        assert len(made.characters) == len(made.character_lengths) == 0
    assert made.index.max() < len(different)


@pytest.mark.parametrize(("number", "step", "wanted"), [(0, 4, 0), (1, 4, 4), (4, 4, 4), (5, 4, 8), (64, 64, 64)])
def test_rounded_up(number: int, step: int, wanted: int) -> None:
    assert up(number, step) == wanted


def test_few_shapes() -> None:
    """A fused kernel is made for each shape: lengths 1 to 100 of up to 100 different words have some dozens."""
    shapes = {word_batch(vocabulary(), [["a"] * n], by_character=False).index.shape for n in range(1, 101)}
    assert len(shapes) == 100 // STEPS


def test_word_dropout_is_the_seeds_and_touches_only_ids() -> None:
    sequences = [["a", "b", "ab"], ["ba", "a1", "é", "a"]]
    own = vocabulary()
    plain = word_batch(own, sequences, by_character=True)
    lost, total, seen = 0, 0, set()
    for seed in range(400):
        one, two = (word_batch(own, sequences, by_character=True, word_dropout=0.3, seed=[seed, 1]) for _ in range(2))
        np.testing.assert_array_equal(one.ids, two.ids)
        assert ((one.ids == plain.ids) | (one.ids == UNKNOWN)).all()
        for name in ("vectors", "characters", "character_lengths", "index", "lengths"):
            np.testing.assert_array_equal(getattr(one, name), getattr(plain, name))
        known = plain.ids != UNKNOWN
        lost, total = lost + int((one.ids[known] == UNKNOWN).sum()), total + int(known.sum())
        seen.add(one.ids.tobytes())
    assert len(seen) > 30  # of 2^6
    assert lost / total == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / total))


# characters of a vocabulary


@given(forms=st.lists(st.text(min_size=1, max_size=6), unique=True, max_size=12))
def test_characters_are_those_of_the_forms_the_most_frequent_first(forms: list[str]) -> None:
    own = vocabulary().with_characters(forms)
    text = "".join(forms)
    counts = [(-text.count(c), c) for c in own.characters]
    assert counts == sorted(counts)
    assert set(own.characters) == set(text)
    assert (own.words, own.labels, own.vector_words) == (vocabulary().words, ["X"], ["a", "AB"])
    ids, lengths = own.character_ids(forms)
    for row, n, form in zip(ids, lengths, forms, strict=True):
        assert "".join(own.characters[i - MARKS] for i in row[1 : n - 1]) == form
