"""Sizes of symbols: numbers, and `Dim`s, which are known only when a graph is run."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any


class Dim:
    """A size that is known only when the graph is run."""

    def __init__(self, name: str, value: Callable[[], Any]):
        self.name, self._make, self._made = name, value, None

    @property
    def value(self) -> Any:
        """The size as a value of the graph: an integer, shape ()."""
        if self._made is None:
            self._made = self._make()
        return self._made

    def _with(self, sign: str, other: Any, then: Callable[[Any, Any], Any]) -> Dim:
        name = f"{self.name}{sign}{other.name if isinstance(other, Dim) else other}"
        return Dim(name, lambda: then(self.value, other.value if isinstance(other, Dim) else other))

    def __mul__(self, other: Any) -> Any:
        return self if other == 1 else self._with("*", other, lambda a, b: a * b)

    def __add__(self, other: Any) -> Any:
        return self._with("+", other, lambda a, b: a + b)

    def __floordiv__(self, other: Any) -> Any:
        return self._with("/", other, lambda a, b: a / b)  # ONNX's Div of integers

    __rmul__, __radd__ = __mul__, __add__


Size = int | Dim


def same(a: Size, b: Size) -> bool:
    """Whether two sizes are known to be equal."""
    return a is b or (isinstance(a, Dim) and isinstance(b, Dim) and a.name == b.name)


def left(have: Sequence[Size], known: Sequence[Size]) -> Size | None:
    """Return the product of the shape `have` divided by that of `known`; None if that is not a single size."""
    dims = [s for s in have if isinstance(s, Dim)]
    for s in (s for s in known if isinstance(s, Dim)):
        found = next((d for d in dims if same(d, s)), None)
        if found is None:
            return None
        dims.remove(found)
    numbers = math.prod(s for s in have if isinstance(s, int)), math.prod(s for s in known if isinstance(s, int))
    if numbers[1] == 0 or numbers[0] % numbers[1] or len(dims) > 1:
        return None
    ratio = numbers[0] // numbers[1]
    return ratio if not dims else dims[0] * ratio


def broadcast(*shapes: Sequence[Size]) -> tuple[Size, ...]:
    """Return the shape of several arrays combined element by element."""
    wide = max(map(len, shapes))
    found: list[Size] = []
    for sizes in zip(*([1] * (wide - len(s)) + list(s) for s in shapes), strict=True):
        more = [s for s in sizes if isinstance(s, Dim) or s != 1]
        found.append(next((s for s in more if isinstance(s, int)), more[0]) if more else 1)
    return tuple(found)
