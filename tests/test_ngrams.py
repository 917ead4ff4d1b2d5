"""Hashed n-grams: every hash by brute force, the same for ever, few collisions; what a word is."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli import ngrams
from seqcli.ngrams import MARK, hash_characters, hash_sequences, hash_words, numbers, words_of

MODULO = 1 << 64


def mixed(x: int, salt: int = 0) -> int:
    x = (x + salt * 0x9E3779B97F4A7C15) % MODULO
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 % MODULO
    x = (x ^ x >> 27) * 0x94D049BB133111EB % MODULO
    return x ^ x >> 31


def polynomial(values: list[int], salt: int, *, rising: bool = False) -> int:
    powers = range(1, len(values) + 1) if rising else range(len(values) - 1, -1, -1)
    return mixed(
        sum(v * pow(0x9E3779B97F4A7C15, p, MODULO) for v, p in zip(values, powers, strict=True)) % MODULO, salt
    )


def hash_of_word(word: str) -> int:
    return polynomial([mixed(ord(c)) for c in word + MARK], 0, rising=True)


strings = st.text(st.characters(exclude_characters="\n"), min_size=1, max_size=12)


@given(st.lists(strings, max_size=6), st.integers(1, 4), st.integers(0, 4))
def test_hashes_by_brute_force(words: list[str], low: int, more: int) -> None:
    assert hash_words(words).tolist() == [hash_of_word(word) for word in words]
    found, sizes = hash_characters(words, low, low + more)
    assert len(sizes) == len(words)
    ends = np.cumsum(sizes, dtype=int)
    for word, start, end in zip(words, ends - sizes, ends, strict=True):
        spelled = [MARK, *word, MARK]
        expected = Counter(
            polynomial([mixed(ord(c)) for c in spelled[i : i + n]], 0x2000 + n)
            for n in range(low, low + more + 1)
            for i in range(len(spelled) - n + 1)
            if n > 1 or spelled[i] != MARK
        )
        assert Counter(found[start:end].tolist()) == expected


@given(st.lists(st.lists(strings, max_size=5), max_size=4), st.integers(1, 4), st.integers(0, 3))
def test_sequences_by_brute_force(texts: list[list[str]], longest: int, opening: int) -> None:
    lengths = np.array([len(words) + 1 for words in texts], np.int64)
    flat = [MARK, *(w for words in texts for w in (*words, MARK))]
    hashes = hash_words(flat)
    owner = np.repeat(np.arange(len(texts)), lengths)
    got: list[Counter[int]] = [Counter() for _ in texts]
    for found, valid in hash_sequences(hashes, lengths, range(1, longest + 1), opening):
        for i in np.flatnonzero(valid):
            got[owner[i]][int(found[i])] += 1
    for words, counted in zip(texts, got, strict=True):
        h = [hash_of_word(w) for w in (MARK, *words, MARK)]
        expected = Counter(polynomial([x], 0x1001) for x in h[1:-1])
        expected += Counter(
            polynomial(h[i : i + n], 0x1000 + n) for n in range(2, longest + 1) for i in range(len(h) - n + 1)
        )
        expected += Counter(polynomial([x], 0x3000) for x in h[1:-1][:opening])
        assert counted == expected
    assert numbers(lengths, longest, opening).tolist() == [counted.total() for counted in got]


def test_hashes_are_the_same_for_ever() -> None:
    assert hash_words(["a", "film", "हिन्दी", "𝄞"]).tolist() == [
        7393169870107404108,
        12012162788333880915,
        7973990096769852831,
        6974968289172358319,
    ]
    code = "from seqcli.ngrams import hash_words; print(hash_words(['film'])[0])"
    again = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert again == {f"{hash_of_word('film')}\n"}


def test_few_collisions() -> None:
    """About 60,000 different n-grams, all with hashes of their own, in as many buckets as chance would have."""
    words = [f"{i}x{i * 7 % 1009}" for i in range(20_000)]
    hashes = np.concatenate([hash_words(words), hash_characters(words, 6, 6)[0]])
    different = len(set(words) | {f"\n{w}\n"[i : i + 6] + "c" for w in words for i in range(len(w) - 3)})
    assert len(np.unique(hashes)) == different
    buckets = 1 << 16
    used = len(np.unique(ngrams.buckets_of(np.unique(hashes), buckets)))
    assert used == pytest.approx(buckets * (1 - (1 - 1 / buckets) ** different), rel=0.02)


@pytest.mark.parametrize("buckets", [1, 3, 1000, 1 << 22, 1 << 32])
def test_every_bucket_can_be_met_and_none_beyond(buckets: int) -> None:
    ends = np.array([0, MODULO - 1], np.uint64)
    assert ngrams.buckets_of(ends, buckets).tolist() == [0, buckets - 1]


def test_words() -> None:
    assert words_of("It's a well-made film, 'really'!") == [
        *("It", "'", "s", "a", "well", "-", "made", "film", ",", "'", "really", "'", "!"),
    ]
    assert words_of("Größe ÇA ΣΑΣ", lowercase=True) == ["größe", "ça", "σας"]
    assert words_of("हिन्दी 你好，世界。 👩‍🚀 a\u00a0b") == ["हिन्दी", "你好", "，", "世界", "。", "👩‍🚀", "a", "b"]
    assert [len(w) for w in words_of("x" * 2500)] == [1000, 1000, 500]
    assert words_of(" \n\t") == []


@given(st.text())
def test_no_character_is_lost_and_no_word_has_white_space(text: str) -> None:
    words = words_of(text)
    assert "".join(words) == "".join(text.split())
    assert all(words)
    assert not any(c.isspace() for word in words for c in word)
