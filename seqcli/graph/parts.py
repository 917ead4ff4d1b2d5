"""A model as one graph or several: functions of its arrays and inputs, given as symbols or as NumPy arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from seqcli.graph import Graph, pruned
from seqcli.graph.record import Tape

Named = dict[str, Any]  # NumPy arrays or symbols by name


class Input(NamedTuple):
    """An input: its type, its shape, and for integers their range, `least` to `beyond` (exclusive)."""

    dtype: Any
    shape: tuple[int | str, ...]
    least: int = 0
    beyond: int | str = 2  # a number, or the name of a size, which is itself allowed


@dataclass(frozen=True)
class Part:
    """A graph before it is recorded: `forward(model, inputs)` returns outputs by name."""

    inputs: Mapping[str, Input]
    forward: Callable[[Any, Named], Named]
    longest: int | None = None  # the most steps that it takes


class Running:
    """The base of a model that is run as graphs: what it does not define is the model's own."""

    def __init__(self, model: Any, run: Mapping[str, Any]):
        self.model, self.run = model, run  # functions from inputs to outputs, by the names of parts

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)


def record(part: Part, model: Any, arrays: Mapping[str, np.ndarray], put: Callable[[Any, Named], Any]) -> Graph:
    """Record the graph of a part; `put(model, symbols)` returns the model with symbols in place of its arrays."""
    tape = Tape()
    own = put(model, {name: tape.weight(name, a) for name, a in arrays.items()})
    given = {name: tape.input(name, i.dtype, i.shape) for name, i in part.inputs.items()}
    made = part.forward(own, given)
    for name, symbol in made.items():
        tape.output(name, symbol)
    values = [value.name for value in (*tape.graph.inputs, *tape.graph.outputs)]
    assert values == [*part.inputs, *made], "a weight has the name of an input or output"
    return pruned(tape.graph)


def sample(part: Part, sizes: Mapping[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw random inputs: floats are normal; the first number of each integer input is the greatest allowed."""
    found = {}
    for name, own in part.inputs.items():
        shape = tuple(sizes.get(s, 1) if isinstance(s, str) else s for s in own.shape)
        if np.dtype(own.dtype).kind == "f":
            found[name] = rng.standard_normal(shape).astype(own.dtype)
        else:
            beyond = sizes[own.beyond] + 1 if isinstance(own.beyond, str) else own.beyond
            drawn = rng.integers(own.least, beyond, shape)
            drawn.reshape(-1)[:1] = beyond - 1
            found[name] = drawn.astype(own.dtype)
    return found


def flat(nested: Any) -> list[Any]:
    """Return the arrays of nested tuples, in order."""
    if isinstance(nested, tuple):
        return [array for part in nested for array in flat(part)]
    return [nested]


def nested(like: Any, arrays: Sequence[Any]) -> Any:
    """Nest arrays like `like`."""
    rest = iter(arrays)

    def build(like: Any, rest: Iterator[Any]) -> Any:
        return tuple(build(part, rest) for part in like) if isinstance(like, tuple) else next(rest)

    return build(like, rest)


def numbered(name: str, arrays: Sequence[Any]) -> Named:
    """Name arrays NAME.0, NAME.1 …"""
    return {f"{name}.{i}": array for i, array in enumerate(arrays)}
