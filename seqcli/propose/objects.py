"""Look at JSON lines: return their keys as columns, and find those that hold words with tags."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from seqcli.propose.columns import Column
from seqcli.streams import Chunk

MANY = 16  # lists of so many integers on average are series; shorter ones may be labels


def records_of(chunks: Sequence[Chunk]) -> list[dict[str, Any]]:
    """Return the objects of whole lines. Other lines are skipped; the reader reports what is wrong with them."""
    found = []
    for line in "".join(chunk.text for chunk in chunks).split("\n"):
        try:
            record = json.loads(line) if line.strip() else None
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            found.append(record)
    return found


def keys(records: Sequence[dict[str, Any]], array: str | None = None) -> list[Column]:
    """Return as columns the keys of objects whose values are texts, numbers, or lists of those; the values of the key
    `array` may be arrays of numbers, which then take the place of texts."""
    found = []
    for number, name in enumerate(dict.fromkeys(k for r in records for k in r), 1):
        values = [r[name] for r in records if r.get(name) is not None]
        if not name or not values:
            continue
        if array in (name, str(number)) and are_arrays(values):
            found.append(Column(number, name, [_text(v) for v in values]))
        elif all(isinstance(v, list) and all(_is_scalar(m) for m in v) for v in values):
            parts = [[_text(m) for m in v] for v in values]
            found.append(Column(number, name, [" ".join(p) for p in parts], parts))
        elif all(_is_scalar(v) for v in values):
            found.append(Column(number, name, [_text(v) for v in values]))
    return found


def are_arrays(values: Sequence[Any]) -> bool:
    """Whether values are arrays of numbers instead of labels: rows of numbers, fractions, or many integers."""
    arrays = [v for v in values if isinstance(v, list) and v]
    if not arrays or len(arrays) < len(values):
        return False
    if all(isinstance(row, list) for v in arrays for row in v):
        return all(row and all(map(_is_number, row)) for v in arrays for row in v)
    if not all(_is_number(m) for v in arrays for m in v):
        return False
    return any(isinstance(m, float) for v in arrays for m in v) or sum(map(len, arrays)) >= MANY * len(arrays)


def tokens_and_tags(records: Iterable[dict[str, Any]]) -> tuple[str, str] | None:
    """Return the keys of a list of words and of an equally long list of tags with few distinct values; None if there
    are none."""
    lists: dict[str, list[list[Any]]] = {}
    number = 0
    for record in records:
        number += 1
        for name, value in record.items():
            if isinstance(value, list) and value and all(isinstance(m, str | int) for m in value):
                lists.setdefault(name, []).append(value)
    whole = {name: v for name, v in lists.items() if len(v) * 2 > number}
    distinct = {name: len({m for own in v for m in own}) for name, v in whole.items()}
    words = [n for n, v in whole.items() if all(isinstance(m, str) for own in v for m in own)]
    words.sort(key=lambda n: (n not in ("tokens", "words"), -distinct[n]))
    for word in words[:1]:
        same = [n for n, v in whole.items() if n != word and list(map(len, v)) == list(map(len, whole[word]))]
        same.sort(key=lambda n: ("tag" not in n.casefold() and "label" not in n.casefold(), distinct[n]))
        if same:
            return word, same[0]
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
