"""The greedy k-center against its definition, and against the best centers that there are."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

from seqcli.selection.diversity import spread, vectors

WORDS = ["cat", "dog", "mat", "bread", "cheese", "soup", "violin", "drum", "run", "ran", "goal", "race"]


def draw(seed: int, count: int) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choices(WORDS, k=rng.randint(1, 5))) for _ in range(count)]


def cosines(texts: list[str]) -> np.ndarray:
    """(N, N), from dense vectors."""
    own = vectors(texts)
    dense = np.zeros((len(texts), 1 << 18))
    for i in range(len(texts)):
        part = slice(*own.starts[i : i + 2])
        dense[i, own.buckets[part]] = own.weights[part]
    return dense @ dense.T


@pytest.mark.parametrize("seed", range(8))
def test_each_is_the_farthest_from_those_before(seed: int) -> None:
    texts = draw(seed, 12)
    near, chosen = cosines(texts), [0]
    assert np.diag(near) == pytest.approx(1)
    while len(chosen) < 6:
        rest = [i for i in range(12) if i not in chosen]
        chosen.append(min(rest, key=lambda i: (round(max(near[i, j] for j in chosen), 9), i)))
    assert spread(texts, 6) == chosen


@pytest.mark.parametrize("seed", range(6))
def test_none_is_farther_than_twice_what_is_possible(seed: int) -> None:
    texts = draw(seed, 9)
    far = np.sqrt(np.maximum(2 - 2 * cosines(texts), 0))

    def radius(centers: tuple[int, ...]) -> float:
        return far[:, centers].min(axis=1).max()

    best = min(map(radius, itertools.combinations(range(9), 3)))
    assert radius(tuple(spread(texts, 3))) <= 2 * best + 1e-9


def test_equal_texts_come_last_and_in_their_order() -> None:
    assert spread(["a b", "a b", "a b", "c d"], 4) == [0, 3, 1, 2]


@pytest.mark.parametrize(("texts", "count", "chosen"), [([], 3, []), (["a"], 3, [0]), (["a", "", "b"], 2, [0, 1])])
def test_few_texts(texts: list[str], count: int, chosen: list[int]) -> None:
    assert spread(texts, count) == chosen


def test_texts_without_spaces_are_told_apart_by_their_characters() -> None:
    texts = ["すもももももももものうち", "すもももももももものうちに", "東京特許許可局長今日急遽休暇"]
    assert spread(texts, 2) == [0, 2]
