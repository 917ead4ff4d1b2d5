"""Gated delta rule (Yang et al. 2025, Gated DeltaNet): a matrix that maps keys to values, corrected at each step."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqcli import ops
from seqcli.cells import BaseCell, State
from seqcli.layers.blank import Rng
from seqcli.ops import Array

KEYS = 16  # d, a key's size
HEADS = 4  # at most; their number divides H
CHUNK = 32  # time steps that training takes at once


@dataclass(frozen=True)
class Cell(BaseCell):
    """S_t = α_t (S_{t-1} - β_t k_t (k_t^T S_{t-1})) + β_t k_t v_t^T and h_t = σ(o_t) S_t^T q_t, for each head.

    Gates u, v, o. From silu(u) come q and k, of length 1, α in (0, 1) and β in (0, 2), so that an eigenvalue may be
    negative (Grazzi et al. 2025). The state is h, then S (d, H / heads) as d arrays (H,), each a row of all heads.
    """

    key_weight: Array  # (heads·(2d + 2), H): q, k, α, β
    key_bias: Array  # (heads·(2d + 2),)

    gates, states, recurrent = 3, 1 + KEYS, False

    @classmethod
    def create(cls, input_size: int, hidden_size: int, rng: Rng) -> Cell:
        """Create as BaseCell does; σ of α's bias is 0.98, so that half a value is left after 35 steps."""
        heads = math.gcd(HEADS, hidden_size)
        bound, rows = math.sqrt(3 / hidden_size), heads * (2 * KEYS + 2)
        weight = rng.uniform(-bound, bound, (rows, hidden_size)).astype(np.float32)
        bias = np.zeros(rows, np.float32)
        bias[2 * heads * KEYS : heads * (2 * KEYS + 1)] = 4.0
        return super().create(input_size, hidden_size, rng, key_weight=weight, key_bias=bias)

    def _parts(self, px: Array) -> tuple[Array, ...]:
        """Return q, k (..., heads, d), log α, β (..., heads), v (..., heads, H / heads), σ(o) (..., H)."""
        u, v, o = ops.split(px, 3)
        weight, bias = ops.like(self.key_weight, px), ops.like(self.key_bias, px)
        made = ops.linear(u * ops.sigmoid(u), weight, bias)
        heads = math.gcd(HEADS, self.hidden_size)
        at, shape = heads * KEYS, px.shape[:-1]
        q, k = (_unit(made[..., i * at : (i + 1) * at].reshape(*shape, heads, KEYS)) for i in range(2))
        a, b = made[..., 2 * at : 2 * at + heads], made[..., 2 * at + heads :]
        return q, k, -ops.softplus(-a), 2 * ops.sigmoid(b), v.reshape(*shape, heads, -1), ops.sigmoid(o)

    def combine(self, px: Array, ph: Array, state: State) -> State:
        q, k, a, b, v, o = self._parts(px)
        a, b = ops.exp(a)[..., None], b[..., None]
        rows = [s.reshape(v.shape) for s in state[1:]]
        keys = [k[..., j : j + 1] for j in range(KEYS)]
        old = _sum([key * row for key, row in zip(keys, rows, strict=True)])  # k^T S
        add = b * (v - a * old)
        rows = [a * row + key * add for key, row in zip(keys, rows, strict=True)]
        found = _sum([q[..., j : j + 1] * row for j, row in enumerate(rows)])
        return (o * found.reshape(o.shape), *(row.reshape(o.shape) for row in rows))

    def unroll(self, x: Array, state: State) -> tuple[Array, State]:
        """Take all time steps, in training a chunk at a time: within it S is its value before the chunk plus what the
        chunk's keys have added."""
        if not ops.is_torch(x):
            return super().unroll(x, state)
        q, k, a, b, v, o = self._parts(ops.at_least_float32(self.project(x)))
        T, B, heads, _ = q.shape
        size = -(-T // CHUNK) * CHUNK

        def chunks(part: Any) -> Any:  # (T, B, heads, ...) -> (T / C, B, heads, C, ...), padded with zeros
            part = ops.concat([part, part.new_zeros(size - T, *part.shape[1:])], axis=0)
            return part.reshape(-1, CHUNK, *part.shape[1:]).movedim(1, 3)

        S = ops.stack([ops.like(s, v) for s in state[1:]]).reshape(KEYS, B, heads, -1).movedim(0, 2)
        y, S = _chunked(chunks(q), chunks(k), chunks(a), chunks(b), chunks(v), S)
        y = y.movedim(3, 1).reshape(size, B, -1)[:T]
        y = ops.like(o * y, x)
        return y, (y[-1], *(ops.like(s, x) for s in S.movedim(2, 0).reshape(KEYS, B, -1)))


def _unit(x: Array) -> Array:
    """Normalise x to length 1."""
    return x / ops.sqrt((x * x).sum(-1)[..., None] + 1e-6)


def _sum(parts: list[Array]) -> Array:
    """Return the sum of the parts, added in order."""
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _chunked(q: Any, k: Any, a: Any, b: Any, v: Any, S: Any) -> tuple[Any, Any]:
    """Return all outputs and the last S in torch, chunk by chunk: q, k, v (n, B, heads, C, ·), log α, β (n, B, heads,
    C).

    With γ the decay since the chunk began, and Γ_ij = γ_i / γ_j, S_i = γ_i S + Σ_{j≤i} Γ_ij k_j u_j^T, where
    u_i = β_i (v_i - γ_i S^T k_i - Σ_{j<i} Γ_ij k_i·k_j u_j): a triangular system.
    """
    import torch

    g = a.cumsum(-1)
    below = torch.ones(CHUNK, CHUNK, dtype=torch.bool, device=q.device).tril()
    between = (g[..., :, None] - g[..., None, :]).masked_fill(~below, -torch.inf).exp()  # Γ (n, B, heads, C, C)
    decay, b = g.exp()[..., None], b[..., None]
    system = (b * between * (k @ k.mT)).tril(-1)  # its diagonal is taken as 1
    solve = functools.partial(torch.linalg.solve_triangular, system, upper=False, unitriangular=True)
    u, w = solve(b * v), solve(b * decay * k)
    seen, queries, keys = between * (q @ k.mT), decay * q, between[..., -1, :, None] * k
    ys = []
    for i in range(len(q)):
        own = u[i] - w[i] @ S
        ys.append(queries[i] @ S + seen[i] @ own)
        S = decay[i][..., -1:, :] * S + keys[i].mT @ own
    return torch.stack(ys), S
