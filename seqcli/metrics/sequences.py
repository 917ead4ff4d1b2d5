"""Scores of generated sequences: exact matches, tokens right by position, edits (Levenshtein 1966).

Texts are compared by tokens, separated by white space, or by characters (code points; a run of white space between
words is one space, none at either end). If a record has several gold forms, an answer that equals any of them is
right, and any other is measured against the form with the fewest edits, then the longest, then the one with most
tokens right by position.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from operator import eq
from typing import ClassVar, Literal

import numpy as np

from seqcli.errors import UsageError, did_you_mean
from seqcli.metrics import BaseMetric, Offer

UNITS = ("token", "character")


@dataclass
class Metric(BaseMetric):
    """Counts over answers; `unit` is the unit of edits and positions. Raises UsageError for an unknown unit."""

    OFFERS: ClassVar = {
        "exact-match": Offer("share", True, "records whose text is a gold form, white space normalised"),
        "token-accuracy": Offer(
            "share",
            True,
            "positions of the reference with the right token in the answer; what it has beyond is not seen",
        ),
        "edit-distance": Offer(
            "edits", False, "mean number of edits of a record: tokens put in, left out or exchanged (Levenshtein)"
        ),
        "word-error-rate": Offer(
            "share",
            False,
            "records that are not right, 1 - exact-match: what grapheme-to-phoneme work calls so, where a record is "
            "one word; with several gold forms any counts",
        ),
        "phoneme-error-rate": Offer(
            "per reference token",
            False,
            "edits of all records over the tokens of all references (micro-averaged, may exceed 1): what speech "
            "recognition calls word error rate where tokens are words, and character error rate where characters",
        ),
    }

    unit: Literal["token", "character"] = "token"
    count: int = 0  # N, the number of records
    exact: int = 0  # records that are right
    edits: int = 0
    tokens: int = 0  # of the references
    right: int = 0  # positions of the references with the right token

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise UsageError(f"unknown unit {self.unit!r}", hint=did_you_mean(self.unit, UNITS))

    def update(self, predicted: str, gold: str | Sequence[str]) -> None:
        """Add a record: the answer, and its gold form or forms. Raises ValueError if there is no gold form."""
        exact, edits, tokens, right = self._counted(predicted, gold)
        self.count += 1
        self.exact += exact
        self.edits += edits
        self.tokens += tokens
        self.right += right

    def _counted(self, predicted: str, gold: str | Sequence[str]) -> tuple[int, int, int, int]:
        """Return whether an answer is right, its edits, the tokens of its reference, and those right by position."""
        forms = [self.split(form) for form in ([gold] if isinstance(gold, str) else gold)]
        if not forms:
            raise ValueError("a record without a gold form")
        answer = self.split(predicted)
        # negated to prefer longer forms and more right tokens; so the choice does not depend on the forms' order
        edits, tokens, right = min((distance(answer, f), -len(f), -sum(map(eq, answer, f))) for f in forms)
        return int(not edits), edits, -tokens, -right

    def contributions(self, name: str, predicted: Sequence[str], gold: Sequence[str | Sequence[str]]) -> np.ndarray:
        """Return what each record adds to the numerator and the denominator of a metric of OFFERS: (N, 2)."""
        rows = np.array([self._counted(p, g) for p, g in zip(predicted, gold, strict=True)], float).reshape(-1, 4)
        exact, edits, tokens, right = rows.T
        part = {"exact-match": exact, "token-accuracy": right, "word-error-rate": 1 - exact}.get(name, edits)
        per_token = name in ("token-accuracy", "phoneme-error-rate")
        return np.stack([part, tokens if per_token else np.ones(len(rows))], axis=1)

    def of_sums(self, name: str, sums: np.ndarray) -> np.ndarray:
        """Return a metric of OFFERS from sums (R, 2) of `contributions`: (R,), 0 if there is nothing to divide by."""
        return sums[:, 0] / np.maximum(sums[:, 1], 1e-300)

    def split(self, text: str) -> Sequence[str]:
        """Split a text into the tokens, or characters, that are compared."""
        words = text.split()
        return words if self.unit == "token" else " ".join(words)

    def result(self) -> dict[str, float]:
        """Return every metric of OFFERS that has something to divide by."""
        found = {
            "exact-match": (self.exact, self.count),
            "token-accuracy": (self.right, self.tokens),
            "edit-distance": (self.edits, self.count),
            "word-error-rate": (self.count - self.exact, self.count),
            "phoneme-error-rate": (self.edits, self.tokens),
        }
        return {name: part / whole for name, (part, whole) in found.items() if whole}


def distance(a: Sequence[Hashable], b: Sequence[Hashable]) -> int:
    """Return the least number of insertions, deletions and substitutions that turn one sequence into the other.

    A column of the distance table is two integers with a bit for each token of the shorter sequence: where the
    distance grows by one downwards, and where it falls (Myers 1999, as stated by Hyyrö 2003). O(n m / w), w the bits
    of a machine word.
    """
    a, b = _without_ends(*((a, b) if len(a) <= len(b) else (b, a)))
    if not a:
        return len(b)
    places: dict[Hashable, int] = {}  # for each token of a, a bit for each of its positions
    for i, token in enumerate(a):
        places[token] = places.get(token, 0) | 1 << i
    full, last, found = (1 << len(a)) - 1, 1 << len(a) - 1, len(a)
    grows, falls = full, 0  # downwards; the first column is 0, 1, 2 ...
    for token in b:
        equal = places.get(token, 0)
        # where a cell is the same as the one before it on the diagonal; the sum carries runs of equal cells down
        same = ((((equal & grows) + grows) ^ grows) | equal | falls) & full
        right_grows, right_falls = falls | full ^ (same | grows), same & grows
        found += 1 if right_grows & last else -1 if right_falls & last else 0
        right_grows, right_falls = right_grows << 1 | 1, right_falls << 1  # the row above the first grows by one
        grows, falls = (right_falls | ~(same | right_grows)) & full, right_grows & same
    return found


def _without_ends(a: Sequence[Hashable], b: Sequence[Hashable]) -> tuple[Sequence[Hashable], Sequence[Hashable]]:
    """Strip the common beginning and end from two sequences; a is not the longer one."""
    start, end = 0, len(a)
    while start < end and a[start] == b[start]:
        start += 1
    shift = len(b) - len(a)
    while end > start and a[end - 1] == b[end - 1 + shift]:
        end -= 1
    return a[start:end], b[start : end + shift]
