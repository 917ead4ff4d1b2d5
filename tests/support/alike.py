"""Answers that agree but for rounding: with some BLAS kernels a weight's row is rounded by its place among others."""

from __future__ import annotations

import dataclasses
import math
from typing import Any


def alike(one: Any, other: Any) -> bool:
    """Whether two values agree, numbers within 1e-5 of each other: answers, mappings, sequences of them."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-5, abs_tol=1e-5) or (math.isnan(one) and math.isnan(other))
    if dataclasses.is_dataclass(one) and type(one) is type(other):
        return all(alike(getattr(one, f.name), getattr(other, f.name)) for f in dataclasses.fields(one))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(value, other[key]) for key, value in one.items())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(alike, one, other))
    return bool(one == other)
