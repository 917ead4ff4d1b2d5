"""A recorded computation: plain data that an interpreter runs and a writer writes, and what records it.

Operators are those of ONNX, by name and meaning (opset 18), those that `evaluate.py` lists. A graph holds all that
it needs but its inputs; the graph within a Scan also sees the values of the one around it. Values are named; each is
made once, before it is used.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

OPSET = 18


class Value(NamedTuple):
    """An input or output."""

    name: str
    dtype: np.dtype
    shape: tuple[int | str, ...]  # a size that is known when the graph is run has a name


@dataclass(frozen=True)
class Node:
    """An operator. An input that is left away is the empty name."""

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any] = field(default_factory=dict)  # numbers, texts, lists of them; a Graph: `body`


@dataclass
class Graph:
    """Nodes in the order in which they can be run."""

    inputs: list[Value] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    initializers: dict[str, np.ndarray] = field(default_factory=dict)


def pruned(graph: Graph) -> Graph:
    """The graph without what no output is made of."""
    asked, kept = {output.name for output in graph.outputs}, []
    for node in reversed(graph.nodes):
        if asked & {*node.outputs}:
            kept.append(node)
            asked |= {*node.inputs}
            if "body" in node.attributes:
                asked |= used(node.attributes["body"])
    initializers = {name: a for name, a in graph.initializers.items() if name in asked}
    return replace(graph, nodes=kept[::-1], initializers=initializers)


def used(graph: Graph) -> set[str]:
    """The names that the nodes of a graph read, within inner graphs too."""
    inner = [used(node.attributes["body"]) for node in graph.nodes if "body" in node.attributes]
    return {name for node in graph.nodes for name in node.inputs}.union(*inner)
