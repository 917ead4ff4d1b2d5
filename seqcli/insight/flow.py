"""Gradients through time: how much the loss at a step depends on a state long before it.

The derivative of the loss at step t with respect to the whole recurrent state after step k (all layers, all parts of
the state) is a product of t - k Jacobians: its norm vanishes or explodes with t - k depending on their singular
values (Hochreiter 1991; Bengio et al. 1994; Pascanu et al. 2013, 2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from seqcli import layers
from seqcli.cells import BaseCell, State
from seqcli.errors import SeqcliError, UsageError
from seqcli.layers.stack import Stack, Step

TIMES = 16  # how many steps, in the second half of a sequence, have their loss differentiated
SHARE = 0.9  # the share of the summed norms that lies within a model's memory


class Unrolled(NamedTuple):
    """A model with a `stack`, the stack's input (T, B, I), and `losses(model, y)`: from outputs y (T, B, C) the nats
    (S, B) of the last S steps, in torch."""

    model: Any
    x: np.ndarray
    losses: Callable[[Any, Any], Any]


def network(own: Any, *, recurrent: bool = True) -> Any:
    """Return the network of a predictor, which must be recurrent if `recurrent`. Raises UsageError if it has none, or
    reads frames."""
    stack = getattr(own.model, "stack", None)
    if getattr(own.model, "front_end", None) is not None:
        raise UsageError(
            f"{own.path}: this model reads frames, which have no tokens to look at",
            hint="the filters' options --attention, --times and --explain may apply to it",
        )
    if stack is None or (recurrent and not isinstance(stack, Stack)):
        what = "recurrent states" if recurrent else "layers"
        raise UsageError(
            f"{own.path}: a model of this kind has no {what} to look at",
            hint="the filters' option --explain works for every kind of model",
        )
    return own.model


def embeddings(own: Any) -> np.ndarray:
    """Return the embedding table of a predictor's model. Raises SeqcliError if it has none."""
    if getattr(own.model, "embedding", None) is None:
        raise SeqcliError(f"{own.path}: a model of this kind has no embeddings")
    return getattr(own.model, "table", own.model.embedding)


class Gate(NamedTuple):
    """A matrix that multiplies the state: its name, its eigenvalues, its singular values, the largest first."""

    name: str
    eigenvalues: np.ndarray
    singular: np.ndarray


def norms(given: Unrolled, times: int | None = TIMES) -> np.ndarray:
    """Return (T, T): the norm of the derivative of the loss at step t with respect to the state after step k,
    averaged over the batch; NaN if t was not chosen, or does not depend on k. float64, by torch's autograd."""
    import torch

    arrays = {n: torch.from_numpy(np.array(a, np.float64)) for n, a in layers.arrays(given.model).items()}
    model = layers.replace(given.model, arrays)
    T = len(given.x)
    seen: list[list[Any]] = [[] for _ in range(T)]

    def see(step: Step) -> State:
        own = tuple(s.clone() if s.requires_grad else s.clone().requires_grad_() for s in step.state)
        seen[step.time] += own
        return own

    nats = given.losses(model, model.stack.watch(torch.from_numpy(np.array(given.x, np.float64)), see))
    found, first = np.full((T, T), np.nan), T - len(nats)
    both = any(len(layer) == 2 for layer in model.stack.cells)
    chosen = range(first, T)
    if times is not None and len(nats) > times:
        chosen = np.unique(np.linspace(max(first, T // 2), T - 1, times).round().astype(int)).tolist()
    flat, owner = [s for states in seen for s in states], [k for k, states in enumerate(seen) for _ in states]
    for t in chosen:
        loss = nats[t - first].sum()  # rows are independent: the sum's gradient holds each row's own
        if not loss.requires_grad:
            continue
        squares: dict[int, Any] = {}
        for k, grad in zip(owner, torch.autograd.grad(loss, flat, retain_graph=True, allow_unused=True), strict=True):
            if grad is not None and (k < t or (both and k > t)):
                squares[k] = squares.get(k, 0) + grad.pow(2).sum(-1)
        for k, total in squares.items():
            found[t, k] = float(total.sqrt().mean())
    return found


def by_distance(table: np.ndarray) -> list[float]:
    """Return the mean of norms (T, T) at each distance 1, 2 … between loss and state; NaN where there is none."""
    gap = np.abs(np.subtract.outer(np.arange(len(table)), np.arange(len(table))))
    own = [table[(gap == d) & ~np.isnan(table)] for d in range(1, len(table))]
    return [float(values.mean()) if len(values) else float("nan") for values in own]


def memory(curve: list[float]) -> int | None:
    """Return the distance within which 90 % of the norms, summed over all distances, lie; None if there are none."""
    values = np.nan_to_num(np.array(curve))
    total = values.cumsum()
    return int((total < SHARE * total[-1]).sum()) + 1 if len(values) and total[-1] > 0 else None


def factor(curve: list[float]) -> float | None:
    """Return the factor by which the norm changes from one distance to the next (the geometric mean over all)."""
    own = [(d, v) for d, v in enumerate(curve) if v > 0]
    if len(own) < 2:
        return None
    (near, first), (far, last) = own[0], own[-1]
    return float((last / first) ** (1 / (far - near)))


def spectrum(stack: Stack) -> list[Gate]:
    """Return the recurrent matrices of a stack, gate by gate; none for cells without a recurrent matrix."""
    found = []
    for depth, layer in enumerate(stack.cells):
        for direction, cell in enumerate(layer):
            place = f"layer {depth + 1}" + (", backward" if direction else "")
            found += [_gate(f"{place}, {name}", w) for name, w in _matrices(cell)]
    return found


def _matrices(cell: BaseCell) -> list[tuple[str, np.ndarray]]:
    if not cell.recurrent:
        return []
    parts = np.split(np.asarray(cell.weight_hh), cell.gates)
    names = {place: name for name, place in cell.sigmoids.items()}
    return [(names.get(i, "candidate" if names else f"matrix {i + 1}"), part) for i, part in enumerate(parts)]


def _gate(name: str, weight: np.ndarray) -> Gate:
    weight = weight.astype(np.float64)
    return Gate(name, np.linalg.eigvals(weight), np.linalg.svd(weight, compute_uv=False))
