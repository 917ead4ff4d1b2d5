"""The contract of cells, in the manner of google/sequence-layers: a layer is its steps, whatever cell it is made of.

Each of the registry's cells, and those of `support.cells`, stacked, in one direction or both: outputs, last states and
gradients equal those of single steps, one sequence at a time; the padding is NaN; what stands beside changes no bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.cells import CELLS, stack_of

from seqcli import layers
from seqcli.inference.batch import BatchForm
from seqcli.inference.stream import StreamForm
from seqcli.layers.stack import Stack

torch = pytest.importorskip("torch")

T, I, H = 4, 4, 3
LENGTHS = [4, 1, 3, 2, 0, 4]
B = len(LENGTHS)
contract = pytest.mark.parametrize("cell", CELLS)
SHAPES = [(1, False, False), (2, True, False), (2, True, True)]
shapes = pytest.mark.parametrize(("depth", "both", "block"), SHAPES)


def inputs(seed: int = 1, fill: float = np.nan) -> np.ndarray:
    """x (T, B, I), with `fill` beyond each length."""
    x = np.random.default_rng(seed).standard_normal((T, B, I))
    return np.where(np.arange(T)[:, None, None] < np.array(LENGTHS)[:, None], x, fill)


def bound(stack: Stack, dtype: Any = torch.float64) -> tuple[Stack, list[Any]]:
    weights = {n: torch.from_numpy(a.copy()).to(dtype).requires_grad_() for n, a in layers.arrays(stack).items()}
    return layers.replace(stack, weights), list(weights.values())


def start_of(stack: Stack) -> Any:
    """A state that is not zero, as torch's leaves."""
    rng = np.random.default_rng(8)
    state = layers.arrays(stack.initial_state(B))
    return layers.replace(
        stack.initial_state(B), {n: torch.tensor(rng.normal(0, 0.5, a.shape)) for n, a in state.items()}
    )


def leaves(state: Any) -> tuple[Any, list[Any]]:
    own = {n: a.clone().requires_grad_() for n, a in layers.arrays(state).items()}
    return layers.replace(state, own), list(own.values())


def normed(x: Any, norm: Any) -> Any:
    """Layer normalisation, from its definition."""
    centred = x - x.mean(-1, keepdim=True)
    return centred / ((centred**2).mean(-1, keepdim=True) + 1e-5).sqrt() * norm.weight + norm.bias


def around(x: Any, y: Any, block: Any) -> Any:
    """What a block makes of the path x and its cells' outputs y, from the formula in its file."""
    gate = normed(x, block.norm) @ block.gate_weight.T + block.gate_bias
    x = x + (y * gate * gate.sigmoid()) @ block.weight_out.T
    a, b = (normed(x, block.feedforward_norm) @ block.feedforward_in.T).chunk(2, -1)
    return x + (a * a.sigmoid() * b) @ block.feedforward_out.T


def by_steps(stack: Stack, x: Any, state: Any) -> tuple[Any, list[Any]]:
    """Outputs (T, B, ·) and last states, a sequence at a time and nothing but the cells' `step`."""
    ys, ends = [], []
    for b, n in enumerate(LENGTHS):
        path, own_ends = x[:n, b], []
        if stack.frame is not None:
            path = path @ stack.frame.weight.T + stack.frame.bias
        for depth, (layer, own) in enumerate(zip(stack.cells, state, strict=True)):
            block, found = stack.frame and stack.frame.blocks[depth], []
            below = path if block is None else normed(path, block.norm)
            for d, (cell, start) in enumerate(zip(layer, own, strict=True)):
                now, outputs = tuple(s[b : b + 1] for s in start), [below[:0, :1].expand(0, cell.hidden_size)]
                for t in range(n):
                    y, now = cell.step(below[n - 1 - t if d else t][None], now)
                    outputs.append(y)
                y = torch.cat(outputs)
                found.append(y.flip(0) if d else y)
                own_ends += now
            path = torch.cat(found, dim=-1) if block is None else around(path, torch.cat(found, dim=-1), block)
        below = path if stack.frame is None else normed(path, stack.frame.norm)
        ys.append(torch.cat([below, below.new_zeros(T - n, below.shape[1])]))
        ends.append(own_ends)
    return torch.stack(ys, dim=1), [torch.cat(parts) for parts in zip(*ends, strict=True)]


def gradients(parts: list[Any], wanted: list[Any]) -> list[Any]:
    generator = torch.Generator().manual_seed(3)
    total = sum((p * torch.randn(p.shape, generator=generator, dtype=torch.float64)).sum() for p in parts)
    found = torch.autograd.grad(total, wanted, allow_unused=True)
    return [torch.zeros_like(w) if g is None else g for g, w in zip(found, wanted, strict=True)]


@shapes
@contract
@pytest.mark.parametrize("way", ["unroll", "read"])
def test_a_layer_is_its_steps(cell: str, depth: int, both: bool, block: bool, way: str) -> None:
    """Also in NumPy; beyond a length outputs and gradients are zero, though NaN stands there."""
    plain = stack_of(cell, [H] * depth, both=both, block=block, dtype=np.float64)
    first = plain.initial_state(B) if way == "read" else start_of(plain)
    first = layers.replace(first, {n: torch.as_tensor(a) for n, a in layers.arrays(first).items()})
    results = []
    for steps in (True, False):
        stack, weights = bound(plain)
        (state, start), x = leaves(first), torch.from_numpy(inputs()).requires_grad_()
        if steps:
            y, ends = by_steps(stack, x, state)
        elif way == "read":
            y, ends = stack.read(x, torch.tensor(LENGTHS)), []
        else:
            y, end = stack.unroll(x, state, lengths=torch.tensor(LENGTHS))
            ends = list(layers.arrays(end).values())
        parts, wanted = [y, *(ends if way == "unroll" else [])], [x, *(start if way == "unroll" else []), *weights]
        results.append([*parts, *gradients(parts, wanted)])
    for expected, found in zip(*results, strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)
    numpy = layers.replace(first, {n: a.numpy() for n, a in layers.arrays(first).items()})
    lengths = np.array(LENGTHS)
    ours = [plain.read(inputs(), lengths)]
    if way == "unroll":
        y, end = plain.unroll(inputs(), numpy, lengths=lengths)
        ours = [y, *layers.arrays(end).values()]
    for own, expected in zip(ours, results[0], strict=False):
        np.testing.assert_allclose(own, expected.detach().numpy(), rtol=0, atol=1e-12)


@shapes
@contract
def test_what_stands_beside_changes_no_bit(cell: str, depth: int, both: bool, block: bool) -> None:
    """Rows alone, without padding, against rows among garbage: the plain form, and many sequences at once."""
    stack, x = stack_of(cell, [H] * depth, both=both, block=block), inputs().astype(np.float32)
    form = BatchForm(stack)

    def flat(rows: list[np.ndarray]) -> np.ndarray:
        projected = form.project(np.concatenate(rows))
        return form.read([len(r) for r in rows], lambda places, d: projected[d, places])

    for b, n in enumerate(LENGTHS):
        garbage = inputs(seed=b + 2, fill=-3e38).astype(np.float32)
        garbage[:, b] = x[:, b]
        with np.errstate(all="ignore"):
            y, end = stack.unroll(garbage, stack.initial_state(B), lengths=np.array(LENGTHS))
        alone, own_end = stack.unroll(x[:n, b : b + 1], stack.initial_state(1)) if n else (y[:0, :1], None)
        np.testing.assert_array_equal(y[:n, b], alone[:, 0])
        if own_end is not None:
            for a, own in zip(layers.arrays(end).values(), layers.arrays(own_end).values(), strict=True):
                np.testing.assert_array_equal(a[b], own[0])
        beside = [garbage[:m, i] for i, m in enumerate(LENGTHS)] * 7  # more than a tile holds
        at = sum(LENGTHS[:b])
        np.testing.assert_array_equal(flat(beside)[at : at + n], flat([x[:n, b]]))


# each shape small and large, and one stream of all sizes: its products are of other shapes than those of many
SIZED = [*((*shape, H) for shape in SHAPES), *((1, False, False, n) for n in (70, 300))]
SIZED += [(2, True, False, 300), (2, True, True, 70)]


@pytest.mark.parametrize(("depth", "both", "block", "hidden"), SIZED)
@contract
def test_the_fast_forms_are_torchs_outputs(cell: str, depth: int, both: bool, block: bool, hidden: int) -> None:
    """float32: many sequences at once; one stream whole and step by step, and it may be taken up anywhere."""
    stack, x = stack_of(cell, [hidden] * depth, both=both, block=block), inputs(fill=0.0).astype(np.float32)
    ours, _ = bound(stack, torch.float32)
    inside = (np.arange(T)[:, None] < np.array(LENGTHS)).T
    expected = ours.read(torch.from_numpy(x), torch.tensor(LENGTHS)).detach().numpy().swapaxes(0, 1)[inside]
    form = BatchForm(stack)
    projected = form.project(x.swapaxes(0, 1)[inside])
    found = form.read(LENGTHS, lambda places, d: projected[d, places])
    scale = max(1.0, float(np.abs(expected).max()))  # a ReLU may grow
    np.testing.assert_allclose(found / scale, expected / scale, rtol=0, atol=1e-4)
    if not both:
        table, ids = x[:, 0], np.array([2, 0, 3, 1, 1, 3])
        stream, state = StreamForm(table, stack), stack.initial_state(1)
        start = layers.replace(state, {n: torch.from_numpy(a) for n, a in layers.arrays(state).items()})
        expected = ours.unroll(torch.from_numpy(table[ids][:, None]), start)[0].detach().numpy()[:, 0]
        whole, _ = stream.unroll(ids, state)
        np.testing.assert_allclose(whole / scale, expected / scale, rtol=0, atol=1e-4)
        for t, id in enumerate(ids.tolist()):
            plain, _ = stack.unroll(table[ids[: t + 1]][:, None], stack.initial_state(1))
            h, state = stream.step(id, state)
            np.testing.assert_array_equal(h, whole[t])
            np.testing.assert_allclose(h / scale, plain[-1, 0] / scale, rtol=0, atol=1e-4)
