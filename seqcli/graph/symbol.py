"""Symbols: placeholders for arrays; operations on them are recorded as nodes of a graph.

A symbol has the methods of torch tensors that equations use, so that `ops` can call them without knowing it. Sizes
that are known only when the graph is run are `Dim`s: they are compared, multiplied and put into shapes, never read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from seqcli.graph import Graph, Node, Value
from seqcli.graph.arithmetic import BOOLEANS, Arithmetic
from seqcli.graph.sizes import Dim, Size, broadcast, left, same

INTEGERS = np.dtype(np.int64)
SMALL = 64  # bytes: equal constants up to this size are stored once


class Tape:
    """A graph that is being recorded; `outer` is the one around it."""

    def __init__(self, outer: Tape | None = None):
        self.graph, self.outer, self.names = Graph(), outer, ({} if outer is None else outer.names)
        self.depth: int = 0 if outer is None else outer.depth + 1
        self._constants: dict[tuple[Any, ...], Symbol] = {}

    @property
    def root(self) -> Tape:
        """The outermost tape, which holds all constants."""
        return self if self.outer is None else self.outer.root

    def name(self, wanted: str) -> str:
        """Return a name that no other value has."""
        count = self.names[wanted] = self.names.get(wanted, 0) + 1
        return wanted if count == 1 else self.name(f"{wanted}.{count}")

    def input(self, name: str, dtype: Any, shape: Sequence[int | str]) -> Symbol:
        """Add an input; sizes that are names become `Dim`s."""
        value = Value(self.name(name), np.dtype(dtype), tuple(shape))
        self.graph.inputs.append(value)
        return Symbol(self, value.name, value.dtype, value.shape)

    def output(self, name: str, symbol: Symbol) -> None:
        """Add an output with a name."""
        named = Node("Identity", (symbol.name,), (self.name(name),))
        self.graph.nodes.append(named)
        shape = tuple(s if isinstance(s, int) else s.name for s in symbol.shape)
        self.graph.outputs.append(Value(named.outputs[0], symbol.dtype, shape))

    def weight(self, name: str, array: np.ndarray) -> Symbol:
        """Add an array with a name."""
        root = self.root
        made = root.name(name)
        root.graph.initializers[made] = array
        return Symbol(root, made, array.dtype, array.shape)

    def constant(self, array: Any, dtype: Any = None) -> Symbol:
        """Return a constant; small equal arrays, and the same array again, are stored once."""
        array, root = np.asarray(array, dtype), self.root
        key = (array.dtype.str, array.shape, array.tobytes() if array.nbytes <= SMALL else id(array))
        if key not in root._constants:
            root._constants[key] = self.weight("constant", array)
        return root._constants[key]


class Symbol(Arithmetic):
    """A value of a graph that is being recorded."""

    __array_ufunc__ = None  # NumPy arrays leave their operators with a symbol to it

    def __init__(self, tape: Tape, name: str, dtype: np.dtype, shape: Sequence[int | str | Dim]):
        self.tape, self.name, self.dtype = tape, name, dtype
        self.shape: tuple[Size, ...] = tuple(
            Dim(s, lambda axis=axis: self._size(axis)) if isinstance(s, str) else s for axis, s in enumerate(shape)
        )

    def __len__(self) -> int:
        if isinstance(self.shape[0], Dim):
            raise TypeError(f"the size {self.shape[0].name} is not known before the graph is run: use x.shape[0]")
        return self.shape[0]

    def __iter__(self) -> Iterator[Symbol]:
        return (self[i] for i in range(len(self)))

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def _size(self, axis: int) -> Symbol:
        shape = node("Shape", [self], INTEGERS, (self.ndim,))
        return node("Gather", [shape, shape.constant(axis, INTEGERS)], INTEGERS, (), axis=0)

    def constant(self, array: Any, dtype: Any = None) -> Symbol:
        """Return numbers as a value of the graph, by default of this symbol's type."""
        return self.tape.constant(array, self.dtype if dtype is None else dtype)

    def _axis(self, axis: int) -> int:
        return axis % self.ndim

    # elementwise

    def binary(self, op: str, other: Any, dtype: np.dtype | None = None, *, turned: bool = False) -> Any:
        """Record a binary operator of itself and `other`, or, `turned`, of `other` and itself."""
        other = other.value if isinstance(other, Dim) else other
        pair = [self, other if isinstance(other, Symbol) else self.constant(other)]
        if pair[1].dtype != self.dtype:  # floats with booleans, or with sizes
            wider = next((x.dtype for x in pair if x.dtype.kind == "f"), INTEGERS)
            pair = [x.to(wider) for x in pair]
        elif self.dtype == BOOLEANS and op in ("Add", "Mul", "Sub"):
            pair = [x.to(INTEGERS) for x in pair]
        shape = broadcast(*(x.shape for x in pair))
        return node(op, pair[::-1] if turned else pair, dtype or pair[0].dtype, shape)

    def apply(self, op: str, **attributes: Any) -> Any:
        """Record a unary operator that changes neither type nor shape."""
        return node(op, [self], self.dtype, self.shape, **attributes)

    def sigmoid(self) -> Symbol:
        return self.apply("Sigmoid")

    def relu(self) -> Symbol:
        return self.apply("Relu")

    def to(self, dtype: Any) -> Symbol:
        dtype = np.dtype(dtype)
        return self if dtype == self.dtype else node("Cast", [self], dtype, self.shape, to=dtype.name)

    def masked_fill(self, mask: Symbol, value: float) -> Symbol:
        low = self.constant(value)
        return node("Where", [mask, low, self], self.dtype, broadcast(mask.shape, self.shape))

    # along an axis

    def softmax(self, axis: int) -> Symbol:
        return self.apply("Softmax", axis=axis)

    def log_softmax(self, axis: int) -> Symbol:
        return self.apply("LogSoftmax", axis=axis)

    def _reduced(self, op: str, axis: int, keepdims: bool) -> Symbol:
        axis = self._axis(axis)
        kept = (1,) if keepdims else ()
        shape = (*self.shape[:axis], *kept, *self.shape[axis + 1 :])
        return node(op, [self, self.constant([axis], INTEGERS)], self.dtype, shape, keepdims=int(keepdims))

    def sum(self, axis: int, keepdims: bool = False) -> Symbol:
        whole = self.to(INTEGERS) if self.dtype == BOOLEANS else self
        return whole._reduced("ReduceSum", axis, keepdims)

    def mean(self, axis: int, keepdims: bool = False) -> Symbol:
        return self._reduced("ReduceMean", axis, keepdims)

    def amax(self, axis: int) -> Symbol:
        return self._reduced("ReduceMax", axis, False)

    def any(self, axis: int, keepdim: bool = False) -> Symbol:
        return self.to(INTEGERS)._reduced("ReduceMax", axis, keepdim) > 0

    def argmax(self, axis: int) -> Symbol:
        axis = self._axis(axis)
        shape = (*self.shape[:axis], *self.shape[axis + 1 :])
        return node("ArgMax", [self], INTEGERS, shape, axis=axis, keepdims=0)

    def gather(self, axis: int, index: Symbol) -> Symbol:
        return node("GatherElements", [self, index], self.dtype, index.shape, axis=self._axis(axis))

    def flip(self, axis: int) -> Symbol:
        return self._slice(axis, -1, -(1 << 62), -1, self.shape[axis])

    def chunk(self, parts: int, axis: int) -> list[Symbol]:
        axis = self._axis(axis)
        size = self.shape[axis]
        assert isinstance(size, int)
        assert size % parts == 0
        shape = (*self.shape[:axis], size // parts, *self.shape[axis + 1 :])
        given = [self, self.constant([size // parts] * parts, INTEGERS)]
        return nodes("Split", given, [(self.dtype, shape)] * parts, axis=axis)

    # products

    def __matmul__(self, other: Symbol) -> Symbol:
        shape = (*broadcast(self.shape[:-2], other.shape[:-2]), self.shape[-2], other.shape[-1])
        return node("MatMul", [self, other], self.dtype, shape)

    # shapes

    def transpose(self, *axes: int) -> Symbol:
        return node("Transpose", [self], self.dtype, [self.shape[a] for a in axes], perm=list(axes))

    def swapaxes(self, a: int, b: int) -> Symbol:
        axes = list(range(self.ndim))
        a, b = self._axis(a), self._axis(b)
        axes[a], axes[b] = b, a
        return self.transpose(*axes)

    @property
    def T(self) -> Symbol:
        return self.transpose(*reversed(range(self.ndim)))

    @property
    def mT(self) -> Symbol:
        return self.swapaxes(-1, -2)

    def new_zeros(self, shape: Sequence[Size]) -> Symbol:
        return expand(self.constant(0), shape)

    def reshape(self, *shape: Any) -> Symbol:
        wanted: tuple[Size, ...] = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], tuple) else shape
        sizes: list[Size] = [
            0 if isinstance(s, Dim) and i < self.ndim and same(s, self.shape[i]) else s for i, s in enumerate(wanted)
        ]
        unknown = [i for i, s in enumerate(sizes) if isinstance(s, Dim) or s == -1]
        if len(unknown) == 1:
            sizes[unknown[0]] = -1
        made = node("Reshape", [self, shape_of(self.tape, sizes)], self.dtype, ())
        known = [s for s in wanted if not (isinstance(s, int) and s == -1)]
        rest = left(self.shape, known)
        made.shape = tuple(
            (Dim(f"{made.name}.{i}", lambda i=i: made._size(i)) if rest is None else rest)
            if isinstance(s, int) and s == -1
            else s
            for i, s in enumerate(wanted)
        )
        return made

    def unsqueeze(self, axis: int) -> Symbol:
        shape = (*self.shape[:axis], 1, *self.shape[axis:])
        return node("Unsqueeze", [self, self.constant([axis], INTEGERS)], self.dtype, shape)

    def squeeze(self, axis: int) -> Symbol:
        shape = (*self.shape[:axis], *self.shape[axis + 1 :])
        return node("Squeeze", [self, self.constant([axis], INTEGERS)], self.dtype, shape)

    def _slice(self, axis: int, start: int, stop: Size, step: int, size: Size) -> Symbol:
        bounds = [shape_of(self.tape, [n]) for n in (start, stop, self._axis(axis), step)]
        shape = (*self.shape[:axis], size, *self.shape[axis + 1 :])
        return node("Slice", [self, *bounds], self.dtype, shape)

    def _cut(self, axis: int, own: slice) -> Symbol:
        """Return a slice of an axis."""
        size = self.shape[axis]
        if isinstance(size, int):
            start, stop, step = own.indices(size)
            assert step > 0
            length = len(range(start, stop, step))
            return self if length == size else self._slice(axis, start, stop, step, length)
        start, stop, step = own.start or 0, (1 << 62) if own.stop is None else own.stop, own.step or 1
        if start == 0 and own.stop is None and step == 1:
            return self
        made = self._slice(axis, start, stop, step, 0)
        known = isinstance(stop, int) and 0 <= start < stop < 1 << 62 and step == 1
        fixed = stop - start if known else Dim(f"{made.name}.{axis}", lambda: made._size(axis))
        made.shape = (*self.shape[:axis], fixed, *self.shape[axis + 1 :])
        return made

    def __getitem__(self, key: Any) -> Symbol:
        keys = list(key) if isinstance(key, tuple) else [key]
        if len(keys) == 2 and all(isinstance(k, Symbol) for k in keys):  # rows of the first two axes
            flat = self.reshape(self.shape[0] * self.shape[1], *self.shape[2:])
            return rows(flat, keys[0] * self.shape[1] + keys[1])
        if any(k is Ellipsis for k in keys):
            at = next(i for i, k in enumerate(keys) if k is Ellipsis)
            given = sum(k is not None and k is not Ellipsis for k in keys)
            keys[at : at + 1] = [slice(None)] * (self.ndim - given)
        x, axis = self, 0
        for k in keys:
            if k is None:
                x, axis = x.unsqueeze(axis), axis + 1
            elif isinstance(k, slice):
                x, axis = x._cut(axis, k), axis + 1
            elif isinstance(k, Symbol):
                assert axis == 0
                x, axis = rows(x, k), k.ndim
            else:
                shape = (*x.shape[:axis], *x.shape[axis + 1 :])
                x = node("Gather", [x, x.constant(int(k), INTEGERS)], x.dtype, shape, axis=axis)
        return x


def nodes(
    op: str, inputs: Sequence[Symbol | None], made: Sequence[tuple[Any, Sequence[Size]]], **attributes: Any
) -> list[Symbol]:
    """Record an operator with several outputs, in the innermost graph of any of its inputs."""
    tape = max((x.tape for x in inputs if x is not None), key=lambda tape: tape.depth)
    names = tuple(tape.name(op.lower()) for _ in made)
    given = tuple("" if x is None else x.name for x in inputs)
    tape.graph.nodes.append(Node(op, given, names, attributes))
    return [Symbol(tape, name, dtype, shape) for name, (dtype, shape) in zip(names, made, strict=True)]


def node(op: str, inputs: Sequence[Symbol | None], dtype: Any, shape: Sequence[Size], **attributes: Any) -> Symbol:
    """Record an operator with one output."""
    return nodes(op, inputs, [(dtype, shape)], **attributes)[0]


def shape_of(tape: Tape, sizes: Sequence[Size]) -> Symbol:
    """Return a shape as a value of the graph: integers (n,)."""
    if all(isinstance(s, int) for s in sizes):
        return tape.constant(list(sizes), INTEGERS)
    parts = [s.value.unsqueeze(0) if isinstance(s, Dim) else tape.constant([s], INTEGERS) for s in sizes]
    if len(parts) == 1:
        return parts[0]
    return node("Concat", parts, INTEGERS, (len(sizes),), axis=0)


def expand(x: Symbol, shape: Sequence[Size]) -> Symbol:
    """Broadcast x to a larger shape."""
    return node("Expand", [x, shape_of(x.tape, shape)], x.dtype, tuple(shape))


def rows(table: Symbol, index: Symbol) -> Symbol:
    """Return the rows of a table (V, ...) with these indices (...)."""
    return node("Gather", [table, index], table.dtype, (*index.shape, *table.shape[1:]), axis=0)
