"""Hashed n-grams of words and of characters, for many texts at once.

The hashes are 64-bit and the same on every machine: that of a string of code points or of words x_1 .. x_n is the
polynomial x_1 P^(n-1) + ... + x_n modulo 2^64, mixed once more with n by the finalizer of SplitMix64 (Steele, Lea and
Flood, Fast splittable pseudorandom number generators, OOPSLA 2014). Python's own `hash` differs from run to run.

One mark, "\\n", precedes and follows the characters of every word and the words of every text: beginnings and ends
differ by its position in an n-gram.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import numpy as np

MARK = "\n"
LONGEST = 1000  # code points of a word; a longer run is cut

_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_WORD_SALT, _CHARACTER_SALT, _OPENING_SALT = 0x1000, 0x2000, 0x3000
# Punctuation marks are single words: ASCII, Latin-1, general (except for the joiners), CJK and full-width. All else
# between white space is a word, including combining marks and signs of any script.
_MARKS = (
    r"!-/:-@\[-`{-~¡-©«-´¶-¹»-¿\u2010-\u2027\u2030-\u205e\u3001-\u3003\u3008-\u3020"
    r"\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
)
_WORD = re.compile(rf"[^\s{_MARKS}]{{1,{LONGEST}}}|[{_MARKS}]")


def words_of(text: str, lowercase: bool = False) -> list[str]:
    """Return the words and punctuation marks of a text; no word has white space or more than LONGEST code points."""
    return _WORD.findall(text.lower() if lowercase else text)


def places_of(text: str, lowercase: bool = False) -> list[tuple[str, int, int]]:
    """Return the same words, each with its start and end in the text."""
    shown = text.lower() if lowercase else text
    at = range(len(text) + 1)
    if len(shown) != len(text):  # some letters have more characters in lower case
        at = [i for i, c in enumerate(text) for _ in c.lower()] + [len(text)]
    return [(found[0], at[found.start()], at[found.end() - 1] + 1) for found in _WORD.finditer(shown)]


def tokenized(texts: Iterable[str], lowercase: bool) -> tuple[list[str], np.ndarray]:
    """Return the words of N texts in a row, with a mark before each text and one after the last, and the number of
    each text's words including its mark (N,)."""
    words = [[MARK, *words_of(text, lowercase)] for text in texts]
    return [*chain.from_iterable(words), MARK], np.fromiter(map(len, words), np.int64, len(words))


def _mixed(x: np.ndarray, salt: int) -> np.ndarray:
    """Apply the finalizer of SplitMix64 to x + salt P, uint64."""
    x = x + np.uint64(salt * int(_FACTOR) & 0xFFFFFFFFFFFFFFFF)
    x ^= x >> np.uint64(30)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    return x


def _codes(words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the code points (P,), uint64, of n words with a mark after each, and their lengths with it (n,)."""
    lengths = np.fromiter(map(len, words), np.int64, len(words)) + 1
    data = "".join(chain.from_iterable((word, MARK) for word in words)).encode("utf-32-le", "surrogatepass")
    return np.frombuffer(data, "<u4").astype(np.uint64), lengths


def hash_words(words: Sequence[str]) -> np.ndarray:
    """Return the hashes (n,) of n words, uint64."""
    if not words:
        return np.zeros(0, np.uint64)
    codes, lengths = _codes(words)
    starts = np.cumsum(lengths) - lengths
    powers = np.cumprod(np.full(int(lengths.max()), _FACTOR))
    places = np.arange(len(codes)) - np.repeat(starts, lengths)
    return _mixed(np.add.reduceat(_mixed(codes, 0) * powers[places], starts), 0)


def hash_characters(words: Sequence[str], low: int, high: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the hashes (m,), uint64, of the n-grams of each word's characters and marks, low <= n <= high, word by
    word; and how many each word has (n,). An n-gram lies within the word and its two marks."""
    if not words:
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    codes, lengths = _codes(words)
    codes = _mixed(np.concatenate([[np.uint64(ord(MARK))], codes]), 0)  # the mark before the first word
    left = _left(lengths, len(codes))
    hashes, valid = np.zeros((len(codes), high - low + 1), np.uint64), np.zeros((len(codes), high - low + 1), bool)
    rolling = codes
    for n in range(1, high + 1):
        if n > 1:
            rolling = rolling[:-1] * _FACTOR + codes[n - 1 :]
        if n >= low and len(rolling):
            hashes[: len(rolling), n - low] = _mixed(rolling, _CHARACTER_SALT + n)
            valid[:, n - low] = left >= n
    if low == 1:
        valid[np.cumsum(lengths) - lengths, 0] = False  # a mark alone does not count
    return hashes[valid], np.add.reduceat(valid[:-1].sum(1), np.cumsum(lengths) - lengths)


def _left(lengths: np.ndarray, positions: int) -> np.ndarray:
    """Return the number of positions from each to the next mark, both included; 0 for the last mark.

    The sequences are concatenated, each preceded by a mark, with which it has lengths[i] positions; the mark after
    one is the mark before the next, and the last position of all is a mark alone, where no n-gram begins.
    """
    left = np.zeros(positions, np.int64)
    left[:-1] = np.repeat(np.cumsum(lengths), lengths) - np.arange(positions - 1) + 1
    return left


def hash_sequences(
    hashes: np.ndarray, lengths: np.ndarray, orders: Iterable[int], opening: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the n-grams of words of each order, then the first `opening` words of each text once more.

    `hashes` (P,) uint64 are those of the words of N texts, with a mark before each text and one after the last;
    `lengths` (N,) count each text with the mark before it, P - 1 in all. Each pair has the hashes (P - 1,) of the
    n-gram at each position, and (P - 1,) whether there is one.
    """
    left = _left(lengths, len(hashes))[:-1]
    for n in orders:
        rolling = hashes
        for k in range(1, n):
            rolling = rolling[:-1] * _FACTOR + hashes[k:]
        size = min(len(rolling), len(left))
        found = np.zeros(len(left), np.uint64)
        found[:size] = _mixed(rolling[:size], _WORD_SALT + n)
        # the next mark ends an n-gram that begins at a word or a mark; a mark alone is not an n-gram
        yield found, left >= n if n > 1 else left <= np.repeat(lengths, lengths)
    if opening:
        places = np.repeat(lengths, lengths) + 1 - left
        yield _mixed(hashes[:-1], _OPENING_SALT), (places > 0) & (places <= opening)


def numbers(lengths: np.ndarray, words: int, opening: int) -> np.ndarray:
    """Return how many n-grams of up to `words` words, and first words, `hash_sequences` finds in each text: (N,)
    int64."""
    total = np.minimum(lengths - 1, opening)
    for n in range(1, words + 1):
        total += np.maximum(lengths + 2 - n, 0) if n > 1 else lengths - 1
    return total


def buckets_of(hashes: np.ndarray, buckets: int) -> np.ndarray:
    """Return the bucket 0 .. buckets-1 of each hash, by its upper half, int64, for up to 2^32 buckets."""
    return ((hashes >> np.uint64(32)) * np.uint64(buckets) >> np.uint64(32)).astype(np.int64)
