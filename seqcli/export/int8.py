"""A graph whose matrices are rows of int8 with a scale each; it multiplies in float32.

A matrix becomes Cast(int8) times its rows' scales, of constants alone: onnxruntime does it once, when it opens the
file. So no output depends on what else is in a batch, or on what comes later.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from seqcli import precision
from seqcli.graph import Graph, Node, used


def smaller(graph: Graph, weights: Collection[str]) -> Graph:
    """The graph with the float32 matrices among its weights in int8."""
    initializers, made = {}, []
    known = set(graph.initializers) | used(graph)
    for name, array in graph.initializers.items():
        if name not in weights or not precision.packs(array):
            initializers[name] = array
            continue
        rows, scale, wide = (f"{name}{end}" for end in (".int8", ".scale", ".float32"))
        assert not known & {rows, scale, wide}
        initializers[rows], scales = precision.rows_of_int8(array)
        initializers[scale] = scales[..., None]
        made.append(Node("Cast", (rows,), (wide,), {"to": "float32"}))
        made.append(Node("Mul", (wide, scale), (name,)))
    return replace(graph, initializers=initializers, nodes=made + graph.nodes)
