"""Run a graph in NumPy: each operator in a line or two, as ONNX defines it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from seqcli.graph import Graph, Node, pruned

Values = dict[str, Any]
Given = list[Any]


def run(graph: Graph, given: Mapping[str, np.ndarray], outer: Mapping[str, Any] | None = None) -> Values:
    """Return the outputs by name; `outer` are the values of the graph around it."""
    values: Values = {"": None, **(outer or {}), **graph.initializers, **given}
    for node in graph.nodes:
        inputs = [values[name] for name in node.inputs]
        found = _scan(node, inputs, values) if node.op == "Scan" else OPERATORS[node.op](node.attributes, inputs)
        found = found if isinstance(found, list) else [found]
        values.update(zip(node.outputs, found, strict=True))
    return {output.name: values[output.name] for output in graph.outputs}


def folded(graph: Graph) -> Graph:
    """Return the graph with everything that depends on constants alone computed."""
    known, nodes = dict(graph.initializers), []
    for node in graph.nodes:
        if node.op == "Scan" or not all(name in known for name in node.inputs):
            nodes.append(node)
            continue
        found = OPERATORS[node.op](node.attributes, [known[name] for name in node.inputs])
        known.update(zip(node.outputs, found if isinstance(found, list) else [found], strict=True))
    return pruned(replace(graph, nodes=nodes, initializers=known))


def _scan(node: Node, inputs: Given, values: Values) -> list[np.ndarray]:
    body, count = node.attributes["body"], node.attributes["num_scan_inputs"]
    names = [value.name for value in body.inputs]
    state, xs = inputs[:-count], inputs[-count:]
    collected: list[list[np.ndarray]] = [[] for _ in body.outputs[len(state) :]]
    for row in zip(*xs, strict=True):
        found = list(run(body, dict(zip(names, [*state, *row], strict=True)), values).values())
        state = found[: len(state)]
        for kept, own in zip(collected, found[len(state) :], strict=True):
            kept.append(own)
    return [*state, *map(np.stack, collected)]


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return (np.tanh(x * x.dtype.type(0.5)) + 1) * x.dtype.type(0.5)


def _softmax(a: Any, i: Given) -> np.ndarray:
    e = np.exp(i[0] - i[0].max(axis=a["axis"], keepdims=True))
    return e / e.sum(axis=a["axis"], keepdims=True)


def _log_softmax(a: Any, i: Given) -> np.ndarray:
    x = i[0] - i[0].max(axis=a["axis"], keepdims=True)
    return x - np.log(np.exp(x).sum(axis=a["axis"], keepdims=True))


def _reshape(a: Any, i: Given) -> np.ndarray:
    return i[0].reshape([i[0].shape[n] if s == 0 else s for n, s in enumerate(i[1].tolist())])


def _slice(a: Any, i: Given) -> np.ndarray:
    own = [slice(None)] * i[0].ndim
    for start, stop, axis, step in zip(*(x.tolist() for x in i[1:]), strict=True):
        own[axis] = slice(start, stop if stop > -(1 << 62) else None, step)
    return i[0][tuple(own)]


def _split(a: Any, i: Given) -> list[np.ndarray]:
    return np.split(i[0], np.cumsum(i[1])[:-1], axis=a["axis"])


def _reverse(a: Any, i: Given) -> np.ndarray:
    y = i[0].copy()
    for b, n in enumerate(i[1].tolist()):
        y[:n, b] = i[0][:n, b][::-1]
    return y


def _reduced(how: Callable[..., np.ndarray]) -> Callable[[Any, Given], np.ndarray]:
    return lambda a, i: how(i[0], axis=tuple(i[1].tolist()), keepdims=bool(a["keepdims"]))


def _plain(how: Callable[..., np.ndarray]) -> Callable[[Any, Given], np.ndarray]:
    return lambda a, i: how(*i)


def _recurrence(step: Callable[..., list[np.ndarray]]) -> Callable[[Any, Given], list[np.ndarray]]:
    """Return an operator that runs all steps of one direction: X (T, B, I), W (1, G·H, I), R (1, G·H, H),
    B (1, 2·G·H), starts (1, B, H)."""

    def all_steps(a: Any, i: Given) -> list[np.ndarray]:
        x, w, r, b, _, *starts = i
        bias_w, bias_r = np.split(b[0], 2)
        state, ys = [s[0] for s in starts], []
        for now in x:
            state = step(a, now @ w[0].T + bias_w, state[0] @ r[0].T + bias_r, state)
            ys.append(state[0])
        return [np.stack(ys)[:, None], *(s[None] for s in state)]

    return all_steps


def _lstm(a: Any, px: np.ndarray, ph: np.ndarray, state: list[np.ndarray]) -> list[np.ndarray]:
    i, o, f, c = np.split(px + ph, 4, axis=-1)
    new = _sigmoid(f) * state[1] + _sigmoid(i) * np.tanh(c)
    return [_sigmoid(o) * np.tanh(new), new]


def _gru(a: Any, px: np.ndarray, ph: np.ndarray, state: list[np.ndarray]) -> list[np.ndarray]:
    assert a["linear_before_reset"] == 1
    (xz, xr, xh), (hz, hr, hh) = np.split(px, 3, axis=-1), np.split(ph, 3, axis=-1)
    z, r = _sigmoid(xz + hz), _sigmoid(xr + hr)
    return [(1 - z) * np.tanh(xh + r * hh) + z * state[0]]


def _rnn(a: Any, px: np.ndarray, ph: np.ndarray, state: list[np.ndarray]) -> list[np.ndarray]:
    return [np.tanh(px + ph) if a["activations"] == ["Tanh"] else np.maximum(px + ph, 0)]


def _divided(a: Any, i: Given) -> np.ndarray:
    return i[0] // i[1] if i[0].dtype.kind == "i" else i[0] / i[1]


OPERATORS: dict[str, Callable[[Any, Given], Any]] = {
    "Add": _plain(np.add),
    "Sub": _plain(np.subtract),
    "Mul": _plain(np.multiply),
    "Div": _divided,
    "Max": _plain(np.maximum),
    "Less": _plain(np.less),
    "LessOrEqual": _plain(np.less_equal),
    "Greater": _plain(np.greater),
    "GreaterOrEqual": _plain(np.greater_equal),
    "Equal": _plain(np.equal),
    "And": _plain(np.logical_and),
    "Or": _plain(np.logical_or),
    "Not": _plain(np.logical_not),
    "Neg": _plain(np.negative),
    "Sigmoid": _plain(_sigmoid),
    "Tanh": _plain(np.tanh),
    "Relu": lambda a, i: np.maximum(i[0], 0),
    "Exp": _plain(np.exp),
    "Log": _plain(np.log),
    "Sqrt": _plain(np.sqrt),
    "Sin": _plain(np.sin),
    "Softplus": lambda a, i: np.logaddexp(i[0], i[0].dtype.type(0)),
    "Where": _plain(np.where),
    "Cast": lambda a, i: i[0].astype(a["to"]),
    "Identity": lambda a, i: i[0],
    "Softmax": _softmax,
    "LogSoftmax": _log_softmax,
    "ReduceSum": _reduced(np.sum),
    "ReduceMean": _reduced(np.mean),
    "ReduceMax": _reduced(np.max),
    "ArgMax": lambda a, i: i[0].argmax(axis=a["axis"]),
    "MatMul": _plain(np.matmul),
    "Transpose": lambda a, i: i[0].transpose(a["perm"]),
    "Reshape": _reshape,
    "Unsqueeze": lambda a, i: np.expand_dims(i[0], tuple(i[1].tolist())),
    "Squeeze": lambda a, i: np.squeeze(i[0], tuple(i[1].tolist())),
    "Expand": lambda a, i: np.broadcast_to(i[0], np.broadcast_shapes(i[0].shape, tuple(i[1].tolist()))),
    "Shape": lambda a, i: np.array(i[0].shape, np.int64),
    "Range": lambda a, i: np.arange(*map(int, i)),
    "Slice": _slice,
    "Split": _split,
    "Concat": lambda a, i: np.concatenate(i, axis=a["axis"]),
    "Gather": lambda a, i: np.take(i[0], i[1], axis=a["axis"]),
    "GatherElements": lambda a, i: np.take_along_axis(i[0], i[1], axis=a["axis"]),
    "ReverseSequence": _reverse,
    "LSTM": _recurrence(_lstm),
    "GRU": _recurrence(_gru),
    "RNN": _recurrence(_rnn),
}
