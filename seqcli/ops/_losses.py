"""Cross-entropy, of logits and of the inputs of a last layer."""

from __future__ import annotations

import functools
from contextlib import nullcontext
from typing import Any

import numpy as np

from seqcli.ops._products import Array, at_least_float32, linear

FEW = 1 << 21  # logits: up to this many, torch's own cross-entropy is as fast
WHOLE = 1 << 26  # logits: up to this many are held at once, and overwritten by their gradient
ROWS = 1 << 19  # logits of those that are processed at a time: they stay in the processor's cache
CACHED = 1 << 16  # logits that NumPy processes at a time, for the same reason
PART = 1 << 22  # logits beyond WHOLE that are computed at a time, and again for the gradient


def logsumexp(x: Array) -> Array:
    """log sum exp over the last axis (..., V) -> (...)."""
    if isinstance(x, np.ndarray):
        top = x.max(axis=-1, keepdims=True)
        if empty := not np.isfinite(top).all():
            top = np.where(np.isfinite(top), top, 0)  # nothing but -inf: log 0
        e = x - top
        np.exp(e, out=e)
        with np.errstate(divide="ignore") if empty else nullcontext():
            return np.log(e.sum(axis=-1)) + top[..., 0]
    return x.logsumexp(-1)


def log_softmax(x: Array, *, own: bool = False) -> Array:
    """Return the log-probabilities of logits (..., V), over the last axis; NumPy overwrites logits that are the
    caller's `own`."""
    if not isinstance(x, np.ndarray):
        return x.log_softmax(-1)
    y = x if own and x.flags.c_contiguous and x.flags.writeable else np.empty(x.shape, x.dtype)
    rows = x.reshape(-1, x.shape[-1])
    size = max(CACHED // max(x.shape[-1], 1), 1)
    for first, found in ((at, y.reshape(rows.shape)[at : at + size]) for at in range(0, len(rows), size)):
        part = rows[first : first + size]
        np.subtract(part, logsumexp(part)[:, None], out=found)
    return y


def cross_entropy(logits: Array, targets: Array, smoothing: float = 0.0) -> Array:
    """Return -log softmax(logits)[target] in nats: logits (N, V), targets (N,) -> (N,). float32 under bfloat16.

    Smoothing s gives the target symbol 1 - s and spreads s evenly over all symbols (Szegedy et al. 2016).
    """
    if isinstance(logits, np.ndarray):
        total = logsumexp(logits)
        own = total - np.take_along_axis(logits, targets[:, None], axis=-1)[:, 0]
        return own if not smoothing else (1 - smoothing) * own + smoothing * (total - logits.mean(axis=-1))
    import torch

    return torch.nn.functional.cross_entropy(
        at_least_float32(logits), targets, reduction="none", label_smoothing=smoothing
    )


def linear_cross_entropy(x: Array, weight: Array, bias: Array, targets: Array, smoothing: float = 0.0) -> Array:
    """Return `cross_entropy` of the logits x Wᵀ + b: x (N, R), weight W (V, R), bias b (V,), targets (N,) -> (N,).

    In torch, a medium number of logits is held once, in the precision of x, and overwritten by the gradient. More are
    never held at once: they are computed for some symbols at a time, and only sums are kept; the backward pass
    computes them again, and gets the gradient of each symbol's row of W in one product.
    """
    if isinstance(x, np.ndarray) or (held := len(x) * len(weight)) <= FEW:
        return cross_entropy(linear(x, weight, bias), targets, smoothing)
    return (_in_rows() if held <= WHOLE else _in_parts())(x, weight, bias, targets, smoothing)


@functools.cache
def _in_rows() -> Any:
    """Return the autograd function that holds all logits; torch is imported here."""
    import torch

    class InRows(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, weight: Any, bias: Any, targets: Any, smoothing: float) -> Any:
            """Compute the losses, and the gradient of each logit by its row's loss: its probability, less 1 - s for
            the target, less s / V."""
            logits, nats = torch.addmm(bias, x, weight.t()), []
            rows = max(ROWS // len(weight), 1)
            for some, target in zip(logits.split(rows), targets[:, None].split(rows), strict=True):
                logs = at_least_float32(some).log_softmax(-1)
                nats.append((smoothing - 1) * logs.gather(1, target)[:, 0])
                if smoothing:
                    nats[-1] -= smoothing * logs.mean(-1)
                d = logs.exp_().scatter_add_(1, target, logs.new_full(target.shape, smoothing - 1))
                some.copy_(d.sub_(smoothing / len(weight)) if smoothing else d)
            ctx.save_for_backward(x, weight, logits)
            return torch.cat(nats)

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx: Any, given: Any) -> Any:
            """Multiply the rows' gradients, each scaled by its incoming gradient relative to the largest one."""
            x, weight, d = ctx.saved_tensors
            largest = given.abs().max().clamp(min=torch.finfo(given.dtype).tiny)
            row = (given / largest).to(x.dtype)[:, None]  # exact if all rows have the same weight, or 0
            of_x, of_weight = (d @ weight).mul_(row).mul_(largest), d.t() @ (x * row).mul_(largest)
            return of_x, of_weight, (d.t() @ row)[:, 0] * largest, None, None

    return InRows.apply


@functools.cache
def _in_parts() -> Any:
    """Return the autograd function that computes logits twice."""
    import torch

    def parts(x: Any, weight: Any, bias: Any, targets: Any) -> Any:
        """Yield a slice of symbols, their logits (N, symbols) in at least float32, and the rows whose target is among
        them with its index."""
        symbols = max(PART // len(x), 1)
        for start in range(0, len(weight), symbols):
            own = slice(start, start + symbols)
            logits = at_least_float32(torch.addmm(bias[own], x, weight[own].t()))
            rows = ((targets >= start) & (targets < start + symbols)).nonzero()[:, 0]
            yield own, logits, (rows, targets[rows] - start)

    class InParts(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, weight: Any, bias: Any, targets: Any, smoothing: float) -> Any:
            found = torch.zeros_like(at_least_float32(x[:, 0]))
            total, mean = torch.full_like(found, -torch.inf), torch.zeros_like(found)
            for _, logits, where in parts(x, weight, bias, targets):
                total = torch.logaddexp(total, logits.logsumexp(-1))
                found[where[0]] = logits[where]
                if smoothing:
                    mean += logits.sum(-1) / len(weight)
            ctx.save_for_backward(x, weight, bias, targets, total)
            ctx.smoothing = smoothing
            return total - (1 - smoothing) * found - smoothing * mean

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx: Any, given: Any) -> Any:
            """Compute the gradient of each logit: its probability, less 1 - s for the target, less s / V."""
            x, weight, bias, targets, total = ctx.saved_tensors
            of_x = torch.zeros_like(x, dtype=total.dtype)
            of_weight, of_bias = torch.empty_like(weight), torch.empty_like(bias)
            for own, logits, where in parts(x, weight, bias, targets):
                d = logits.sub_(total[:, None]).exp_()
                d[where] -= 1 - ctx.smoothing
                d = ((d - ctx.smoothing / len(weight)) if ctx.smoothing else d).mul_(given[:, None]).to(x.dtype)
                of_x += d @ weight[own]
                torch.mm(d.t(), x, out=of_weight[own])
                of_bias[own] = d.sum(0)
            return of_x.to(x.dtype), of_weight, of_bias, None, None

    return InParts.apply
