"""Random strings of 1 to 20 lower-case letters with the same letters in reverse, made from a seed; no string twice.

Lengths are drawn evenly, but there are few strings of one and two letters. 10,000 pairs to train on, 500 to validate,
500 to test.
"""

from __future__ import annotations

import random
from string import ascii_lowercase

COUNTS = {"test": 500, "valid": 500, "train": 10_000}
LONGEST = 20


def splits(seed: int = 1) -> dict[str, list[tuple[str, str]]]:
    """Return the pairs (string, its reverse) of each split; no string is in two splits."""
    rng, total = random.Random(seed), sum(COUNTS.values())
    texts: dict[str, None] = {}
    while len(texts) < total:
        length = 1 + int(rng.random() * LONGEST)  # random() alone is the same on every Python
        texts["".join(ascii_lowercase[int(rng.random() * 26)] for _ in range(length))] = None
    order = [text for _, text in sorted((rng.random(), text) for text in texts)]  # the short ones came first
    pairs = iter([(text, text[::-1]) for text in order])
    return {split: [next(pairs) for _ in range(count)] for split, count in COUNTS.items()}
