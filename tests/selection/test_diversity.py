"""Maximal marginal relevance against its definition."""

from __future__ import annotations

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


@pytest.mark.parametrize("seed", range(12))
def test_each_is_the_best_beside_those_before(seed: int) -> None:
    texts = draw(seed, 12)
    unsure = sorted(np.round(np.random.default_rng(seed).random(12), 1).tolist(), reverse=True)
    near, chosen = cosines(texts), [0]
    assert np.diag(near) == pytest.approx(1)
    scale = [(u - unsure[-1]) / (unsure[0] - unsure[-1]) for u in unsure]
    while len(chosen) < 7:
        rest = [i for i in range(12) if i not in chosen]
        alike = {i: max(near[i, j] for j in chosen) for i in rest}
        chosen.append(max(rest, key=lambda i: (alike[i] < 1 - 1e-9, round(scale[i] - alike[i], 9), -i)))
    assert spread(texts, unsure, 7) == chosen


def test_equal_texts_come_last_and_in_their_order() -> None:
    assert spread(["a b", "a b", "a b", "c d"], [1, 1, 1, 1], 4) == [0, 3, 1, 2]
    assert spread(["a b", "a b", "a b", "c d"], [0.9, 0.8, 0.7, 0.6], 4) == [0, 3, 1, 2]
    assert spread(["red cat runs", "red cat runs", "red cat eats"], [0.9, 0.9, 0.5], 2) == [0, 2]


def test_texts_that_share_nothing_come_by_their_uncertainty() -> None:
    assert spread(["ax", "by", "cz", "dw"], [4, 3, 2, 1], 4) == [0, 1, 2, 3]


@pytest.mark.parametrize(("texts", "count", "chosen"), [([], 3, []), (["a"], 3, [0]), (["a", "", "b"], 2, [0, 1])])
def test_few_texts(texts: list[str], count: int, chosen: list[int]) -> None:
    assert spread(texts, [1.0] * len(texts), count) == chosen


def test_texts_without_spaces_are_told_apart_by_their_characters() -> None:
    texts = ["すもももももももものうち", "すもももももももものうちに", "東京特許許可局長今日急遽休暇"]
    assert spread(texts, [1, 1, 1], 2) == [0, 2]
