"""Operations on arrays that are not there: recorded, then run, they are what NumPy does with arrays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqcli import ops
from seqcli.export.onnx import Session, write
from seqcli.graph.evaluate import run
from seqcli.graph.record import Tape

X = np.random.default_rng(0).standard_normal((5, 3, 4)).astype(np.float32)
LENGTHS = np.array([5, 2, 1])
DONE: dict[str, Callable[[Any, Any], Any]] = {
    "arithmetic": lambda x, n: 2 - x * x / (1 + x * x) + (-x) * 3.5 + 1 / (x * x + 1),
    "comparisons": lambda x, n: ops.where((x > 0) & ~(x >= 1) | (x <= -1), x, 0 * x),
    "gates": lambda x, n: ops.sigmoid(x) * ops.tanh(x) + ops.silu(x) + ops.relu(x),
    "logarithms": lambda x, n: ops.log(ops.exp(x) + ops.sqrt(x * x)) + ops.softplus(x) + ops.expm1(x * 1e-4),
    "softmax": lambda x, n: ops.softmax(x) + ops.log_softmax(x),
    "norm": lambda x, n: ops.layer_norm(x, x[0, 0], x[0, 1]),
    "maximum": lambda x, n: ops.maximum(x, 0 * x),
    "amax": lambda x, n: ops.amax(x, 0),
    "sums": lambda x, n: x.sum(0) + x.mean(axis=0),
    "split": lambda x, n: ops.concat(ops.split(x, 2)[::-1]),
    "stack": lambda x, n: ops.stack([x, x * 2]),
    "pieces": lambda x, n: ops.concat([x[1:], x[:1]], axis=0),
    "reverse": lambda x, n: ops.reverse(x, n),
    "reverse all": lambda x, n: ops.reverse(x, None),
    "similarities": lambda x, n: ops.similarities(x.swapaxes(0, 1), x.swapaxes(0, 1)),
    "mix": lambda x, n: ops.mix(ops.similarities(x, x), x),
    "masked": lambda x, n: ops.masked_softmax(x.swapaxes(0, 2), (ops.arange(x.shape[0], x)[None] < n[:, None])[None]),
    "linear": lambda x, n: ops.linear(x, x[0], x[0, :, 0]),
    "reshape": lambda x, n: x.reshape(x.shape[0] * x.shape[1], -1).reshape(x.shape[0], x.shape[1], 2, -1)[..., 1, :],
    "heads": lambda x, n: x.reshape(*x.shape[:-1], 2, 2).swapaxes(1, 2).reshape(x.shape[0], -1, 4),
    "zeros": lambda x, n: ops.zeros((x.shape[1], 2), x) + x[0, :, :2],
    "rows": lambda x, n: ops.embedding(n - 1, x),
    "two indices": lambda x, n: x[n - 1, ops.arange(x.shape[1], x)],
    "new axes": lambda x, n: (x[:, :, None] + x[:, None])[..., 0],
    "take along": lambda x, n: ops.take_along(x[0], ops.where(n > 3, 0 * n, n)),
    "best": lambda x, n: ops.like(x.argmax(-1), x),
    "scan": lambda x, n: ops.scan(ops.sigmoid(x), x, x[0]),
    "loop": lambda x, n: ops.loop(lambda x, s: (s[0] + x, s[0] * s[1]), x, (x[0], x[1]))[0],
}


@pytest.mark.parametrize("name", DONE)
def test_recorded_operations(name: str, tmp_path: Path) -> None:
    tape, done = Tape(), DONE[name]
    x, n = tape.input("x", np.float32, ["T", "B", 4]), tape.input("n", np.int64, ["B"])
    made = done(x, n)
    tape.output("y", made)
    wanted = done(X, LENGTHS)
    given = {"x": X, "n": LENGTHS}
    write(tmp_path / "x.onnx", tape.graph, {"a": "ü"})
    session = Session(tmp_path / "x.onnx")
    assert session.metadata == {"a": "ü"}
    for found in (run(tape.graph, given)["y"], session.run(given)["y"]):
        np.testing.assert_allclose(found, wanted, atol=2e-6)
        assert found.shape == wanted.shape
    fixed = [size if isinstance(size, int) else None for size in made.shape]
    assert [s for s, w in zip(fixed, wanted.shape, strict=True) if s not in (None, w)] == []


def test_a_size_that_is_not_known_is_not_read() -> None:
    x = Tape().input("x", np.float32, ["T", 4])
    with pytest.raises(TypeError, match=r"use x\.shape"):
        len(x)
