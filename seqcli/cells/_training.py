"""GRU and LSTM over all time steps, for training on a CPU: autograd functions of torch with their own backward.

torch's kernel for GRUs records every elementwise operation of every step. Here a step forward is one product and the
rest of the equation, in place. A step backward is one product too: everything that needs no gradient of a later step
(the derivatives of the gates, times what they multiply) is computed before, for all steps at once, and afterwards so
are the gradients of inputs, weights and biases. Products in bfloat16 use weights laid out once for all steps, with
the addition fused.

Letters: T time, B batch, I input size, H hidden size, G gates; d… is a gradient.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any


def trains_on_cpu(x: Any) -> bool:
    """Whether gradients are enabled and x is on a CPU."""
    import torch

    return x.device.type == "cpu" and torch.is_grad_enabled()


def torch_weights(cell: Any) -> list[Any]:
    """Return the weights in the order of torch's fused kernels; on a GPU they are in one block of memory, because
    cuDNN would otherwise warn and copy them together itself."""
    weights = [cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh]
    if weights[0].device.type != "cuda":
        return weights
    return end_to_end(weights)


def end_to_end(weights: list[Any]) -> list[Any]:
    """Return the same tensors as views of one block of memory."""
    import torch

    parts = torch.cat([w.reshape(-1) for w in weights]).split([w.numel() for w in weights])
    return [part.view(w.shape) for part, w in zip(parts, weights, strict=True)]


def _product(weight: Any, rows: int) -> Callable[[Any, Any], Any]:
    """Return `f(x, plus)` = x Wᵀ + plus: weight W (O, I), x (rows, I), plus (rows, O) -> (rows, O)."""
    import torch

    kernels = torch.ops.mkldnn
    if weight.dtype == torch.bfloat16 and hasattr(kernels, "_reorder_linear_weight"):
        laid_out = kernels._reorder_linear_weight(weight, rows)
        return lambda x, plus: kernels._linear_pointwise.binary(x, plus, laid_out, None, "add")
    flipped = weight.t()
    return lambda x, plus: torch.addmm(plus, x, flipped)


def _steps(*arrays: Any) -> Iterator[tuple[Any, ...]]:
    """Iterate over arrays (T, ...) in parallel, step by step."""
    return zip(*(a.unbind(0) for a in arrays), strict=True)


def _steps_back(*arrays: Any) -> Iterator[tuple[Any, ...]]:
    """Do the same from the last step to the first."""
    return zip(*(a.unbind(0)[::-1] for a in arrays), strict=True)


def _before(given: Any) -> Any:
    """Shift outside gradients to the step after: given (T, B, H) -> zeros, given[0], given[1] …"""
    import torch

    return torch.cat([torch.zeros_like(given[:1]), given[:-1]])


def _project(x: Any, weight: Any, bias: Any) -> Any:
    """Return W x + b (T, B, G·H) of x (T, B, I)."""
    import torch

    return torch.addmm(bias, x.flatten(0, 1), weight.t()).view(*x.shape[:2], -1)


def _of_weight(d: Any, x: Any) -> Any:
    """Return the gradient (G·H, I) of a weight, from its inputs x (T, B, I) and the gradient d (T, B, G·H) of its
    outputs."""
    return d.flatten(0, 1).t() @ x.flatten(0, 1)


@functools.cache
def gru() -> Any:
    """Return `f(x, h, weight_ih, weight_hh, bias_ih, bias_hh)`, of a GRU cell's weights -> outputs (T, B, H)."""
    import torch

    aten = torch.ops.aten

    class GRU(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, h: Any, weight_ih: Any, weight_hh: Any, bias_ih: Any, bias_hh: Any) -> Any:
            (T, B, _), H = x.shape, h.shape[1]
            bias = torch.cat([bias_ih[: 2 * H] + bias_hh[: 2 * H], bias_ih[2 * H :]])
            gates = _project(x, weight_ih, bias)  # to become r, z and u = W_hn h + b_hn
            n = gates[..., 2 * H :].clone()
            gates[..., 2 * H :] = bias_hh[2 * H :]
            ys = x.new_empty(T + 1, B, H)
            ys[0], times = h, _product(weight_hh, B)
            for before, y, now, r_z, inner, new in _steps(
                ys[:-1], ys[1:], gates, gates[..., : 2 * H], gates[..., 2 * H :], n
            ):
                sums = times(before, now)
                torch.sigmoid(sums[:, : 2 * H], out=r_z)
                new.addcmul_(r_z[:, :H], inner.copy_(sums[:, 2 * H :])).tanh_()
                torch.lerp(new, before, r_z[:, H:], out=y)
            ctx.save_for_backward(x, gates, n, ys, weight_ih, weight_hh)
            return ys[1:]

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx: Any, given: Any) -> Any:
            """Let d be the gradient of h_t, e = (1 - z) (1 - n²) and u = W_hn h + b_hn. The gradient of n's sum is
            d e, of z's d (h_{t-1} - n) z (1 - z), of r's d e u r (1 - r), of u d e r; h_{t-1} gets d z."""
            x, gates, n, ys, weight_ih, weight_hh = ctx.saved_tensors
            (_, B, H), (r, z, inner) = n.shape, gates.chunk(3, -1)
            e = aten.tanh_backward(1 - z, n)
            d_sums = torch.empty_like(gates)  # first the factors of d
            of_r, of_z, of_inner = d_sums.chunk(3, -1)
            torch.mul(aten.sigmoid_backward(inner, r), e, out=of_r)
            aten.sigmoid_backward.grad_input(ys[:-1] - n, z, grad_input=of_z)
            torch.mul(e, r, out=of_inner)
            times, d, ds = _product(weight_hh.t().contiguous(), B), given[-1], []
            for now, gate_by_gate, keep, before in _steps_back(
                d_sums, d_sums.unflatten(2, (3, H)), z, _before(given)
            ):
                ds.append(d)
                gate_by_gate.mul_(d[:, None])
                d = times(now, torch.addcmul(before, d, keep))
            of_bias_hh, of_weight_hh = d_sums.sum((0, 1)), _of_weight(d_sums, ys[:-1])
            torch.mul(torch.stack(ds[::-1]), e, out=of_inner)  # now the gradient of the projected input
            of_bias_ih = torch.cat([of_bias_hh[: 2 * H], of_inner.sum((0, 1))])
            return d_sums @ weight_ih, d, _of_weight(d_sums, x), of_weight_hh, of_bias_ih, of_bias_hh

    return GRU.apply


@functools.cache
def lstm() -> Any:
    """Return `f(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh)`, of an LSTM cell's weights -> outputs (T, B, H) and
    the last c (B, H)."""
    import torch

    aten = torch.ops.aten

    class LSTM(torch.autograd.Function):
        @staticmethod
        def forward(
            ctx: Any, x: Any, h: Any, c: Any, weight_ih: Any, weight_hh: Any, bias_ih: Any, bias_hh: Any
        ) -> Any:
            (T, B, _), H = x.shape, h.shape[1]
            gates = _project(x, weight_ih, bias_ih + bias_hh)
            i, f, g, o = gates.chunk(4, -1)
            ys, cs = x.new_empty(T + 1, B, H), x.new_empty(T + 1, B, H)
            ys[0], cs[0], times, squashed = h, c, _product(weight_hh, B), x.new_empty(T, B, H)
            for before, y, now, i_f, i_, f_, g_, o_, c_, c_new, tanh_c in _steps(
                ys[:-1], ys[1:], gates, gates[..., : 2 * H], i, f, g, o, cs[:-1], cs[1:], squashed
            ):
                sums = times(before, now)
                torch.sigmoid(sums[:, : 2 * H], out=i_f)
                torch.tanh(sums[:, 2 * H : 3 * H], out=g_)
                torch.sigmoid(sums[:, 3 * H :], out=o_)
                torch.mul(f_, c_, out=c_new).addcmul_(i_, g_)
                torch.mul(o_, torch.tanh(c_new, out=tanh_c), out=y)
            ctx.save_for_backward(x, gates, squashed, ys, cs, weight_ih, weight_hh)
            return ys[1:], cs[T]

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx: Any, given: Any, dc: Any) -> Any:
            """Let d be the gradient of h_t and dc that of c_t, which includes d o (1 - tanh² c) by way of h_t. The
            gradients of the sums of i, f and g are dc times the other factor and the gate's derivative, that of o's
            is d tanh(c) o (1 - o); c_{t-1} gets dc f."""
            x, gates, squashed, ys, cs, weight_ih, weight_hh = ctx.saved_tensors
            (_, B, H), (i, f, g, o) = squashed.shape, gates.chunk(4, -1)
            d_sums = torch.empty_like(gates)  # first the factors
            of_o = d_sums[..., 3 * H :]
            for out, other, gate, derivative in zip(
                d_sums.chunk(4, -1),
                (g, cs[:-1], i, squashed),
                (i, f, g, o),
                (aten.sigmoid_backward, aten.sigmoid_backward, aten.tanh_backward, aten.sigmoid_backward),
                strict=True,
            ):
                derivative.grad_input(other, gate, grad_input=out)
            times, d, dc = _product(weight_hh.t().contiguous(), B), given[-1], dc.clone()
            for now, i_f_g, o_, by_h, keep, before in _steps_back(
                d_sums,
                d_sums.unflatten(2, (4, H))[:, :, :3],
                of_o,
                aten.tanh_backward(o, squashed),
                f,
                _before(given),
            ):
                i_f_g.mul_(dc.addcmul_(d, by_h)[:, None])
                o_.mul_(d)
                dc.mul_(keep)
                d = times(now, before)
            of_bias = d_sums.sum((0, 1))
            of_weights = _of_weight(d_sums, x), _of_weight(d_sums, ys[:-1])
            return d_sums @ weight_ih, d, dc, *of_weights, of_bias, of_bias

    return LSTM.apply
