"""Recognise inflection tables: a lemma, its form, and features separated by `;`, as in UniMorph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from seqcli.propose.columns import Column, is_number

MARK = ";"
MARKED = 0.5  # least share of cells with several features
SEEN = 5  # how often a feature occurs on average, at least
ALIKE = 0.5  # least average share of letters that form and lemma have in common
LONGEST = 60  # the most characters of a lemma on average
LOOKED_AT = 1000  # rows that are examined


def recognise(every: Sequence[Column]) -> tuple[Column, Column, Column] | None:
    """Return the columns of lemmas, forms and features; None if there are no three such columns."""
    if len(every) != 3:
        return None
    features = [c for c in every if _are_features(c.values)]
    if len(features) != 1:
        return None
    lemma, form = (c for c in every if c is not features[0])
    if any(is_number(c) or c.length > LONGEST for c in (lemma, form)):
        return None
    shares = [_share(a, b) for a, b in zip(lemma.values[:LOOKED_AT], form.values, strict=False)]
    return (lemma, form, features[0]) if sum(shares) >= ALIKE * len(shares) else None


def _are_features(values: Sequence[str]) -> bool:
    """Whether cells are lists of a few words that repeat."""
    filled = [v for v in values if v.strip()]
    if not filled or any(" " in v for v in filled) or sum(MARK in v for v in filled) < MARKED * len(filled):
        return False
    counts = Counter(word for v in filled for word in v.split(MARK))
    return len(counts) * SEEN <= counts.total()


def _share(a: str, b: str) -> float:
    """Return the share of letters that two texts have in common, relative to the longer one."""
    return (Counter(a) & Counter(b)).total() / max(len(a), len(b), 1)
