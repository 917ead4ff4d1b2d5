"""Cross-entropy, of logits and of what a last layer would make logits of."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from seqcli.ops._products import Array, at_least_float32, linear

WHOLE = 1 << 24  # logits: up to so many are held at once, and kept for the gradient
PART = 1 << 22  # of more, so many at a time, made a second time for the gradient


def logsumexp(x: Array) -> Array:
    """log sum exp over the last axis (..., V) -> (...)."""
    if isinstance(x, np.ndarray):
        top = x.max(axis=-1, keepdims=True)
        if not np.isfinite(top).all():
            top = np.where(np.isfinite(top), top, 0)  # nothing but -inf: log 0
            with np.errstate(divide="ignore"):
                return np.log(np.exp(x - top).sum(axis=-1)) + top[..., 0]
        return np.log(np.exp(x - top).sum(axis=-1)) + top[..., 0]
    return x.logsumexp(-1)


def cross_entropy(logits: Array, targets: Array, smoothing: float = 0.0) -> Array:
    """-log softmax(logits)[target] in nats: logits (N, V), targets (N,) -> (N,). float32 under bfloat16.

    With smoothing s the target is 1 - s of that symbol and s of all alike (Szegedy et al. 2016).
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
    """`cross_entropy` of the logits x Wᵀ + b: x (N, R), weight W (V, R), bias b (V,), targets (N,) -> (N,).

    In torch many logits are never held at once: some symbols' at a time, whose sums are kept; the gradient makes them
    again, and each symbol's row of W gets its own in one product.
    """
    if isinstance(x, np.ndarray) or len(x) * len(weight) <= WHOLE:
        return cross_entropy(linear(x, weight, bias), targets, smoothing)
    return _in_parts()(x, weight, bias, targets, smoothing)


@functools.cache
def _in_parts() -> Any:
    """The autograd function; torch is imported here."""
    import torch

    def parts(x: Any, weight: Any, bias: Any, targets: Any) -> Any:
        """Symbols, their logits (N, symbols) exact, the rows whose target is among them and where it is."""
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
            """The gradient of a logit: its probability, less 1 - s where it is the target, less s / V."""
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
