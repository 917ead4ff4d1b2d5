"""Lag tasks: every answer is found again by another way, lengths and splits are as they are said to be."""

from __future__ import annotations

from collections import Counter

import pytest

from seqcli.datasets import lags
from seqcli.errors import UsageError

LENGTHS = [3, 4, 7, 40, 129, 256] * 5


def pairs(name: str) -> list[lags.Made]:
    found = lags.made(name, LENGTHS, 7)
    assert [len(symbols) for symbols, _ in found] == LENGTHS
    assert found == lags.made(name, LENGTHS, 7)
    assert found != lags.made(name, LENGTHS, 8)
    return found


def test_copy_first_and_recall() -> None:
    assert all(symbols == answer for symbols, answer in pairs("copy"))
    assert all([symbols[0]] == answer for symbols, answer in pairs("first"))
    for symbols, answer in pairs("recall"):
        assert symbols == [answer[0], *["."] * (len(symbols) - 2), "?"]


def test_adding() -> None:
    for symbols, answer in pairs("adding"):
        marked = [t for t, s in enumerate(symbols) if s.endswith("*")]
        assert len(marked) == 2
        assert marked[0] < len(symbols) // 2 <= marked[1]
        assert answer == [str(sum(int(symbols[t][0]) for t in marked))]


def test_parity_and_modular() -> None:
    for symbols, labels in pairs("parity"):
        assert labels == [("even", "odd")[symbols[: t + 1].count("1") % 2] for t in range(len(symbols))]
    for symbols, labels in pairs("modular"):
        value = 0
        for symbol, label in zip(symbols, labels, strict=True):
            value = eval(f"({value}){symbol}")  # left to right, without a modulus on the way
            assert str(value % 5) == label


@pytest.mark.parametrize(("name", "size", "elements"), [("s3", 3, 6), ("s5", 5, 120)])
def test_permutations(name: str, size: int, elements: int) -> None:
    import numpy as np

    seen = set()
    for symbols, labels in pairs(name):
        product = np.eye(size, dtype=int)
        for symbol, label in zip(symbols, labels, strict=True):
            seen.add(symbol)
            matrix = np.eye(size, dtype=int)[[int(c) - 1 for c in symbol]]
            product = matrix @ product
            assert label == "".join(str(row.argmax() + 1) for row in product)
    assert len(seen) > 0.9 * elements


def test_dyck() -> None:
    closes = {"(": ")", "[": "]", "<": ">"}
    depths: set[int] = set()
    for symbols, labels in pairs("dyck"):
        for t in range(len(symbols)):
            left = "".join(symbols[: t + 1])
            while any(pair in left for pair in ("()", "[]", "<>")):
                left = left.replace("()", "").replace("[]", "").replace("<>", "")
            assert labels[t] == (closes[left[-1]] if left else "-")
            depths.add(len(left))
    assert max(depths) == lags.DEEPEST


def test_associative() -> None:
    for symbols, labels in pairs("associative"):
        count = max(len(symbols) // 4, 1)
        known = dict(zip(symbols[: 2 * count : 2], symbols[1 : 2 * count : 2], strict=True))
        assert len(known) == count
        assert labels == ["-"] * 2 * count + [known[s] for s in symbols[2 * count :]]


@pytest.mark.parametrize("name", ["adding", "recall", "parity"])  # test_catalog.py compares the hash of each
def test_splits(name: str) -> None:
    found = lags.splits(f"lag-{name}")
    assert {split: len(rows) for split, rows in found.items()} == lags.COUNTS
    lengths = {split: Counter(len(row[0].split(" ")) for row in rows) for split, rows in found.items()}
    assert set(lengths["train"]) == set(range(3, 41))
    assert max(lengths["train"].values()) - min(lengths["train"].values()) <= 1
    assert lengths["test"] == dict.fromkeys(lags.TESTED, 250)
    assert not set(found["test"]) & set(found["train"]) or name == "recall"


def test_an_unknown_task_is_named() -> None:
    with pytest.raises(UsageError, match="no lag task is named 'partiy'"):
        lags.made("partiy", [3], 1)
