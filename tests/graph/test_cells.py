"""Every cell there is, recorded: what NumPy makes of the graph, and onnxruntime, is what the layer gives itself."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.cells import CELLS, stack_of
from support.pages import NODE, runner

from seqcli import layers
from seqcli.cells import BaseCell, lstm
from seqcli.export.onnx import Session, write
from seqcli.graph.evaluate import run
from seqcli.graph.record import Tape
from seqcli.layers.stack import Stack

SHAPES = [(batch, time) for batch in (1, 7) for time in (3, 40)]


def recorded(stack: Stack) -> tuple[Tape, Any]:
    """A tape, and the stack with its arrays on it."""
    tape = Tape()
    return tape, layers.replace(stack, {n: tape.weight(n, a) for n, a in layers.arrays(stack).items()})


def near(found: np.ndarray, wanted: np.ndarray) -> None:
    np.testing.assert_allclose(found, wanted, atol=1e-5 * max(1, float(np.abs(wanted).max())))


@pytest.mark.parametrize("form", ["one direction", "both", "blocks"])
@pytest.mark.parametrize("cell", CELLS)
def test_padded_sequences(cell: str, form: str, tmp_path: Path) -> None:
    stack = stack_of(cell, [6, 6], both=form != "one direction", block=form == "blocks")
    tape, own = recorded(stack)
    x, lengths = tape.input("x", np.float32, ["T", "B", 4]), tape.input("lengths", np.int64, ["B"])
    tape.output("y", own.read(x, lengths))
    write(tmp_path / "x.onnx", tape.graph, {})
    session, rng = Session(tmp_path / "x.onnx"), np.random.default_rng(0)
    for B, T in SHAPES:
        given = {"x": rng.standard_normal((T, B, 4), np.float32), "lengths": rng.integers(1, T + 1, B)}
        wanted = stack.read(given["x"], given["lengths"])
        ways = [partial(run, tape.graph), session.run, *([runner(tape.graph)] if NODE else [])]
        for found in (way(given) for way in ways):
            near(found["y"], wanted)


@pytest.mark.parametrize("cell", CELLS)
def test_a_state_carried_over_two_calls(cell: str, tmp_path: Path) -> None:
    stack = stack_of(cell, [5, 3], both=False)
    tape, own = recorded(stack)
    x = tape.input("x", np.float32, ["T", "B", 4])
    flat = [
        tuple(tape.input("state", np.float32, ["B", s.shape[1]]) for s in layer[0].initial_state(1))
        for layer in stack.cells
    ]
    y, state = own.unroll(x, tuple((s,) for s in flat))
    tape.output("y", y)
    names = [value.name for value in tape.graph.inputs[1:]]
    for name, part in zip(names, [part for ((*parts,),) in state for part in parts], strict=True):
        tape.output(f"next {name}", part)
    write(tmp_path / "x.onnx", tape.graph, {})
    session, rng = Session(tmp_path / "x.onnx"), np.random.default_rng(0)
    for B, T in SHAPES:
        text = rng.standard_normal((T, B, 4), np.float32)
        wanted, last = stack.unroll(text, stack.initial_state(B))
        for how in (session.run, lambda given: run(tape.graph, given)):
            begun = {
                name: np.zeros((B, v.shape[1]), np.float32)
                for name, v in zip(names, tape.graph.inputs[1:], strict=True)
            }
            first = how({"x": text[:2], **begun})
            second = how({"x": text[2:], **{name: first[f"next {name}"] for name in names}})
            near(np.concatenate([first["y"], second["y"]]), wanted)
            for name, part in zip(names, [part for ((*parts,),) in last for part in parts], strict=True):
                near(second[f"next {name}"], part)


def test_cells_that_name_an_operator_take_it() -> None:
    for cell, op in (
        ("lstm", "LSTM"),
        ("gru", "GRU"),
        ("rnn", "RNN"),
        ("irnn", "RNN"),
        ("slstm", "Scan"),
        ("mingru", "Scan"),
    ):
        tape, own = recorded(stack_of(cell, [3], both=False))
        own.read(tape.input("x", np.float32, ["T", "B", 4]), tape.input("lengths", np.int64, ["B"]))
        ops = [node.op for node in tape.graph.nodes]
        assert [name for name in ("LSTM", "GRU", "RNN", "Scan") if name in ops] == [op]


def test_a_cell_with_another_equation_does_not_inherit_the_operator() -> None:
    class Other(lstm.Cell):
        def combine(self, px: Any, ph: Any, state: Any) -> Any:
            return super().combine(px + 1, ph, state)

    cell: BaseCell = Other.create(4, 3, np.random.default_rng(0))
    tape = Tape()
    own = layers.replace(cell, {n: tape.weight(n, a) for n, a in layers.arrays(cell).items()})
    x = tape.input("x", np.float32, ["T", "B", 4])
    tape.output("y", own.unroll(x, own.initial_state(x.shape[1]))[0])
    text = np.random.default_rng(0).standard_normal((5, 2, 4), np.float32)
    near(run(tape.graph, {"x": text})["y"], cell.unroll(text, cell.initial_state(2))[0])
