"""Find two texts beside a label: their columns or keys, and the `model.pair` that suits them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from seqcli.columns import TEXT_PAIRS
from seqcli.propose.columns import Column, given

ALIKE = 2  # texts are compared if neither is more than so many times as long as the other


class Couple(NamedTuple):
    """Two texts, the question first, the `model.pair` that reads them, and why these two."""

    first: Column
    second: Column
    pair: str
    why: str


def said(text: str | None, columns: Sequence[Column]) -> tuple[str | None, str | None]:
    """Return the columns that `--text` names: one, or two separated by a comma."""
    if text is None or "," not in text or any(c.name == text for c in columns):
        return text, None
    first, _, second = text.partition(",")
    return first, second


def couple(first: Column, second: str | None, label: Column, columns: Sequence[Column]) -> Couple | None:
    """Return the two texts: `first` and the given `second`, else two whose names belong together; None for one
    text."""
    if second is not None:
        other = given(second, columns)
        names, lengths = (_name(first), _name(other)), sorted((first.length, other.length))
        known = TEXT_PAIRS.get(names) or TEXT_PAIRS.get((names[1], names[0]))
        pair = known or ("compare" if lengths[1] <= ALIKE * lengths[0] else "attend")
        return Couple(first, other, pair, "by --text")
    by_name = {_name(c): c for c in columns if c is not label and c.parts is None}
    for (one, other), pair in TEXT_PAIRS.items():
        if one in by_name and other in by_name and first in (by_name[one], by_name[other]):
            return Couple(by_name[one], by_name[other], pair, "by their names")
    return None


def _name(column: Column) -> str:
    return (column.name or "").strip().casefold()
