"""The seam: the array operations that the equations are written in, for NumPy and for torch.

Dispatch is on the array's own type; torch is looked up only when a torch tensor arrives. Operations are pure. A third
kind of array is a `Symbol`, which has no data: operations on it are recorded (`seqcli.graph`). Functions that have
the same name in both libraries under the array API standard come from array-api-compat (`namespace`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np

from seqcli.graph import record
from seqcli.graph.record import Operator, Symbol
from seqcli.ops._ctc import ctc_nats, ctc_scores
from seqcli.ops._drop import dropout_mask
from seqcli.ops._losses import cross_entropy, linear_cross_entropy, log_softmax, logsumexp
from seqcli.ops._products import (
    BLOCK,
    DEPTH,
    TILE,
    Array,
    at_least_float32,
    float64,
    linear,
    masked_softmax,
    mix,
    similarities,
)
from seqcli.ops._rows import join, take
from seqcli.ops._scan import scan

__all__ = [
    "BLOCK",
    "DEPTH",
    "TILE",
    "Array",
    "Operator",
    "at_least_float32",
    "cross_entropy",
    "ctc_nats",
    "ctc_scores",
    "dropout_mask",
    "float64",
    "join",
    "linear",
    "linear_cross_entropy",
    "log_softmax",
    "logsumexp",
    "masked_softmax",
    "mix",
    "scan",
    "similarities",
    "take",
]


def is_torch(x: Any) -> bool:
    """Whether x is a torch tensor; never imports torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(x, torch.Tensor)


def is_array(x: Any) -> bool:
    """Whether x is an array of either library, or a symbol."""
    return isinstance(x, np.ndarray | Symbol) or is_torch(x)


def is_symbol(x: Any) -> bool:
    """Whether x is a symbol: an array without data, whose operations are recorded."""
    return isinstance(x, Symbol)


def namespace(x: Array) -> Any:
    """Return the array API namespace of x."""
    if isinstance(x, np.ndarray):
        return np
    if isinstance(x, Symbol):
        return record
    from array_api_compat import array_namespace

    return array_namespace(x)


def _torch() -> Any:
    return sys.modules["torch"]


# products: linear, similarities and mix are in _products.py


def embedding(ids: Array, weight: Array) -> Array:
    """Return rows of weight (V, E) by ids (...) -> (..., E)."""
    if isinstance(weight, np.ndarray):
        return weight[ids]
    if isinstance(weight, Symbol):
        return record.rows(weight, ids)
    return _torch().nn.functional.embedding(ids, weight)


# elementwise


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), computed as (tanh(x / 2) + 1) / 2, which cannot overflow."""
    if isinstance(x, np.ndarray):
        half = x.dtype.type(0.5)
        y = x * half
        np.tanh(y, out=y)
        y *= half
        y += half
        return y
    return x.sigmoid()


def tanh(x: Array) -> Array:
    """Hyperbolic tangent."""
    return namespace(x).tanh(x)


def relu(x: Array) -> Array:
    """max(x, 0)."""
    return np.maximum(x, 0) if isinstance(x, np.ndarray) else x.relu()


def silu(x: Array) -> Array:
    """x sigmoid(x) (Elfwing et al. 2018)."""
    return _torch().nn.functional.silu(x) if is_torch(x) else x * sigmoid(x)


def exp(x: Array) -> Array:
    """e to the power of x."""
    return namespace(x).exp(x)


def log(x: Array) -> Array:
    """The natural logarithm."""
    return namespace(x).log(x)


def softplus(x: Array) -> Array:
    """log(1 + exp(x)), without overflow."""
    if isinstance(x, np.ndarray):
        return np.logaddexp(x, x.dtype.type(0))
    return record.softplus(x) if isinstance(x, Symbol) else _torch().nn.functional.softplus(x)


def sqrt(x: Array) -> Array:
    """The square root."""
    return namespace(x).sqrt(x)


def sin(x: Array) -> Array:
    """The sine."""
    return namespace(x).sin(x)


def expm1(x: Array) -> Array:
    """exp(x) - 1, accurate near 0."""
    return namespace(x).expm1(x)


def maximum(x: Array, y: Array) -> Array:
    """The elementwise maximum of two arrays."""
    return namespace(x).maximum(x, y)


def where(condition: Array, x: Array, y: Array) -> Array:
    """x where the condition holds, else y."""
    return namespace(condition).where(condition, x, y)


# reductions over the last axis


def softmax(x: Array) -> Array:
    """Probabilities of logits, over the last axis."""
    if isinstance(x, np.ndarray):
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)
    return x.softmax(-1)


def layer_norm(x: Array, weight: Array, bias: Array, epsilon: float = 1e-5) -> Array:
    """(x - mean) / sqrt(variance + epsilon) * weight + bias over the last axis (Ba et al. 2016): x (..., C)."""
    if is_torch(x):
        return _torch().nn.functional.layer_norm(x, weight.shape, weight.to(x.dtype), bias.to(x.dtype), epsilon)
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = (centred * centred).mean(axis=-1, keepdims=True)
    return centred / sqrt(variance + x.dtype.type(epsilon)) * weight + bias


def take_along(x: Array, index: Array) -> Array:
    """x[..., index]: x (..., V), index (...) -> (...)."""
    if isinstance(x, np.ndarray):
        return np.take_along_axis(x, index[..., None], axis=-1)[..., 0]
    return x.gather(-1, index[..., None])[..., 0]


def amax(x: Array, axis: int) -> Array:
    """The largest value along an axis."""
    return x.max(axis=axis) if isinstance(x, np.ndarray) else x.amax(axis)


def segment_sum(x: Array, starts: Array) -> Array:
    """Sum consecutive rows, from each start to the next: x (E, H), starts (n,) strictly ascending from 0 -> (n, H).

    In NumPy a segment is added up from its first row on, so that its bits do not depend on the others.
    """
    if not isinstance(x, np.ndarray):
        torch = _torch()
        return torch.nn.functional.embedding_bag(torch.arange(len(x), device=x.device), x, starts, mode="sum")
    y, counts = x[starts], np.diff(starts, append=len(x))
    more = np.arange(len(starts))
    for step in range(1, int(counts.max(initial=0))):
        more = more[counts[more] > step]
        y[more] += x[starts[more] + step]
    return y


# time


def loop(step: Callable[..., Any], xs: Array, state: tuple[Array, ...]) -> tuple[Array, tuple[Array, ...]]:
    """Run a recurrence over all steps: xs (T, ...), and `step(x, state)`, which returns the next state -> the first
    array of each step's state (T, ...), and the last state."""
    if isinstance(xs, Symbol):
        return record.loop(step, [xs], state)
    ys = []
    for x in xs:
        state = step(x, state)
        ys.append(state[0])
    return stack(ys), state


def recurrence(operator: Operator, x: Array, state: tuple[Array, ...], *weights: Array) -> Any:
    """Record a recurrence of symbols as one operator: x (T, B, I), state arrays (B, H), a cell's weights, biases."""
    return record.recurrence(operator, x, state, weights)


def reverse(x: Array, lengths: Array | None) -> Array:
    """Reverse each sequence of x (T, B, ·) within its length (B,); the padding stays where it is. Without lengths all
    steps are reversed."""
    T, B = x.shape[:2]
    if lengths is None:
        return x[::-1] if isinstance(x, np.ndarray) else x.flip(0)
    if isinstance(x, Symbol):
        return record.reverse(x, lengths)
    times = arange(T, x)[:, None]
    index = where(times < lengths[None], lengths[None] - 1 - times, times)  # (T, B)
    flat = index * B + arange(B, x)[None]
    return embedding(flat, x.reshape(T * B, -1))  # a look-up, which has the fast gradient of embeddings


# shapes


def arange(size: int, like: Array) -> Array:
    """Return 0 .. size - 1 (size,) as indices for `like`'s library and device."""
    return record.arange(size, like) if isinstance(like, Symbol) else integers(np.arange(size), like)


def stack(parts: list[Array]) -> Array:
    """Join along a new first axis."""
    return namespace(parts[0]).stack(parts)


def concat(parts: list[Array], axis: int = -1) -> Array:
    """Join along an axis."""
    return namespace(parts[0]).concat(parts, axis=axis)


def split(x: Array, parts: int) -> Any:
    """Cut the last axis into equal parts."""
    return np.split(x, parts, axis=-1) if isinstance(x, np.ndarray) else x.chunk(parts, -1)


def zeros(shape: tuple[int, ...], like: Array) -> Array:
    """Return zeros of the same library, type and device as `like`."""
    return np.zeros(shape, like.dtype) if isinstance(like, np.ndarray) else like.new_zeros(shape)


def integers(values: np.ndarray, like: Array) -> Array:
    """Convert a NumPy integer array to indices for `like`'s library and device."""
    if isinstance(like, np.ndarray) or isinstance(values, Symbol):
        return values
    if isinstance(like, Symbol):
        return like.constant(values, np.int64)
    torch = _torch()
    return torch.as_tensor(values.astype(np.int64, copy=False), device=like.device)


def put(values: np.ndarray, like: Array) -> Array:
    """Convert a NumPy array to `like`'s library and device: floats to its type, integers to indices."""
    if isinstance(like, np.ndarray) or isinstance(values, Symbol):
        return values
    if values.dtype.kind in "iu":
        return integers(values, like)
    if isinstance(like, Symbol):
        return like.constant(values)
    return _torch().as_tensor(values, device=like.device, dtype=like.dtype)


def to_numpy(x: Array) -> np.ndarray:
    """Convert an array of either library to NumPy, without its gradient; bfloat16 becomes float32."""
    if isinstance(x, np.ndarray):
        return x
    x = x.detach().cpu()
    return (x.float() if x.dtype.itemsize < 4 and x.dtype.is_floating_point else x).numpy()


# gradients


def no_gradients(like: Array) -> Any:
    """Return a context in which nothing is recorded for gradients; NumPy never records."""
    return nullcontext() if isinstance(like, np.ndarray) else _torch().no_grad()


# types


def row_by_row(x: Array) -> Array:
    """Return x with contiguous rows: NumPy then adds up a row in an order that does not depend on other rows."""
    return np.ascontiguousarray(x) if isinstance(x, np.ndarray) else x


def like(x: Array, other: Array) -> Array:
    """Return x in the number type of another array of its library."""
    if x.dtype == other.dtype:
        return x
    return x.astype(other.dtype) if isinstance(x, np.ndarray) else x.to(other.dtype)
