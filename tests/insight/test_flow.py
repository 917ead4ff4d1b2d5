"""Gradients through time are those of finite differences, of the whole state, cell by cell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import inprocess
from support.cells import stack_of

import seqcli
from seqcli import layers, ops, registry
from seqcli.insight import flow
from seqcli.layers.stack import Stack
from seqcli.models import language_model
from seqcli.tasks.language_model import look

torch = pytest.importorskip("torch")

V, T, B = 7, 9, 3


def model_of(cell: Any, depth: int = 2, scale: float = 1.5) -> Any:
    config = language_model.Config(cell=cell, embedding=4, hidden=5, layers=depth)
    made = language_model.Model.create(config, V, np.random.default_rng(3))
    arrays = {n: scale * a.astype(np.float64) for n, a in layers.arrays(made).items()}
    return layers.replace(made, arrays)


def ids_of(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(V, size=(T + 1, B))


def loss_after(model: Any, ids: np.ndarray, t: int, k: int, push: Any) -> float:
    """The loss at step t of one row, the state after step k pushed: by single steps in NumPy."""
    state = model.stack.initial_state(1)
    y = None
    for now in range(t + 1):
        y, state = model.stack.step(model.embedding[ids[now : now + 1]], state)
        if now == k:
            state = push(state)
    logits = model.logits(y)[0]
    return float(np.log(np.exp(logits).sum()) - logits[ids[t + 1]])


def by_differences(model: Any, ids: np.ndarray, t: int, k: int, e: float = 1e-6) -> float:
    """The norm of the derivative, a number of the state at a time."""
    total = 0.0
    for name, start in layers.arrays(model.stack.initial_state(1)).items():
        for i in range(start.shape[1]):
            found = []
            for sign in (1, -1):

                def push(state: Any, name: str = name, i: int = i, sign: int = sign) -> Any:
                    own = {n: a.copy() for n, a in layers.arrays(state).items()}
                    own[name][0, i] += sign * e
                    return layers.replace(state, own)

                found.append(loss_after(model, ids, t, k, push))
            total += ((found[0] - found[1]) / (2 * e)) ** 2
    return total**0.5


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru", "mingru", "slstm", {"kind": "lstm", "block": True}])
def test_norms_are_those_of_finite_differences(cell: Any) -> None:
    model, ids = model_of(cell), ids_of()
    found = flow.norms(look.of_ids(model, ids), times=None)
    rng = np.random.default_rng(1)
    for _ in range(3):
        t = int(rng.integers(1, T))
        k = int(rng.integers(t))
        expected = np.mean([by_differences(model, ids[:, b], t, k) for b in range(B)])
        assert found[t, k] == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.slow  # eight seconds
def test_twenty_norms_of_a_trained_lstm_of_two_layers(tmp_path: Path) -> None:
    """Trained by the verb, 300 steps; text of its validation split; to 1e-6."""
    (tmp_path / "a.txt").write_text("the quick brown fox jumps over the lazy dog, and it's happy.\n" * 200)
    recipe = "task: language-model\ntokenizer: char\ndata: {train: a.txt, valid: 0.1}\n"
    recipe += "model: {cell: lstm, embedding: 8, hidden: 16, layers: 2}\n"
    recipe += "train: {steps: 300, sequence_length: 32, batch_size: 16, learning_rate: 1e-2, threads: 1}\n"
    (tmp_path / "r.yaml").write_text(recipe)
    assert inprocess.seqcli("train", "r.yaml", cwd=tmp_path).returncode == 0
    own: Any = seqcli.load(tmp_path / "runs" / "r")
    model = layers.replace(own.model, {n: a.astype(np.float64) for n, a in own.model.arrays().items()})
    text = "and it's happy.\nthe quick brown fox jumps over the lazy"
    ids = own.tokenizer.encode(text)[:, None].astype(np.int64)
    found = flow.norms(look.of_ids(model, ids), times=None)
    rng = np.random.default_rng(0)
    for _ in range(20):
        t = int(rng.integers(1, len(ids) - 1))
        k = int(rng.integers(t))
        assert found[t, k] == pytest.approx(by_differences(model, ids[:, 0], t, k), rel=1e-6, abs=1e-9)


def test_only_what_was_before_counts_forward() -> None:
    found = flow.norms(look.of_ids(model_of("gru"), ids_of()), times=None)
    earlier = np.subtract.outer(np.arange(T), np.arange(T)) > 0
    assert np.isnan(found[~earlier]).all()
    assert (found[earlier] > 0).all()


def test_a_linear_recurrence_goes_as_its_matrix_says() -> None:
    """Units above 0 of a ReLU are linear: 0.8 times a permutation of them takes 0.8 of the norm a step."""
    weight = 0.8 * np.eye(6)[np.random.default_rng(0).permutation(6)]
    cell = registry.load("cells", "rnn").Cell.create(6, 6, np.random.default_rng(0), nonlinearity="relu")
    stack = Stack(((layers.replace(cell, {"weight_hh": weight, "weight_ih": np.eye(6)}),),))
    given = flow.Unrolled(stack_model(stack), np.ones((8, 2, 6)), lambda model, y: y.sum(-1))
    curve = flow.by_distance(flow.norms(given, times=None))
    assert np.array(curve[1:]) / np.array(curve[:-1]) == pytest.approx(0.8)
    assert flow.factor(curve) == pytest.approx(0.8)


def stack_model(stack: Stack) -> Any:
    """A model that is its stack alone."""
    from dataclasses import dataclass

    @dataclass(frozen=True)
    class Alone:
        stack: Stack

    return Alone(stack)


def test_both_directions_lead_to_a_loss() -> None:
    given = flow.Unrolled(
        stack_model(stack_of("gru", [3], both=True, dtype=np.float64)),
        np.random.default_rng(0).normal(size=(6, 2, 4)),
        lambda model, y: y.pow(2).sum(-1),
    )
    found = flow.norms(given, times=None)
    assert np.isnan(np.diag(found)).all()
    assert (found[~np.eye(6, dtype=bool)] > 0).all()


def test_memory_and_factor() -> None:
    assert flow.memory([1.0, 0.1, 0.0]) == 1
    assert flow.memory([1.0] * 10) == 9
    assert flow.memory([0.0, 0.0]) is None
    assert flow.factor([8.0, 4.0, 2.0]) == pytest.approx(0.5)
    assert flow.factor([float("nan"), 1.0]) is None


def test_the_spectrum_is_that_of_each_gate() -> None:
    model = model_of("lstm", depth=1)
    gates = flow.spectrum(model.stack)
    assert [g.name for g in gates] == [f"layer 1, {n}" for n in ("input", "forget", "candidate", "output")]
    forget = model.stack.cells[0][0].weight_hh[5:10]
    assert gates[1].singular == pytest.approx(np.linalg.norm(forget, ord=2) * np.ones(5), rel=1e-5)  # orthogonal
    assert np.sort(abs(gates[1].eigenvalues)) == pytest.approx(1.5 * np.ones(5), rel=1e-5)
    assert flow.spectrum(model_of("mingru").stack) == []


def test_watching_changes_nothing() -> None:
    """In blocks, in both directions: the outputs of `watch` are those of `unroll`."""
    x = np.random.default_rng(0).normal(size=(T, B, 4))
    for cell in registry.names("cells"):
        for both, block in ((False, False), (True, False), (True, True)):
            stack = stack_of(cell, [3, 3], both=both, block=block, dtype=np.float64)
            y, _ = stack.unroll(x, stack.initial_state(B))
            np.testing.assert_allclose(stack.watch(x, lambda step: step.state), y, rtol=0, atol=1e-12)
    assert ops.to_numpy(y).shape == (T, B, 3)
