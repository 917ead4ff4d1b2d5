"""Sequences whose answers depend on symbols long before: ten tasks with known answers, made from a seed.

20,000 sequences to train on and 500 to validate have 3 to 40 symbols, every length equally often; 1,000 to test have
40, 64, 128 and 256. Short ones may occur in several splits; the question is whether a model finds a rule that holds
for longer ones. An answer is a label for each symbol (tagging), a label (classification), or a text (sequence to
sequence).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import permutations

from seqcli.errors import UsageError, did_you_mean

COUNTS = {"test": 1_000, "valid": 500, "train": 20_000}
TRAINED, TESTED = (3, 40), (40, 64, 128, 256)  # symbols
LETTERS, KEYS, DEEPEST = "abcdefgh", 64, 8

Made = tuple[list[str], list[str]]  # symbols, and their answer: a label for each, one label, or symbols


class Draw(random.Random):
    """A source of numbers that are the same on every Python, as only `random()` is guaranteed to be."""

    def below(self, n: int) -> int:
        return int(self.random() * n)


def copy(draw: Draw, length: int) -> Made:
    """Return letters, and the same letters as the answer."""
    letters = [LETTERS[draw.below(8)] for _ in range(length)]
    return letters, letters


def adding(draw: Draw, length: int) -> Made:
    """Return digits, one marked in each half, and the sum of the marked ones, 0 to 18 (Hochreiter & Schmidhuber 1997,
    there with real numbers)."""
    digits, half = [draw.below(10) for _ in range(length)], length // 2
    marked = draw.below(half), half + draw.below(length - half)
    return [f"{d}*" if t in marked else f"{d}" for t, d in enumerate(digits)], [str(sum(digits[t] for t in marked))]


def recall(draw: Draw, length: int) -> Made:
    """Return a letter, a long run of nothing, a question, and the letter as the answer."""
    letter = LETTERS[draw.below(8)]
    return [letter, *"." * (length - 2), "?"], [letter]


def first(draw: Draw, length: int) -> Made:
    """Return letters, and the first of them as the answer."""
    letters, _ = copy(draw, length)
    return letters, letters[:1]


def dyck(draw: Draw, length: int) -> Made:
    """Return brackets of two kinds, at most 8 deep, and for each the one that may close next; `-` if none is open."""
    symbols, labels, open_ = [], [], []
    for _ in range(length):
        if not open_ or (len(open_) < DEEPEST and draw.below(2)):
            kind = draw.below(2)
            symbols.append("([<"[kind])
            open_.append(")]>"[kind])
        else:
            symbols.append(open_.pop())
        labels.append(open_[-1] if open_ else "-")
    return symbols, labels


def parity(draw: Draw, length: int) -> Made:
    """Return bits, and for each whether the number of ones so far is odd or even."""
    bits, ones, labels = [draw.below(2) for _ in range(length)], 0, []
    for bit in bits:
        ones += bit
        labels.append("odd" if ones % 2 else "even")
    return [str(bit) for bit in bits], labels


def modular(draw: Draw, length: int) -> Made:
    """Return operations from left to right, `+3 *2 -4`, and for each the value modulo 5, starting at 0."""
    symbols, labels, value = [], [], 0
    for _ in range(length):
        sign, number = "+-*"[draw.below(3)], 1 + draw.below(4)
        value = (value * number if sign == "*" else value + (number if sign == "+" else -number)) % 5
        symbols.append(f"{sign}{number}")
        labels.append(str(value))
    return symbols, labels


def _group(size: int) -> Callable[[Draw, int], Made]:
    elements = list(permutations(range(size)))
    names = {element: "".join(str(i + 1) for i in element) for element in elements}

    def made(draw: Draw, length: int) -> Made:
        """Return permutations of a few things, and for each the product of all so far (Merrill et al. 2024)."""
        symbols, labels, product = [], [], tuple(range(size))
        for _ in range(length):
            element = elements[draw.below(len(elements))]
            product = tuple([product[i] for i in element])
            symbols.append(names[element])
            labels.append(names[product])
        return symbols, labels

    return made


def associative(draw: Draw, length: int) -> Made:
    """Return keys with their values (a quarter as many pairs as the length), then keys, and for these their values,
    else `-` (multi-query associative recall: Arora et al. 2024)."""
    keys = [f"k{i}" for _, i in sorted((draw.random(), i) for i in range(KEYS))][: max(length // 4, 1)]
    values = [str(draw.below(8)) for _ in keys]
    asked = [draw.below(len(keys)) for _ in range(length - 2 * len(keys))]
    symbols = [s for pair in zip(keys, values, strict=True) for s in pair]
    return symbols + [keys[i] for i in asked], ["-"] * len(symbols) + [values[i] for i in asked]


CLASSES: dict[str, Callable[[Draw, int], Made]] = {"adding": adding, "recall": recall, "first": first}
TAGS: dict[str, Callable[[Draw, int], Made]] = {
    "dyck": dyck, "parity": parity, "modular": modular, "s3": _group(3), "s5": _group(5), "associative": associative
}  # fmt: skip
TASKS = {"copy": copy, **CLASSES, **TAGS}


def made(name: str, lengths: Iterator[int] | list[int], seed: int) -> list[Made]:
    """Return a sequence of each length, with its answer. Raises UsageError for an unknown task."""
    if name not in TASKS:
        raise UsageError(f"no lag task is named {name!r}", hint=did_you_mean(name, TASKS))
    draw = Draw(seed)
    return [TASKS[name](draw, length) for length in lengths]


def written(name: str, record: Made) -> tuple[str, ...]:
    """Return the columns of a record in a file: symbols with their labels, or the symbols and their answer."""
    symbols, answer = record
    if name in TAGS:
        return (" ".join(f"{s}/{a}" for s, a in zip(symbols, answer, strict=True)),)
    return " ".join(symbols), " ".join(answer)


def splits(set_name: str, seed: int = 1) -> dict[str, list[tuple[str, ...]]]:
    """Return the columns of each record of a data set `lag-NAME`, by split."""
    name, (least, most) = set_name.removeprefix("lag-"), TRAINED
    found = {}
    for offset, (split, count) in enumerate(COUNTS.items()):
        wide = most - least + 1
        lengths = [TESTED[i % 4] if split == "test" else least + i % wide for i in range(count)]
        found[split] = [written(name, record) for record in made(name, lengths, 1_000 * seed + offset)]
    return found
