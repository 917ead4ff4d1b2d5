"""Computation graphs: plain data that `record.py` and `symbol.py` record, `evaluate.py` runs and exporters write.

Operators are those of ONNX (opset 18), by name and meaning, as far as `evaluate.py` lists them. A graph holds
everything that it needs except its inputs; the graph inside a Scan also sees the values of the one around it. Values
are named; each is assigned once, before it is used.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

OPSET = 18


class Value(NamedTuple):
    """An input or output of a graph."""

    name: str
    dtype: np.dtype
    shape: tuple[int | str, ...]  # a size that is known only when the graph is run is a name


@dataclass(frozen=True)
class Node:
    """An operator. An omitted input is the empty name."""

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any] = field(default_factory=dict)  # numbers, texts, lists of them; `body` is a Graph


@dataclass
class Graph:
    """A graph: its nodes in an order in which they can be run, inputs, outputs and constant arrays."""

    inputs: list[Value] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    initializers: dict[str, np.ndarray] = field(default_factory=dict)


def pruned(graph: Graph) -> Graph:
    """Return the graph without the nodes and arrays that no output depends on."""
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
    """Return the names that the nodes of a graph read, also inside inner graphs."""
    inner = [used(node.attributes["body"]) for node in graph.nodes if "body" in node.attributes]
    return {name for node in graph.nodes for name in node.inputs}.union(*inner)
