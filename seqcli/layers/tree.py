"""Recursive networks over trees: the equations of three cells; all nodes of a height are computed together.

Sources: R. Socher et al., Parsing natural scenes and natural language with recursive neural networks, ICML 2011
(`rnn`); K. S. Tai, R. Socher and C. D. Manning, Improved semantic representations from tree-structured long
short-term memory networks, ACL 2015 (`child-sum`: equations 2-8; `binary`: 9-14 with N = 2). Leaves read x and have
no children; inner nodes read no word.

The states of all nodes are the rows of one array. Rows are ordered as the nodes are among the children of their
parents' height, so that a height reads one slice, without a gather, and the gradient of the weight is one product;
only the results of a height are written to scattered rows. Letters: N nodes, L leaves, E children (all nodes but
roots), B trees, G gates, H hidden size, I input size.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Self

import numpy as np

from seqcli import ops
from seqcli.layers.blank import Rng
from seqcli.ops import Array
from seqcli.records.trees import Tree

State = tuple[Array, ...]  # arrays (nodes, H); the first is the output h
Combine = Callable[[Array, State, Array, Array], State]

PARTS = ("rows", "sizes", "edges", "starts", "roots")  # the fields of a Forest that `read` needs


@dataclass(frozen=True)
class Forest:
    """Trees laid out for one batch; integer arrays. Nodes are computed by height, leaves first."""

    words: list[str]  # of the L leaves, in the order of computation: tree by tree, from the left
    rows: np.ndarray  # (N,) the row of each node's state, in the order of computation
    sizes: np.ndarray  # (heights,) number of nodes of each height; L is the first
    edges: np.ndarray  # (heights - 1,) number of children of all nodes of each height above the leaves
    starts: np.ndarray  # (N - L,) where the children of each inner node begin among those of its height
    roots: np.ndarray  # (B,) rows of the roots
    nodes: np.ndarray  # rows of the trees' nodes, tree by tree in post-order; a skipped node has its child's row
    changed: int = 0  # trees with a node that was skipped or folded

    @classmethod
    def build(cls, trees: Sequence[Tree], *, binary: bool) -> Forest:
        """Lay out trees. `binary`: a node with one child is replaced by that child, one with more than two is folded
        to the left, ((a b) c), by additional nodes."""
        words: list[str] = []
        heights: list[int] = []  # by id: nodes are numbered in post-order
        inner: list[int] = []
        counts: list[int] = []
        kids: list[int] = []
        nodes: list[int] = []
        roots: list[int] = []
        open_: list[int] = []  # ids of nodes whose parent is still to come
        changed = 0

        def add(children: Sequence[int]) -> int:
            heights.append(1 + max(heights[c] for c in children))
            inner.append(len(heights) - 1)
            counts.append(len(children))
            kids.extend(children)
            return inner[-1]

        for tree in trees:
            odd = False
            for node in tree.nodes():
                n = len(node.children)
                if not n:
                    made = len(heights)
                    heights.append(0)
                    words.append(node.word or "")
                else:
                    own = open_[-n:]
                    del open_[-n:]
                    if not binary:
                        made = add(own)
                    else:
                        made = own[0]
                        odd = odd or n != 2
                        for other in own[1:]:
                            made = add((made, other))
                open_.append(made)
                nodes.append(made)
            roots.append(open_.pop())
            changed += odd
        return _laid_out(words, heights, inner, counts, kids, nodes, roots, changed)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays that `TreeCell.read` needs, by name: see PARTS."""
        return {name: getattr(self, name) for name in PARTS}


def _laid_out(
    words: list[str],
    heights: list[int],
    inner: list[int],
    counts: list[int],
    kids: list[int],
    nodes: list[int],
    roots: list[int],
    changed: int,
) -> Forest:
    """Lay out nodes that are numbered so that children come before their parents."""
    height, count = np.array(heights, np.int64), np.array(counts, np.int64)
    computed = np.argsort(height, kind="stable")  # ids
    sizes = np.bincount(height) if heights else np.zeros(1, np.int64)
    by_height = np.argsort(height[np.array(inner, np.int64)], kind="stable")  # places in `inner`
    begins = (np.cumsum(count) - count)[by_height]  # in kids
    count = count[by_height]
    firsts = np.cumsum(count) - count
    at = np.arange(len(kids)) + np.repeat(begins - firsts, count)
    children = np.array(kids, np.int64)[at]  # ids in the order of rows
    row = np.empty(len(heights), np.int64)
    row[children] = np.arange(len(children))
    row[np.array(roots, np.int64)] = len(children) + np.arange(len(roots))
    bounds = np.cumsum(sizes[1:]) - sizes[1:]  # of each height in `count`
    edges = np.add.reduceat(count, bounds) if len(bounds) else np.zeros(0, np.int64)
    starts = firsts - np.repeat(np.cumsum(edges) - edges, sizes[1:])
    return Forest(
        words=words,
        rows=row[computed],
        sizes=sizes,
        edges=edges,
        starts=starts,
        roots=row[np.array(roots, np.int64)],
        nodes=row[np.array(nodes, np.int64)],
        changed=changed,
    )


@dataclass(frozen=True)
class TreeCell:
    """The base class of the cells. Their equations are `leaf` and `combine`; gates lie along the first axis."""

    weight_x: Array  # (·, I): of leaves
    weight_h: Array  # (G·H, arity·H): of inner nodes
    bias: Array

    gates: ClassVar[int]  # G, in the product with the children
    leaf_gates: ClassVar[int]
    biases: ClassVar[int]
    arity: ClassVar[int]  # children concatenated in one product; 1: each child by itself
    states: ClassVar[int] = 2  # arrays in the state

    @classmethod
    def create(cls, input_size: int, hidden_size: int, rng: Rng) -> Self:
        """Return fresh float32 weights, uniform with variance 1 / fan-in; biases are 0: with forget gates at 1/2, two
        children pass on as much together as one holds."""
        H, A = hidden_size, cls.arity
        x, h = np.sqrt(3.0 / input_size), np.sqrt(3.0 / (max(A, 2) * H))
        return cls(
            weight_x=rng.uniform(-x, x, (cls.leaf_gates * H, input_size)).astype(np.float32),
            weight_h=rng.uniform(-h, h, (cls.gates * H, A * H)).astype(np.float32),
            bias=np.zeros(cls.biases * H, np.float32),
        )

    @property
    def input_size(self) -> int:
        return self.weight_x.shape[1]

    @property
    def hidden_size(self) -> int:
        return self.weight_h.shape[1] // self.arity

    @abstractmethod
    def leaf(self, x: Array) -> State:
        """Return the states of leaves: x (L, I) -> (L, H) each."""

    @abstractmethod
    def combine(self, z: Array, children: State, starts: Array, bias: Array) -> State:
        """The equation of n inner nodes. z are the products with their children's h, (n, G·H), or (E, G·H) if each
        child has its own; `children` are the further arrays (E, H) of their states; starts (n,) says where each
        node's children begin -> the nodes' states (n, H)."""

    def read(self, leaves: State, forest: Mapping[str, Array]) -> Array:
        """Return h of every node, (N, H) by row, from the states of the leaves. `forest` has PARTS, as arrays of the
        same library; in torch, gradients flow to the weights and to `leaves`."""
        rows, starts = forest["rows"], forest["starts"]
        plan = (forest["sizes"].tolist(), forest["edges"].tolist())
        if self.arity > 1 and sum(plan[1]) != self.arity * len(starts):
            raise ValueError("the forest is not binary: build it with binary=True")
        if ops.is_torch(leaves[0]):
            return _by_height().apply(self, plan, rows, starts, self.weight_h, self.bias, *leaves)
        return self.climb(leaves, plan, rows, starts, self.combine)[0]

    def climb(
        self, leaves: State, plan: tuple[list[int], list[int]], rows: Array, starts: Array, combine: Combine
    ) -> State:
        """Return the states of all nodes (N, H), by row, computed height by height. No gradients."""
        sizes, edges = plan
        states = tuple(ops.zeros((len(rows), self.hidden_size), s) for s in leaves)
        for state, own in zip(states, leaves, strict=True):
            state[rows[: sizes[0]]] = own
        done, first = sizes[0], 0  # nodes computed, children read
        for n, m in zip(sizes[1:], edges, strict=True):
            h, *further = (state[first : first + m] for state in states)
            begins = starts[done - sizes[0] : done - sizes[0] + n]
            z = ops.linear(h.reshape(-1, self.arity * h.shape[1]), self.weight_h)
            new = combine(z, tuple(further), begins, self.bias)
            for state, own in zip(states, new, strict=True):
                state[rows[done : done + n]] = own
            done, first = done + n, first + m
        return states


@dataclass(frozen=True)
class Plain(TreeCell):
    """h = tanh(W [h_l; h_r] + b); leaves h = tanh(W_x x + b)."""

    gates, leaf_gates, biases, arity, states = 1, 1, 1, 2, 1

    def leaf(self, x: Array) -> State:
        return (ops.tanh(ops.linear(x, self.weight_x, self.bias)),)

    def combine(self, z: Array, children: State, starts: Array, bias: Array) -> State:
        return (ops.tanh(z + bias),)


@dataclass(frozen=True)
class Gated(TreeCell):
    """The base class of both Tree-LSTMs: leaves, which have nothing to forget. Gates and bias: i, o, u, then f."""

    leaf_gates, biases = 3, 4

    def leaf(self, x: Array) -> State:
        i, o, u = ops.split(ops.linear(x, self.weight_x, self.bias[: 3 * self.hidden_size]), 3)
        return self._out(o, ops.sigmoid(i) * ops.tanh(u))

    @staticmethod
    def _out(o: Array, c: Array) -> State:
        return ops.sigmoid(o) * ops.tanh(c), c


@dataclass(frozen=True)
class Binary(Gated):
    """The N-ary Tree-LSTM with N = 2: z = U [h_l; h_r], gates i, o, u, f_l, f_r; both f share a bias."""

    gates, arity = 5, 2

    def combine(self, z: Array, children: State, starts: Array, bias: Array) -> State:
        H = z.shape[1] // 5
        i, o, u, f_l, f_r = ops.split(z + ops.concat([bias, bias[3 * H :]]), 5)
        c = children[0].reshape(-1, 2 * H)
        c_l, c_r = ops.split(c, 2)
        return self._out(o, ops.sigmoid(i) * ops.tanh(u) + ops.sigmoid(f_l) * c_l + ops.sigmoid(f_r) * c_r)


@dataclass(frozen=True)
class ChildSum(Gated):
    """The child-sum Tree-LSTM: h~ = sum of the children's h; i, o, u read h~, a forget gate f_k its own h_k."""

    gates, arity = 4, 1

    def combine(self, z: Array, children: State, starts: Array, bias: Array) -> State:
        H = z.shape[1] // 4
        i, o, u = ops.split(ops.segment_sum(z[:, : 3 * H], starts) + bias[: 3 * H], 3)  # U h~ = sum of U h_k
        f = ops.sigmoid(z[:, 3 * H :] + bias[3 * H :])
        return self._out(o, ops.sigmoid(i) * ops.tanh(u) + ops.segment_sum(f * children[0], starts))


CELLS: dict[str, type[TreeCell]] = {"rnn": Plain, "child-sum": ChildSum, "binary": Binary}


@cache
def _by_height() -> Any:
    """Return `climb` with gradients, as an autograd function; torch is imported here.

    Plain autograd would copy the states, and then their gradients, at every height. Here a height keeps a small graph
    of `combine` alone; gradients between heights are added in place, and the weight's gradient is one product.
    """
    import torch

    class ByHeight(torch.autograd.Function):
        @staticmethod
        def forward(  # type: ignore[override]
            ctx: Any, cell: TreeCell, plan: Any, rows: Any, starts: Any, weight: Any, bias: Any, *leaves: Any
        ) -> Any:
            graphs: list[tuple[Any, ...]] = []
            own_bias = bias.detach().requires_grad_()

            def combine(z: Any, further: State, begins: Any, _: Any) -> State:
                with torch.enable_grad():
                    inputs = [z.requires_grad_(), *(s.clone().requires_grad_() for s in further)]
                    new = cell.combine(inputs[0], tuple(inputs[1:]), begins, own_bias)
                graphs.append(([*inputs, own_bias], new))
                return tuple(s.detach() for s in new)

            states = cell.climb(leaves, plan, rows, starts, combine)
            ctx.graphs, ctx.plan, ctx.arity, ctx.states = graphs, plan, cell.arity, len(leaves)
            ctx.save_for_backward(rows, weight, states[0])
            return states[0]

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:  # type: ignore[override]
            (sizes, edges), arity = ctx.plan, ctx.arity
            rows, weight, h = ctx.saved_tensors
            grads = [grad.clone(), *(torch.zeros_like(grad) for _ in range(1, ctx.states))]
            first, done = sum(edges), sum(sizes)
            wide = h.shape[1] * arity
            by_z = h.new_empty((first // arity, len(weight)))
            by_bias = None
            for (inputs, new), n, m in zip(reversed(ctx.graphs), sizes[:0:-1], edges[::-1], strict=True):
                done, first = done - n, first - m
                own = rows[done : done + n]
                by = torch.autograd.grad(new, inputs, [g[own] for g in grads], retain_graph=True)  # for a second call
                z = by_z[first // arity : (first + m) // arity]
                z.copy_(by[0])
                grads[0][first : first + m] += (z @ weight).view(m, -1)
                for total, part in zip(grads[1:], by[1:-1], strict=True):
                    total[first : first + m] += part
                by_bias = by[-1] if by_bias is None else by_bias + by[-1]
            by_weight = by_z.T @ h[: sum(edges)].reshape(-1, wide)
            own = rows[: sizes[0]]
            return None, None, None, None, by_weight, by_bias, *(g[own] for g in grads)

    return ByHeight
