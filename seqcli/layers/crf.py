"""Linear-chain conditional random field (Lafferty et al. 2001), learned on top of a tagger's scores.

The score of tags y is start[y_1] + Σ e_t[y_t] + Σ transitions[y_{t-1}, y_t] + end[y_T]; p(y) is the softmax over all
K^T of them. Letters: T time, B batch, K labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from seqcli import ops
from seqcli.layers.blank import Rng
from seqcli.ops import Array

Limits = tuple[
    np.ndarray, np.ndarray, np.ndarray
]  # start (K,), transitions (K, K) [from, to], end (K,): True = allowed

FORBIDDEN = -1e4  # finite: a path that is forced against the limits still has a score, and gradients stay finite

_RANGE = 340.0  # nats: float64 holds exp(±708), and the gradient multiplies two of the sums
_MIXING = 8  # most steps that labels may take to mix for the fused form; span schemes take 1 to 3


@dataclass(frozen=True)
class CRF:
    """Weights of the chain: transitions (K, K) [from, to], start (K,), end (K,)."""

    transitions: Array
    start: Array
    end: Array

    @classmethod
    def create(cls, labels: int, rng: Rng) -> CRF:
        """Return fresh float32 weights, uniform in ±0.1, so that emissions decide until transitions are learned."""
        shapes = [(labels, labels), (labels,), (labels,)]
        return cls(*(rng.uniform(-0.1, 0.1, shape).astype(np.float32) for shape in shapes))

    def limited(self, limits: Limits | None) -> CRF:
        """Return the chain with FORBIDDEN added to all weights that the limits do not allow."""
        if limits is None:
            return self
        start, transitions, end = limits
        return CRF(_limit(self.transitions, transitions), _limit(self.start, start), _limit(self.end, end))

    def loss(self, emissions: Array, tags: Array, lengths: Array) -> Array:
        """Return -log p(tags | emissions) in nats: emissions (T, B, K), tags (T, B), lengths (B,) -> (B,).

        Values beyond a length have no influence, whatever they are, and no gradient; length 0 gives 0. Sums are
        float32 under bfloat16. torch takes the fused form where it is exact.
        """
        return self._summed(emissions, tags, lengths)

    def partial_loss(self, emissions: Array, allowed: Array, lengths: Array) -> Array:
        """Return -log of the total probability of all allowed paths (Tsuboi et al. 2008), in nats: as `loss`, with
        allowed (T, B, K) > 0 for labels that a token may have. It is 0 if everything is allowed. Sums are float64.

        Each token must allow a label. If no allowed path also keeps the limits, the limits are broken.
        """
        wide = ops.float64(emissions)
        held = ops.where(allowed > 0, wide, wide + 2 * FORBIDDEN)
        return self._summed(wide, None, lengths) - self._summed(held, None, lengths)

    def _summed(self, emissions: Array, tags: Array | None, lengths: Array) -> Array:
        """Return the `loss`; without tags log Z alone."""
        T = len(emissions)
        emissions = ops.at_least_float32(emissions)
        if not T:
            return emissions.sum(axis=(0, 2))
        inside = ops.integers(np.arange(T), emissions)[:, None] < lengths[None]  # (T, B)
        emissions = ops.where(inside[..., None], emissions, ops.zeros((1,), emissions))
        tags = None if tags is None else ops.where(inside, tags, 0)
        weights = (ops.at_least_float32(w) for w in (self.transitions, self.start, self.end))
        crf = CRF(*weights)
        if ops.is_torch(emissions) and (fused := crf.fused(emissions, tags, lengths, inside)) is not None:
            return fused
        return crf.equation(emissions, tags, lengths, inside)

    def equation(self, emissions: Array, tags: Array | None, lengths: Array, inside: Array) -> Array:
        """Return log Z - score, in log space; without tags log Z. Beyond inside (T, B), emissions and tags are 0."""
        T, B, _ = emissions.shape
        into = self.transitions.T  # (K, K) [to, from]
        a = self.start + emissions[0]  # (B, K): log of the sum over all paths that end here
        for t in range(1, T):
            new = ops.logsumexp(a[:, None] + into) + emissions[t]
            a = ops.where(inside[t][:, None], new, a)
        log_z = ops.logsumexp(a + self.end)
        zero = ops.zeros((1,), emissions)
        if tags is None:
            return ops.where(inside[0], log_z, zero)
        steps = ops.where(inside[1:], self.transitions[tags[:-1], tags[1:]], zero)
        last = tags[lengths - 1, ops.integers(np.arange(B), emissions)]
        score = self.start[tags[0]] + ops.take_along(emissions, tags).sum(0) + steps.sum(0) + self.end[last]
        return ops.where(inside[0], log_z - score, zero)

    def fused(self, emissions: Any, tags: Any | None, lengths: Any, inside: Any) -> Any | None:
        """Return `equation` by forward-backward in float64 probabilities, with the marginals as its gradient, in
        torch; None where it might not be exact.

        A product of probabilities loses terms 708 nats below the rest. If any label leads to any other within d
        steps, the sums over paths of two labels differ by at most the range of scores of d steps: that is checked.
        """
        if self._range(emissions.detach()) < _RANGE:
            found = _fused().apply(emissions, self.transitions, self.start, self.end, tags, lengths, inside)
            if bool(found.isfinite().all()):  # not so if every path is forbidden
                return found
        return None

    def _range(self, emissions: Any) -> float:
        """Return how many nats the labels' sums over paths may differ at any time, forbidden ones excepted; inf or
        nan: no bound."""
        import torch

        with torch.no_grad():
            allowed = self.transitions > FORBIDDEN / 2
            step = reach = allowed.double()
            mixing = 1
            while not _mixed(reach):
                if mixing == _MIXING:
                    return float("inf")
                reach, mixing = (reach @ step).clamp(max=1), mixing + 1
            spread = [(emissions.amax(-1) - emissions.amin(-1)).amax()]
            for w in (self.transitions, self.start, self.end):
                kept = w > FORBIDDEN / 2
                high, low = w.amax(), torch.where(kept, w, torch.inf).amin()
                spread.append((high - low).clamp(min=0))
            e, transitions, start, end = torch.stack(spread).tolist()
            return mixing * (e + transitions) + start + end  # nan is below no bound: the equation shows it


def _limit(weight: Array, allowed: np.ndarray) -> Array:
    return ops.where(ops.integers(allowed, weight) > 0, weight, weight + FORBIDDEN)


def _mixed(reach: Any) -> bool:
    """Whether every label that leads to any label leads to all labels that can be reached: reach (K, K), 0 or 1."""
    return bool((reach == reach.amax(1, keepdim=True) * reach.amax(0)).all())


@cache
def _fused() -> Any:
    """Return the autograd function of the fused form; torch is imported here."""
    import torch

    class Fused(torch.autograd.Function):
        @staticmethod
        def forward(  # type: ignore[override]
            ctx: Any, emissions: Any, transitions: Any, start: Any, end: Any, tags: Any, lengths: Any, inside: Any
        ) -> Any:
            T, B, _ = emissions.shape
            columns = torch.arange(B, device=emissions.device)
            times = torch.arange(T, device=emissions.device)[:, None]
            back = torch.where(inside, lengths[None] - 1 - times, times)  # (T, B): a sequence reversed in its length
            last = (lengths - 1).clamp(min=0)
            e, trans, first, final = (x.double() for x in (emissions, transitions, start, end))
            score = 0.0
            if tags is not None:
                score = e.gather(-1, tags[..., None])[..., 0].sum(0) + first[tags[0]] + final[tags[last, columns]]
                score += (trans[tags[:-1], tags[1:]] * inside[1:]).sum(0)

            # both directions at once, (2, B, K): forward, and backward over the reversed sequences
            tops = e.amax(-1, keepdim=True), trans.max(), first.max(), final.max()
            x = (e - tops[0]).exp()
            both = torch.stack([x, x[back, columns]], 1)  # (T, 2, B, K)
            moves = (trans - tops[1]).exp()
            moves = torch.stack([moves, moves.T])
            before = torch.empty_like(both)  # sums over paths up to a token, without the token's own emission
            before[0] = torch.stack([first - tops[2], final - tops[3]]).exp()[:, None]
            norms = torch.empty((T, 2, B, 1), dtype=e.dtype, device=e.device)
            steps = zip(before.unbind(), both.unbind(), norms.unbind(), strict=True)
            a = both[0]
            for t, (p, own, norm) in enumerate(steps):
                if t:
                    torch.bmm(a, moves, out=p)
                a = p * own
                torch.sum(a, -1, keepdim=True, out=norm)
                a /= norm
            forward = before[:, 0] * x / norms[:, 0]  # (T, B, K), each row sums to 1
            ends = (forward[last, columns] * (final - tops[3]).exp()).sum(-1)
            scales = torch.where(inside, (norms[:, 0].log() + tops[0])[..., 0], 0.0)
            log_z = scales.sum(0) + ends.log()
            log_z += last * tops[1] + tops[2] + tops[3]
            if any(ctx.needs_input_grad):
                after = before[:, 1][back, columns]  # sums over paths from a token on, without its emission
                after = after / after.amax(-1, keepdim=True)
                marginals = forward * after
                total = marginals.sum(-1, keepdim=True)
                within = inside[..., None]
                ctx.save_for_backward(
                    torch.where(within, marginals / total, 0.0),
                    torch.where(within[1:], forward[:-1] / norms[1:, 0], 0.0),
                    torch.where(within[1:], (x * after / total)[1:], 0.0),
                    moves[0],
                    *(last, inside),
                    *(() if tags is None else (tags,)),
                )
            return torch.where(inside[0], log_z - score, 0.0).to(emissions.dtype)

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx: Any, *grads: Any) -> Any:
            marginals, left, right, moves, last, inside, *tags = ctx.saved_tensors
            _, B, K = marginals.shape
            weight = torch.where(inside[0], grads[0].double(), 0.0)  # (B,)
            columns = torch.arange(B, device=last.device)
            pairs = left.reshape(-1, K).T @ (right * weight[:, None]).reshape(-1, K) * moves
            for own in tags:  # expected less observed
                marginals = marginals.scatter_add(-1, own[..., None], -inside[..., None].double())
                seen = (own[:-1] * K + own[1:]).reshape(-1)
                pairs = pairs.reshape(-1).index_add(0, seen, -(inside[1:] * weight).reshape(-1)).reshape(K, K)
            d = marginals * weight[:, None]
            return d, pairs, d[0].sum(0), d[last, columns].sum(0), None, None, None  # autograd casts them

    return Fused
