"""Map Python's operators to operators of a graph."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np

BOOLEANS = np.dtype(bool)


class Arithmetic(ABC):
    """The base of values with Python's unary and binary operators."""

    __hash__ = None  # type: ignore[assignment]

    @abstractmethod
    def binary(self, op: str, other: Any, dtype: np.dtype | None = None, *, turned: bool = False) -> Any:
        """Apply a binary operator to itself and `other`, or, `turned`, to `other` and itself."""

    @abstractmethod
    def apply(self, op: str) -> Any:
        """Apply a unary operator."""

    def __add__(self, other: Any) -> Self:
        return self.binary("Add", other)

    def __sub__(self, other: Any) -> Self:
        return self.binary("Sub", other)

    def __rsub__(self, other: Any) -> Self:
        return self.binary("Sub", other, turned=True)

    def __mul__(self, other: Any) -> Self:
        return self.binary("Mul", other)

    def __truediv__(self, other: Any) -> Self:
        return self.binary("Div", other)

    def __rtruediv__(self, other: Any) -> Self:
        return self.binary("Div", other, turned=True)

    def __floordiv__(self, other: Any) -> Self:
        return self.binary("Div", other)  # of integers from 0 on

    def __lt__(self, other: Any) -> Self:
        return self.binary("Less", other, BOOLEANS)

    def __le__(self, other: Any) -> Self:
        return self.binary("LessOrEqual", other, BOOLEANS)

    def __gt__(self, other: Any) -> Self:
        return self.binary("Greater", other, BOOLEANS)

    def __ge__(self, other: Any) -> Self:
        return self.binary("GreaterOrEqual", other, BOOLEANS)

    def __eq__(self, other: Any) -> Self:  # type: ignore[override]
        return self.binary("Equal", other, BOOLEANS)

    def __and__(self, other: Any) -> Self:
        return self.binary("And", other)

    def __or__(self, other: Any) -> Self:
        return self.binary("Or", other)

    def __invert__(self) -> Self:
        return self.apply("Not")

    def __neg__(self) -> Self:
        return self.apply("Neg")

    __radd__, __rmul__ = __add__, __mul__
