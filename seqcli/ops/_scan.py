"""The linear recurrence h_t = a_t h_{t-1} + b_t, in which no step waits for a matrix product.

Its gradient is the same recurrence backward in time: with g_t the gradient of h_t and d_t that of b_t,
d_t = g_t + a_{t+1} d_{t+1}, and that of a_t is d_t h_{t-1}. So one function serves both directions.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from seqcli.graph import record
from seqcli.graph.record import Symbol
from seqcli.ops._products import Array


def scan(a: Array, b: Array, h: Array) -> Array:
    """Return h_t = a_t h_{t-1} + b_t for all t: a, b (T, ...), h (...) before the first step -> (T, ...).

    A CPU takes the steps one by one, in place; a GPU combines all steps in log2 T rounds, each doubling the span.
    Half-precision numbers are summed in float32.
    """
    if isinstance(a, np.ndarray):
        y = np.empty_like(b)
        for t in range(len(a)):
            h = np.add(np.multiply(a[t], h, out=y[t]), b[t], out=y[t])
        return y
    if isinstance(a, Symbol):
        return record.loop(lambda a, b, state: (a * state[0] + b,), [a, b], [h])[0]
    return _function().apply(a, b, h)


def _steps(a: Any, b: Any, h: Any, backward: bool = False) -> Any:
    """Run the recurrence in torch, step by step; `backward` in time it is y_t = b_t + a_{t+1} y_{t+1}, y_T = b_T."""
    import torch

    y = torch.empty_like(b)
    factors, terms, results = list(a.unbind(0)), b.unbind(0), y.unbind(0)
    if backward:
        factors, terms, results = [h, *factors[:0:-1]], terms[::-1], results[::-1]  # h is zero there
    for factor, term, result in zip(factors, terms, results, strict=True):
        h = torch.addcmul(term, factor, h, out=result)
    return y


def _doubling(a: Any, b: Any, h: Any, backward: bool = False) -> Any:
    """Run it for all time steps at once (Hillis & Steele 1986): after round k each step covers the last 2^k steps."""
    import torch

    if backward:
        later = torch.cat([a[1:], torch.zeros_like(a[:1])])
        return _doubling(later.flip(0), b.flip(0), h).flip(0)
    b = torch.cat([torch.addcmul(b[:1], a[:1], h[None]), b[1:]])
    reach = 1
    while reach < len(a):
        b = torch.cat([b[:reach], torch.addcmul(b[reach:], a[reach:], b[:-reach])])
        a = torch.cat([a[:reach], a[reach:] * a[:-reach]])
        reach *= 2
    return b


@functools.cache
def _function() -> Any:
    """Return the autograd function; torch is imported here."""

    import torch

    class Scan(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, a: Any, b: Any, h: Any) -> Any:
            run = _steps if a.device.type == "cpu" else _doubling
            exact = torch.float32 if b.dtype.itemsize < 4 else b.dtype
            y = run(a.to(exact), b.to(exact), h.to(exact))
            ctx.save_for_backward(a, y, h)
            ctx.run = run
            return y.to(b.dtype)

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx: Any, grad: Any) -> Any:
            a, y, h = ctx.saved_tensors
            d = ctx.run(a.to(y.dtype), grad.to(y.dtype), torch.zeros_like(y[0]), backward=True)
            of_a = torch.cat([h[None].to(y.dtype), y[:-1]]).mul_(d)
            return of_a.to(a.dtype), d.to(grad.dtype), (a[0] * d[0]).to(h.dtype)

    return Scan
