"""Products, and the softmax of attention; in NumPy a row's result does not depend on other rows, to the last bit.

BLAS rounds differently for different shapes, places and numbers of threads. So `linear` always multiplies `TILE`
rows, which BLAS holds side by side in its vector registers, by `BLOCK` rows of the weight, `DEPTH` columns at a time,
the last tile padded with zeros: always the same kernel, and too little work for OpenBLAS to share between threads.
The operands of attention are cut into tiles in the same way.
"""

from __future__ import annotations

import functools
import math
import sys
from typing import Any, TypeAlias

import numpy as np

from seqcli.graph import record
from seqcli.graph.record import Symbol

Array: TypeAlias = Any  # np.ndarray, torch.Tensor or Symbol

TILE, BLOCK, DEPTH = 16, 64, 256  # 2^18 products at once: OpenBLAS takes a second thread above that
WIDE = 256, 128, 64  # rows that are multiplied at once if that gives the same bits
LONG = 2048  # rows of the weight that they are multiplied by at once
LOT = 16  # most products of a block and a tile in one call of NumPy, so that its result stays in the cache


def linear(x: Array, weight: Array, bias: Array | None = None) -> Array:
    """Return x W^T + b: x (..., I), weight (O, I), bias (O,) -> (..., O). In torch in the weight's precision."""
    if isinstance(x, Symbol):
        return record.linear(x, weight, bias)
    if not isinstance(x, np.ndarray):
        return sys.modules["torch"].nn.functional.linear(x.to(weight.dtype), weight, bias)
    size, n, outputs = x.shape[-1], math.prod(x.shape[:-1]), len(weight)
    rows, at = np.ascontiguousarray(x).reshape(n, size), 0
    y = np.empty((n + -n % TILE, outputs), np.result_type(x, weight))
    added = np.zeros(outputs, y.dtype) if bias is None else bias
    for width in WIDE:
        while 4 * (n - at) > 3 * width and _wide(rows[at : at + width], width, weight, added, y[at : at + width]):
            at += width
    if at < n:
        _tiles(_filled(rows[at:], -n % TILE), weight, added, y[at:])
    return y[:n].reshape(*x.shape[:-1], outputs)


def _tiles(rows: np.ndarray, weight: np.ndarray, bias: np.ndarray, y: np.ndarray) -> None:
    """Multiply whole tiles: rows (n, I), weight (O, I), bias (O,) -> written to y (n, O), TILE rows at a time."""
    size, outputs = rows.shape[1], len(weight)
    columns = np.ascontiguousarray(rows.reshape(-1, TILE, size).swapaxes(1, 2))  # (tiles, I, TILE)
    y, first = y.reshape(-1, TILE, outputs), 0
    lot = BLOCK * max(LOT // len(columns), 1)
    while first < outputs:
        block = weight[first : first + (min((outputs - first) // BLOCK * BLOCK, lot) or BLOCK)]
        last = first + len(block)
        if len(block) == 1:
            block = np.repeat(block, 2, axis=0)  # one row would be computed as a matrix-vector product
        blocks = block.reshape(-1, min(len(block), BLOCK), size)
        product = np.matmul(blocks[..., :DEPTH], columns[:, None, :DEPTH])  # (tiles, blocks, BLOCK, TILE)
        for k in range(DEPTH, size, DEPTH):
            product += np.matmul(blocks[..., k : k + DEPTH], columns[:, None, k : k + DEPTH])
        product = product.reshape(len(columns), len(block), TILE)[:, : last - first]
        product += bias[first:last, None]
        y[:, :, first:last] = product.swapaxes(1, 2)
        first = last


def _wide(rows: np.ndarray, width: int, weight: np.ndarray, bias: np.ndarray, y: np.ndarray) -> bool:
    """Do the same for up to `width` rows in few products if these give the same bits as tiles, and return whether."""
    threads = tuple(library.num_threads for library in _libraries())
    if (parts := _parts(width, *weight.shape, y.dtype, threads)) is None:
        return False
    lots, depths = parts
    n, rows = len(rows), _filled(rows, width - len(rows))
    for first, last in lots:
        product = y[:, first:last] if len(y) == width else np.empty((width, last - first), y.dtype)
        for k, end in depths:
            part = rows[:, k:end], weight[first:last, k:end].T
            if k:
                product += np.matmul(*part)
            else:
                np.matmul(*part, out=product)
        product += bias[first:last]
        if len(y) < width:
            y[:n, first:last] = product[:n]
    return True


Spans: TypeAlias = list[tuple[int, int]]


@functools.cache
def _parts(
    width: int, outputs: int, size: int, kind: np.dtype, threads: tuple[int, ...]
) -> tuple[Spans, Spans] | None:
    """Return the rows and the columns of a weight (outputs, size) that are multiplied at once; None if such products
    do not round as tiles do."""
    depths = [(k, min(k + DEPTH, size)) for k in range(0, max(size, 1), DEPTH)]
    lots = [(first, min(first + LONG, outputs)) for first in range(0, outputs, LONG)]
    shapes = {(width, last - first, end - k) for first, last in lots for k, end in depths}
    return (lots, depths) if all(_same(*shape, kind, threads) for shape in shapes) else None


@functools.cache
def _same(width: int, outputs: int, size: int, kind: np.dtype, threads: tuple[int, ...]) -> bool:
    """Whether a wide product of this shape rounds as its tiles do, with the current BLAS, threads and processor. This
    is tested on random numbers, because the choice of the kernel depends on the shape alone."""
    rng = np.random.default_rng(0)
    rows, weight = (rng.standard_normal((n, size), kind) for n in (width, outputs))
    y = np.empty((width, outputs), kind)
    _tiles(rows, weight, np.zeros(outputs, kind), y)
    return outputs > 1 and np.array_equal(y, np.matmul(rows, weight.T))


@functools.cache
def _libraries() -> list[Any]:
    """Return the BLAS libraries, which know their number of threads."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas").lib_controllers


def _filled(rows: np.ndarray, count: int) -> np.ndarray:
    """Return rows (n, I) with `count` rows of zeros appended."""
    return np.concatenate([rows, np.zeros((count, rows.shape[1]), rows.dtype)]) if count else rows


def similarities(q: Array, k: Array) -> Array:
    """Return q k^T: q (B, T, A), k (B, S, A) -> (B, T, S). In NumPy an entry depends only on its row and column."""
    if not isinstance(q, np.ndarray):
        return q @ k.mT
    B, T, S, size = len(q), q.shape[1], k.shape[1], q.shape[2]
    q, k = _tiled(q), _tiled(k)  # (B, tiles, TILE, A)
    product = None
    for d in range(0, size, DEPTH):
        # as in `linear`, queries are columns: with some kernels a row's place in the product changes its bits
        part = np.matmul(k[:, None, :, :, d : d + DEPTH], q[:, :, None, :, d : d + DEPTH].swapaxes(-1, -2))
        product = part if product is None else product + part  # (B, tiles of T, tiles of S, TILE of S, TILE of T)
    assert product is not None
    return product.transpose(0, 1, 4, 2, 3).reshape(B, q.shape[1] * TILE, k.shape[1] * TILE)[:, :T, :S]


def mix(weights: Array, values: Array) -> Array:
    """Return weighted sums: weights (B, T, S), values (B, S, C) -> (B, T, C). In NumPy a row depends only on its own
    weights and on the values with a weight other than 0."""
    if not isinstance(weights, np.ndarray):
        return weights @ values
    B, T, C = len(weights), weights.shape[1], values.shape[2]
    w, v = _tiled(weights), _tiled(values)  # (B, tiles of T, TILE, S), (B, tiles of S, TILE, C)
    if (odd := -w.shape[3] % TILE) != 0:
        w = np.concatenate([w, np.zeros((*w.shape[:3], odd), w.dtype)], axis=3)
    w, v = w.swapaxes(2, 3), v.swapaxes(2, 3)  # queries are columns
    y = np.zeros((B, w.shape[1], C, TILE), np.result_type(weights, values))
    for s in range(v.shape[1]):  # in order: values whose weights are 0 add nothing
        tile = np.ascontiguousarray(w[:, :, s * TILE : (s + 1) * TILE])
        for c in range(0, C, 4 * DEPTH):
            y[:, :, c : c + 4 * DEPTH] += np.matmul(v[:, None, s, c : c + 4 * DEPTH], tile)
    return y.swapaxes(2, 3).reshape(B, -1, C)[:, :T]


def _tiled(x: np.ndarray) -> np.ndarray:
    """Cut x (B, T, C) into tiles (B, T / TILE, TILE, C), the last one padded with zeros."""
    B, T, C = x.shape
    if T % TILE:
        x = np.concatenate([x, np.zeros((B, -T % TILE, C), x.dtype)], axis=1)
    return np.ascontiguousarray(x).reshape(B, -1, TILE, C)


def masked_softmax(x: Array, inside: Array) -> Array:
    """Return the softmax over the elements of the last axis that are inside, 0 elsewhere: x (..., S), inside (..., S)
    of bool.

    In NumPy neither the values outside nor their number changes a bit. If nothing is inside, all are 0.
    """
    if not isinstance(x, np.ndarray):
        return x.masked_fill(~inside, -1e9).softmax(-1) * inside.any(-1, keepdim=True)
    low = np.asarray(-np.inf, x.dtype)
    x = np.where(inside, x, low)
    top = x.max(axis=-1, keepdims=True)
    e = np.exp(x - np.where(np.isfinite(top), top, 0))
    if (odd := -e.shape[-1] % TILE) != 0:
        e = np.concatenate([e, np.zeros((*e.shape[:-1], odd), e.dtype)], axis=-1)
    parts = e.reshape(*e.shape[:-1], -1, TILE)
    total = parts[..., 0, :].copy()
    for i in range(1, parts.shape[-2]):  # in order: zeros at the end add nothing
        total += parts[..., i, :]
    total = total.sum(axis=-1, keepdims=True)
    return e[..., : x.shape[-1]] / np.where(total > 0, total, 1)


def at_least_float32(x: Array) -> Array:
    """Return x, converted to float32 if it is float16 or bfloat16: for sums over many terms."""
    if x.dtype.itemsize >= 4:
        return x
    return x.astype(np.float32) if isinstance(x, np.ndarray) else x.float()


def float64(x: Array) -> Array:
    """Return x as float64: for the difference of two sums that are close to each other."""
    return x.astype(np.float64) if isinstance(x, np.ndarray) else x.double()
