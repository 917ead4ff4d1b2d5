"""Recursive cells against the papers' equations, node by node; gradients; what the layout promises."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples
from threadpoolctl import threadpool_limits

from seqcli import layers, ops
from seqcli.layers.tree import CELLS, Forest, TreeCell
from seqcli.records.trees import Tree, balanced, right_branching

torch = pytest.importorskip("torch")

I, H = 3, 4  # sizes of inputs and states
TWO = [name for name, cell in CELLS.items() if cell.arity == 2]


def grown(rng: np.random.Generator, leaves: int, most: int) -> Tree:
    """A tree of any shape with nodes of 1 (where `most` is not 2) or 2 to `most` children; words are w0, w1, ..."""
    open_ = [Tree("", f"w{i}") for i in range(leaves)]
    while len(open_) > 1 or (most != 2 and rng.random() < 0.3):
        n = min(len(open_), int(rng.integers(2 if most == 2 else 1, most + 1)))
        at = int(rng.integers(0, len(open_) - n + 1))
        open_[at : at + n] = [Tree("", None, tuple(open_[at : at + n]))]
    return open_[0]


def drawn(name: str, seed: int = 0, dtype: Any = np.float64, hidden: int = H, inputs: int = I) -> TreeCell:
    """A cell whose every weight is drawn."""
    rng = np.random.default_rng(seed)
    fresh = CELLS[name].create(inputs, hidden, rng)
    return layers.replace(
        fresh, {n: rng.normal(0, 0.5, a.shape).astype(dtype) for n, a in layers.arrays(fresh).items()}
    )


def in_torch(cell: TreeCell) -> tuple[TreeCell, list[Any]]:
    leaves = {n: torch.from_numpy(a.copy()).requires_grad_() for n, a in layers.arrays(cell).items()}
    return layers.replace(cell, leaves), list(leaves.values())


# the papers' equations, a node at a time


def sigmoid(x: Any) -> Any:
    return 1 / (1 + torch.exp(-x))


def socher(cell: TreeCell, x: Any, children: Sequence[Any]) -> Any:
    """h = tanh(W [h_l; h_r] + b); of a leaf tanh(W_x x + b)."""
    if not children:
        return (torch.tanh(cell.weight_x @ x + cell.bias),)
    (l,), (r,) = children
    return (torch.tanh(cell.weight_h @ torch.cat([l, r]) + cell.bias),)


def parts(cell: TreeCell) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """W, U and b by the papers' names of the gates."""
    size = cell.hidden_size
    blocks = list(cell.weight_h.split(size))
    w = dict(zip("iou", cell.weight_x.split(size), strict=True))
    u = dict(zip("iouf" if len(blocks) == 4 else "iou12", blocks, strict=True))
    return w, u, dict(zip("iouf", cell.bias.split(size), strict=True))


def child_sum(cell: TreeCell, x: Any, children: Sequence[Any]) -> Any:
    """Equations 2 to 8."""
    w, u, b = parts(cell)
    h_tilde = sum((h for h, _ in children), start=torch.zeros(cell.hidden_size, dtype=torch.float64))  # 2
    word = {g: w[g] @ x if x is not None else 0 for g in "iou"}
    i = sigmoid(word["i"] + u["i"] @ h_tilde + b["i"])  # 3
    f = [sigmoid(u["f"] @ h + b["f"]) for h, _ in children]  # 4: an inner node reads no word
    o = sigmoid(word["o"] + u["o"] @ h_tilde + b["o"])  # 5
    update = torch.tanh(word["u"] + u["u"] @ h_tilde + b["u"])  # 6
    c = i * update + sum(f_k * c_k for f_k, (_, c_k) in zip(f, children, strict=True))  # 7
    return o * torch.tanh(c), c  # 8


def n_ary(cell: TreeCell, x: Any, children: Sequence[Any]) -> Any:
    """Equations 9 to 14 with N = 2."""
    w, u, b = parts(cell)
    size = cell.hidden_size

    def from_children(gate: str) -> Any:
        return sum(u[gate][:, l * size : (l + 1) * size] @ h for l, (h, _) in enumerate(children))

    word = {g: w[g] @ x if x is not None else 0 for g in "iou"}
    i = sigmoid(word["i"] + from_children("i") + b["i"])  # 9
    f = [sigmoid(from_children(k) + b["f"]) for k in "12"[: len(children)]]  # 10
    o = sigmoid(word["o"] + from_children("o") + b["o"])  # 11
    update = torch.tanh(word["u"] + from_children("u") + b["u"])  # 12
    c = i * update + sum(f_k * c_k for f_k, (_, c_k) in zip(f, children, strict=True))  # 13
    return o * torch.tanh(c), c  # 14


PAPERS: dict[str, Callable[..., Any]] = {"rnn": socher, "child-sum": child_sum, "binary": n_ary}


def by_paper(name: str, cell: TreeCell, trees: Sequence[Tree], x: Any) -> Any:
    """h of every node, tree by tree in post-order; recursive, with nodes of one child passed through and of more than
    two folded to the left where the cell reads two."""
    rows, found = iter(x), []

    def state(node: Tree) -> Any:
        if node.word is not None:
            own = PAPERS[name](cell, next(rows), ())
        else:
            below = [state(child) for child in node.children]
            if name in TWO:
                own = below[0]
                for other in below[1:]:
                    own = PAPERS[name](cell, None, (own, other))
            else:
                own = PAPERS[name](cell, None, below)
        found.append(own[0])
        return own

    for tree in trees:
        state(tree)
    return torch.stack(found)


def read(cell: TreeCell, trees: Sequence[Tree], x: Any) -> Any:
    """h of every node, tree by tree in post-order, as the package computes it."""
    forest = Forest.build(trees, binary=cell.arity == 2)
    put = {n: ops.put(a, x) for n, a in forest.arrays().items()}
    h = cell.read(cell.leaf(x), put)
    return h[ops.put(forest.nodes, x)]


@st.composite
def groves(draw: st.DrawFn, most: int | None = None) -> tuple[list[Tree], int]:
    """Some trees, and how many leaves they have."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    widest = most or draw(st.sampled_from([2, 3, 5]))
    trees = [grown(rng, int(rng.integers(1, 9)), widest) for _ in range(draw(st.integers(1, 5)))]
    return trees, sum(len(t.leaves()) for t in trees)


@pytest.mark.parametrize("name", CELLS)
@settings(max_examples=examples(25))
@given(grove=groves(), seed=st.integers(0, 99))
def test_the_equations_are_the_papers(name: str, grove: tuple[list[Tree], int], seed: int) -> None:
    """In NumPy and in torch, float64; and so are the gradients of all weights and of what the leaves read."""
    trees, n = grove
    plain, x = drawn(name, seed), np.random.default_rng(seed).standard_normal((n, I))
    cell, weights = in_torch(plain)
    inputs = torch.from_numpy(x.copy()).requires_grad_()
    wanted = by_paper(name, cell, trees, inputs)
    np.testing.assert_allclose(read(plain, trees, x), wanted.detach().numpy(), rtol=0, atol=1e-14)
    found = read(cell, trees, inputs)
    np.testing.assert_allclose(found.detach().numpy(), wanted.detach().numpy(), rtol=0, atol=1e-14)
    direction = torch.from_numpy(np.random.default_rng(seed + 1).standard_normal(tuple(wanted.shape)))
    ours, theirs = (
        torch.autograd.grad(out, [*weights, inputs], direction, allow_unused=True) for out in (found, wanted)
    )
    for a, b, array in zip(ours, theirs, [*weights, inputs], strict=True):
        zero = torch.zeros_like(array)  # what was not used
        np.testing.assert_allclose(zero if a is None else a, zero if b is None else b, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", CELLS)
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    rng = np.random.default_rng(2)
    trees = [grown(rng, n, 2 if name in TWO else 4) for n in (5, 1, 3)]
    cell, weights = in_torch(drawn(name))
    x = torch.from_numpy(rng.standard_normal((9, I))).requires_grad_()

    def of(x: Any, *arrays: Any) -> Any:
        named = dict(zip(layers.arrays(cell), arrays, strict=True))
        return read(layers.replace(cell, named), trees, x)

    assert torch.autograd.gradcheck(of, [x, *weights])


@pytest.mark.parametrize("name", CELLS)
def test_a_loss_on_some_nodes_reaches_what_lies_below_them_alone(name: str) -> None:
    tree = Tree("", None, (right_branching(["a", "b", "c"]), Tree("", "d")))
    cell, _ = in_torch(drawn(name))
    x = torch.randn(4, I, dtype=torch.float64, requires_grad=True)
    h = read(cell, [tree], x)  # a b c (b c) (a b c) d all
    (grad,) = torch.autograd.grad(h[3].sum(), x)
    assert grad.any(1).tolist() == [False, True, True, False]


# one tree is one tree


@pytest.mark.parametrize("name", CELLS)
@settings(max_examples=examples(30))
@given(grove=groves(), seed=st.integers(0, 2**32), threads=st.sampled_from([1, 2]))
def test_a_tree_does_not_depend_on_its_batch(
    name: str, grove: tuple[list[Tree], int], seed: int, threads: int
) -> None:
    """To the last bit, float32."""
    trees, _ = grove
    rng = np.random.default_rng(seed)
    cell = drawn(name, 1, np.float32, hidden=int(rng.choice([1, 5, 33, 70])))
    inputs = [rng.standard_normal((len(t.leaves()), I)).astype(np.float32) for t in trees]
    alone = [read(cell, [t], x) for t, x in zip(trees, inputs, strict=True)]
    order = rng.permutation(len(trees)).tolist()
    with threadpool_limits(threads, user_api="blas"):
        together = read(cell, [trees[i] for i in order], np.concatenate([inputs[i] for i in order]))
    at = 0
    for i in order:
        np.testing.assert_array_equal(together[at : at + len(alone[i])], alone[i])
        at += len(alone[i])
    assert at == len(together)


@pytest.mark.parametrize("name", CELLS)
def test_many_trees_at_once(name: str) -> None:
    """Products of many tiles, a width beyond a block of them."""
    rng = np.random.default_rng(5)
    cell = drawn(name, 1, np.float32, hidden=130)
    trees = [grown(rng, int(n), 2) for n in rng.integers(1, 30, 60)]
    inputs = [rng.standard_normal((len(t.leaves()), I)).astype(np.float32) for t in trees]
    together = read(cell, trees, np.concatenate(inputs))
    ends = np.cumsum([len(t.nodes()) for t in trees])
    for i in (0, 17, 59):
        alone = read(cell, [trees[i]], inputs[i])
        np.testing.assert_array_equal(together[ends[i] - len(alone) : ends[i]], alone)


# shapes that are hard


@pytest.mark.parametrize("name", CELLS)
def test_a_chain_deeper_than_any_recursion(name: str) -> None:
    """Against a loop; and back through it."""
    levels = 2_000
    plain, x = drawn(name), np.random.default_rng(3).standard_normal((levels + 1, I)) * 3
    chain = right_branching([str(i) for i in range(levels + 1)])
    forest = Forest.build([chain], binary=plain.arity == 2)
    assert len(forest.sizes) == levels + 1
    leaves = plain.leaf(x)
    h = plain.read(leaves, forest.arrays())
    state = tuple(s[-1:] for s in leaves)
    for i in range(levels - 1, -1, -1):
        both = tuple(np.concatenate([s[i : i + 1], t]) for s, t in zip(leaves, state, strict=True))
        z = both[0].reshape(-1, plain.weight_h.shape[1]) @ plain.weight_h.T
        state = plain.combine(z, both[1:], np.array([0]), plain.bias)
    np.testing.assert_allclose(h[forest.roots], state[0], rtol=0, atol=1e-12)
    if name != "binary":  # torch is slow over so many heights of one node: once is enough
        return
    cell, weights = in_torch(plain)
    put = {n: torch.from_numpy(a) for n, a in forest.arrays().items()}
    out = cell.read(cell.leaf(torch.from_numpy(x)), put)
    np.testing.assert_allclose(out.detach().numpy(), h, rtol=0, atol=1e-12)
    grads = torch.autograd.grad(out.sum(), weights)
    assert all(bool(g.isfinite().all()) and bool(g.any()) for g in grads)


def test_a_node_of_ten_thousand_children() -> None:
    wide = Tree("", None, tuple(Tree("", "w") for _ in range(10_000)))
    cell, x = drawn("child-sum"), np.random.default_rng(3).standard_normal((10_002, I))
    h, c = cell.leaf(x[2:])
    i, o, update, f = np.split(cell.weight_h, 4)
    b_i, b_o, b_u, b_f = np.split(cell.bias, 4)
    total = h.sum(0)
    forget = ops.sigmoid(h @ f.T + b_f)
    memory = ops.sigmoid(i @ total + b_i) * np.tanh(update @ total + b_u) + (forget * c).sum(0)
    found = read(cell, [balanced(["a", "b"]), wide], x)[-1]
    np.testing.assert_allclose(found, ops.sigmoid(o @ total + b_o) * np.tanh(memory), rtol=0, atol=1e-9)
    forest = Forest.build([wide], binary=True)  # a chain to the left
    assert len(forest.sizes) == 10_000
    assert len(forest.nodes) == 10_001


@pytest.mark.parametrize("name", CELLS)
def test_trees_of_one_word(name: str) -> None:
    cell, x = drawn(name), np.random.default_rng(1).standard_normal((3, I))
    h = read(cell, [Tree("", w) for w in "abc"], x)
    np.testing.assert_array_equal(h, cell.leaf(x)[0])
    bound, weights = in_torch(cell)
    out = read(bound, [Tree("", w) for w in "abc"], torch.from_numpy(x))
    np.testing.assert_allclose(out.detach().numpy(), h, rtol=0, atol=1e-15)
    by = torch.autograd.grad(out.sum(), weights, allow_unused=True)
    assert by[0] is not None
    assert by[2] is not None


@pytest.mark.parametrize("name", CELLS)
def test_no_trees(name: str) -> None:
    assert read(drawn(name), [], np.zeros((0, I))).shape == (0, H)


def test_one_child_is_its_parent_where_nodes_are_pairs() -> None:
    word = Tree("", "a")
    once = Tree("", None, (Tree("", None, (word,)),))
    cell, x = drawn("binary"), np.ones((1, I))
    h = read(cell, [once], x)
    assert len(h) == 3
    assert (h == cell.leaf(x)[0]).all()
    assert not (read(drawn("child-sum"), [once], x)[1:] == drawn("child-sum").leaf(x)[0]).any()


def test_more_than_two_children_are_folded_to_the_left() -> None:
    leaves = tuple(Tree("", w) for w in "abcd")
    flat = Tree("", None, leaves)
    nested = Tree("", None, (Tree("", None, (Tree("", None, leaves[:2]), leaves[2])), leaves[3]))
    x = np.random.default_rng(0).standard_normal((4, I))
    for name in TWO:
        np.testing.assert_array_equal(read(drawn(name), [flat], x)[-1], read(drawn(name), [nested], x)[-1])
    assert [Forest.build([t], binary=True).changed for t in (flat, nested)] == [1, 0]
    assert Forest.build([flat, nested, flat], binary=True).changed == 2
    assert Forest.build([flat], binary=False).changed == 0


def test_a_cell_of_pairs_refuses_other_forests() -> None:
    flat = Tree("", None, tuple(Tree("", w) for w in "abc"))
    cell, x = drawn("binary"), np.zeros((3, I))
    with pytest.raises(ValueError, match="binary=True"):
        cell.read(cell.leaf(x), Forest.build([flat], binary=False).arrays())


# the layout


@settings(max_examples=examples(60))
@given(grove=groves(), binary=st.booleans())
def test_the_layout_of_a_forest(grove: tuple[list[Tree], int], binary: bool) -> None:
    """Rows are a permutation, heights are computed after what they read, words stand from left to right."""
    trees, n = grove
    forest = Forest.build(trees, binary=binary)
    assert forest.words == [w for t in trees for w in t.leaves()]
    assert sorted(forest.rows.tolist()) == list(range(len(forest.rows)))
    assert len(forest.rows) == forest.sizes.sum() == n + len(forest.starts)
    assert forest.sizes[0] == n
    assert forest.roots.tolist() == list(range(len(forest.rows) - len(trees), len(forest.rows)))
    assert len(forest.nodes) == sum(len(t.nodes()) for t in trees)
    if binary:
        assert forest.edges.tolist() == [2 * size for size in forest.sizes[1:]]
    done, first, known = n, 0, set(forest.rows[:n].tolist())
    for size, edges in zip(forest.sizes[1:], forest.edges, strict=True):
        assert set(range(first, first + edges)) <= known
        begins = forest.starts[done - n : done - n + size]
        assert begins[0] == 0
        assert (np.diff(begins) > 0).all()
        assert begins[-1] < edges
        known |= set(forest.rows[done : done + size].tolist())
        done, first = done + size, first + edges
    assert all(a.dtype == np.int64 for a in forest.arrays().values())


@pytest.mark.parametrize("name", CELLS)
def test_fresh_weights(name: str) -> None:
    """float32, biases 0, the variance of a unit's sum about that of what it reads."""
    cell = CELLS[name].create(300, 150, np.random.default_rng(0))
    assert (cell.input_size, cell.hidden_size) == (300, 150)
    assert all(a.dtype == np.float32 for a in layers.arrays(cell).values())
    assert not cell.bias.any()
    assert cell.weight_x.var() * 300 == pytest.approx(1, abs=0.03)
    assert cell.weight_h.var() * 300 == pytest.approx(1, abs=0.03)
