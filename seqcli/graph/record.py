"""Functions on symbols: those of NumPy's namespace, and those of `ops`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from seqcli.graph import Value
from seqcli.graph.sizes import Dim, Size, broadcast
from seqcli.graph.symbol import INTEGERS, Symbol, Tape, node, nodes, rows

__all__ = ["Dim", "Operator", "Symbol", "Tape", "rows"]


class Operator(NamedTuple):
    """A recurrence with an ONNX operator: LSTM, GRU or RNN."""

    op: str
    gates: tuple[int, ...]  # for each gate in ONNX's order, its index among the cell's gates
    attributes: Mapping[str, Any] = MappingProxyType({})


def tanh(x: Symbol) -> Symbol:
    """Return the hyperbolic tangent."""
    return x.apply("Tanh")


def exp(x: Symbol) -> Symbol:
    """Return e to the power of x."""
    return x.apply("Exp")


def log(x: Symbol) -> Symbol:
    """Return the natural logarithm."""
    return x.apply("Log")


def sin(x: Symbol) -> Symbol:
    """Return the sine."""
    return x.apply("Sin")


def sqrt(x: Symbol) -> Symbol:
    """Return the square root."""
    return x.apply("Sqrt")


def softplus(x: Symbol) -> Symbol:
    """Return log(1 + exp(x))."""
    return x.apply("Softplus")


def expm1(x: Symbol) -> Symbol:
    """Return exp(x) - 1, accurate near 0, as tanh(x / 2) (exp(x) + 1)."""
    return tanh(x * 0.5) * (exp(x) + 1)


def maximum(x: Symbol, y: Symbol) -> Symbol:
    """Return the larger of two, element by element."""
    return node("Max", [x, y], x.dtype, broadcast(x.shape, y.shape))


def where(condition: Symbol, x: Any, y: Any) -> Symbol:
    """Return x where the condition holds, else y."""
    like = x if isinstance(x, Symbol) else y
    x, y = (a if isinstance(a, Symbol) else like.constant(a) for a in (x, y))
    return node("Where", [condition, x, y], x.dtype, broadcast(condition.shape, x.shape, y.shape))


def stack(parts: Sequence[Symbol]) -> Symbol:
    """Join along a new first axis."""
    return concat([x.unsqueeze(0) for x in parts], axis=0)


def concat(parts: Sequence[Symbol], axis: int = -1) -> Symbol:
    """Join along an axis."""
    first = parts[0]
    axis %= first.ndim
    size: Any = parts[0].shape[axis]
    for x in parts[1:]:
        size = size + x.shape[axis]
    shape = (*first.shape[:axis], size, *first.shape[axis + 1 :])
    return node("Concat", parts, first.dtype, shape, axis=axis) if len(parts) > 1 else first


def linear(x: Symbol, weight: Symbol, bias: Symbol | None) -> Symbol:
    """Return x W^T + b."""
    y = x @ weight.T
    return y if bias is None else y + bias


def arange(size: Size, like: Symbol) -> Symbol:
    """Return the integers 0 .. size - 1, (size,)."""
    if isinstance(size, int):
        return like.constant(np.arange(size), INTEGERS)
    zero, one = like.constant(0, INTEGERS), like.constant(1, INTEGERS)
    return node("Range", [zero, size.value, one], INTEGERS, (size,))


def reverse(x: Symbol, lengths: Symbol) -> Symbol:
    """Reverse each sequence of x (T, B, ...) within its length (B,)."""
    return node("ReverseSequence", [x, lengths], x.dtype, x.shape, time_axis=0, batch_axis=1)


def loop(step: Callable[..., tuple[Symbol, ...]], xs: Sequence[Symbol], state: Sequence[Symbol]) -> Any:
    """Record `ops.loop` as a Scan: the step is recorded once, as a graph inside the graph."""
    outer = max((x.tape for x in (*xs, *state)), key=lambda tape: tape.depth)
    inner = Tape(outer)

    def inside(name: str, x: Symbol, shape: Sequence[Size]) -> Symbol:
        named = Symbol(inner, inner.name(name), x.dtype, ())
        named.shape = tuple(shape)
        inner.graph.inputs.append(Value(named.name, x.dtype, _sizes(shape)))
        return named

    own = tuple(inside("carried", s, s.shape) for s in state)
    new = tuple(step(*(inside("row", x, x.shape[1:]) for x in xs), own))
    for given in (*new, new[0]):
        inner.output("given", given)
    made = [(s.dtype, s.shape) for s in state] + [(new[0].dtype, (xs[0].shape[0], *new[0].shape))]
    found = nodes("Scan", [*state, *xs], made, body=inner.graph, num_scan_inputs=len(xs))
    return found[-1], tuple(found[:-1])


def _sizes(shape: Sequence[Size]) -> tuple[int | str, ...]:
    return tuple(s if isinstance(s, int) else s.name for s in shape)


def recurrence(
    operator: Operator, x: Symbol, state: Sequence[Symbol], weights: Sequence[Symbol]
) -> tuple[Symbol, tuple[Symbol, ...]]:
    """Record all steps as one operator: from x (T, B, I), the state's arrays (B, H), and weight_ih, weight_hh,
    bias_ih, bias_hh return (T, B, H) and the last state."""

    def ordered(array: Symbol) -> Symbol:
        parts = array.chunk(len(operator.gates), 0) if len(operator.gates) > 1 else [array]
        return concat([parts[place] for place in operator.gates], axis=0)

    w, r, *biases = map(ordered, weights)
    T, H = x.shape[0], state[0].shape[1]
    bias = concat(biases, axis=0).unsqueeze(0)
    starts = [s.unsqueeze(0) for s in state]
    made = [(x.dtype, (T, 1, *state[0].shape)), *((x.dtype, s.shape) for s in starts)]
    given = [x, w.unsqueeze(0), r.unsqueeze(0), bias, None, *starts]
    y, *ends = nodes(operator.op, given, made, hidden_size=H, **operator.attributes)
    return y.squeeze(1), tuple(end.squeeze(0) for end in ends)
