"""Find units that follow a property of a text, by correlation (Karpathy, Johnson & Fei-Fei 2016, 4.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np


class Followed(NamedTuple):
    """A property of a text, the unit whose output follows it best, their correlation, the unit's outputs (T,)."""

    what: str
    layer: int
    unit: int
    correlation: float
    values: np.ndarray


def _since(text: str, begins: Callable[[str], bool]) -> list[int]:
    """Return, for each character, the number of characters since the last one for which `begins` holds."""
    found, count = [], 0
    for c in text:
        count = 0 if begins(c) else count + 1
        found.append(count)
    return found


def _quotes(text: str) -> list[int]:
    """Return 1 for characters inside straight or curly double quotes, else 0; a blank line closes quotes."""
    found, inside = [], False
    for i, c in enumerate(text):
        inside = c == "“" or (not inside if c == '"' else inside and c != "”")
        inside = inside and not text.startswith("\n\n", i)
        found.append(int(inside))
    return found


def _brackets(text: str) -> list[int]:
    """Return how many brackets are open at each character; a blank line closes all."""
    found, depth = [], 0
    for i, c in enumerate(text):
        depth = max(depth + (c in "([{") - (c in ")]}"), 0) if not text.startswith("\n\n", i) else 0
        found.append(depth)
    return found


def _indentation(text: str) -> list[int]:
    found, width, leading = [], 0, True
    for c in text:
        if c == "\n":
            width, leading = 0, True
        elif leading:
            leading = c in " \t"
            width += leading
        found.append(width)
    return found


PROPERTIES: dict[str, Callable[[str], Sequence[float]]] = {
    "inside quotes": _quotes,
    "open brackets": _brackets,
    "place in the line": lambda text: _since(text, lambda c: c == "\n"),
    "indentation": _indentation,
    "place in the word": lambda text: _since(text, lambda c: not c.isalnum()),
    "place in the sentence": lambda text: _since(text, lambda c: c in ".!?\n"),
    "after white space": lambda text: [c.isspace() for c in text],
    "upper case": lambda text: [c.isupper() for c in text],
    "digit": lambda text: [c.isdigit() for c in text],
}


def follow(text: str, ends: Sequence[int], states: Sequence[np.ndarray]) -> list[Followed]:
    """Return the best unit for each property of the text, the strongest correlation first. `ends` are the ends of the
    T tokens in the text; `states` are (T, H), one array a layer."""
    at = np.maximum(np.array(ends), 1) - 1
    centred = [s - s.mean(axis=0) for s in (np.asarray(s, np.float64) for s in states)]
    lengths = [np.linalg.norm(s, axis=0) for s in centred]
    found = []
    for what, of in PROPERTIES.items():
        values = np.array(of(text), np.float64)[at]
        values -= values.mean()
        if not (size := np.linalg.norm(values)):
            continue
        best: Followed | None = None
        for layer, (own, length) in enumerate(zip(centred, lengths, strict=True)):
            r = values @ own / (size * np.where(length > 0, length, np.inf))
            unit = int(np.abs(r).argmax())
            if best is None or abs(r[unit]) > abs(best.correlation):
                best = Followed(what, layer + 1, unit, float(r[unit]), np.asarray(states[layer])[:, unit])
        if best is not None:
            found.append(best)
    return sorted(found, key=lambda f: -abs(f.correlation))
