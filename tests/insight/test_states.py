"""Units that follow a text, gates, surprise and memory: against what was planted, and against the equations."""

from __future__ import annotations

import numpy as np
import pytest
from support.cells import stack_of

from seqcli.insight import coloured, gates, neurons

TEXT = 'He said "go on (now)" twice.\n    Indented 12 words.\n\nAn "open quote\n\nends here.\n'


def test_properties_of_a_text() -> None:
    found = {what: list(of(TEXT)) for what, of in neurons.PROPERTIES.items()}
    quoted = "".join(c for c, inside in zip(TEXT, found["inside quotes"], strict=True) if inside)
    assert quoted == '"go on (now)"open quote'  # the closing mark is outside; a blank line ends a quote
    assert "".join(c for c, n in zip(TEXT, found["open brackets"], strict=True) if n) == "(now"
    second = TEXT.index("Indented")
    assert found["place in the line"][second] == 5
    assert found["indentation"][second : second + 3] == [4, 4, 4]
    assert found["place in the word"][:6] == [1, 2, 0, 1, 2, 3]
    assert "".join(c for c, up in zip(TEXT, found["upper case"], strict=True) if up) == "HIA"


def test_a_planted_unit_is_found() -> None:
    rng, ends = np.random.default_rng(0), list(range(1, len(TEXT) + 1))
    states = [rng.normal(size=(len(TEXT), 6)), rng.normal(size=(len(TEXT), 4))]
    inside = np.array(neurons.PROPERTIES["inside quotes"](TEXT), float)
    states[1][:, 2] = 0.1 * states[1][:, 2] - inside
    best = neurons.follow(TEXT, ends, states)[0]
    assert (best.what, best.layer, best.unit) == ("inside quotes", 2, 2)
    expected = np.corrcoef(inside, states[1][:, 2])[0, 1]
    assert best.correlation == pytest.approx(expected)
    assert best.correlation < -0.9


def test_properties_that_do_not_vary_are_left_out() -> None:
    followed = neurons.follow("aaaa", [1, 2, 3, 4], [np.eye(4)])
    assert {f.what for f in followed} == {"place in the line", "place in the word", "place in the sentence"}


@pytest.mark.parametrize("block", [False, True])
def test_gates_of_an_lstm(block: bool) -> None:
    """Of one layer, from the equation: σ of the sums of input and state."""
    x = np.random.default_rng(0).normal(0, 3, (7, 2, 4))
    stack = stack_of("lstm", [3], both=False, block=block, dtype=np.float64)
    found = {g.name: g for g in gates.gates(stack, x)}
    assert list(found) == ["input", "forget", "output"]
    cell, values = stack.cells[0][0], []
    path = x if stack.frame is None else stack.project(x)
    read = path if stack.frame is None else stack.frame.blocks[0].norm(path)
    state = cell.initial_state(2)
    for now in read:
        sums = cell.project(now) + state[0] @ cell.weight_hh.T + cell.bias_hh
        values.append(1 / (1 + np.exp(-sums[:, 3:6])))
        _, state = cell.step(now, state)
    forget = np.array(values)
    assert found["forget"].mean == pytest.approx(forget.mean())
    assert found["forget"].open == pytest.approx((forget > 0.9).mean())
    assert found["forget"].shut == pytest.approx((forget < 0.1).mean())
    assert sum(found["forget"].tenths) == forget.size


def test_gates_in_both_directions_and_of_none() -> None:
    x = np.random.default_rng(0).normal(size=(5, 2, 4))
    both = gates.gates(stack_of("gru", [3, 3], both=True, dtype=np.float64), x)
    assert [(g.layer, g.direction, g.name) for g in both[:4]] == [
        (1, 0, "reset"), (1, 0, "update"), (1, 1, "reset"), (1, 1, "update"),
    ]  # fmt: skip
    assert gates.gates(stack_of("rnn", [3], both=False, dtype=np.float64), x) == []


def test_colours_never_cross_a_line_and_steer_nothing() -> None:
    shown = coloured.painted("a\x1b[2Jb\nc", [(0, 1, 0.0), (1, 7, 1.0), (7, 8, 0.5)])
    assert "\x1b[2J" not in shown
    for line in shown.split("\n"):
        assert line.count("\x1b[30;48") == line.count("\x1b[0m")
