"""Store a graph's matrices in float16, or as rows of int8 with a scale each; the graph still multiplies in float32.

A matrix becomes Cast(float16), or Cast(int8) times its rows' scales, made of constants alone, which a runtime can
compute once, when it opens the file. So no output depends on the rest of a batch, or on later tokens.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from seqcli import precision
from seqcli.graph import Graph, Node, used


def smaller(graph: Graph, weights: Collection[str], kind: str) -> Graph:
    """Return the graph with the float32 matrices among its `weights` stored in float16 or int8."""
    initializers, made = {}, []
    known = set(graph.initializers) | used(graph)
    for name, array in graph.initializers.items():
        if name not in weights or not precision.packs(array):
            initializers[name] = array
            continue
        parts = precision.pack({name: array}, kind)
        stored = f"{name}.{kind}"
        if parts[name].dtype == array.dtype:  # it has numbers beyond float16
            initializers[name] = array
        elif kind == "float16":
            initializers[stored] = parts[name]
            made.append(Node("Cast", (stored,), (name,), {"to": "float32"}))
        else:
            scale, wide = f"{name}.scale", f"{name}.float32"
            initializers[stored], initializers[scale] = parts[name], parts[precision.SCALE + name][..., None]
            made.append(Node("Cast", (stored,), (wide,), {"to": "float32"}))
            made.append(Node("Mul", (wide, scale), (name,)))
    assert not known & (set(initializers) - set(graph.initializers) | {f"{n}.float32" for n in graph.initializers})
    return replace(graph, initializers=initializers, nodes=made + graph.nodes)
