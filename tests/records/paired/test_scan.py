"""SCAN's lines: commands and actions, as a data set has them and as a filter reads them."""

from __future__ import annotations

from typing import Any

import pytest

from seqcli.errors import SeqcliError


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("IN: run right twice OUT: I_TURN_RIGHT I_RUN", ("run right twice", "I_TURN_RIGHT I_RUN", 5, 26)),
        ("IN: jump OUT:", ("jump", "", 5, 14)),
        ("IN:jump\tOUT:I_JUMP ", ("jump", "I_JUMP", 4, 13)),
        ("IN: OUT: X", ("", "X", 5, 10)),
        ("IN: a OUT: b OUT: c", ("a", "b OUT: c", 5, 12)),
        ("IN: IN: a OUT: b", ("IN: a", "b", 5, 16)),
        ("IN: sOUT: a OUT: b", ("sOUT: a", "b", 5, 18)),
        ("IN: a\u00a0 OUT: b\u3000", ("a\u00a0", "b\u3000", 5, 13)),  # blanks are spaces and tabs
    ],
)
@pytest.mark.parametrize("gold", [True, False])
def test_both_sides(read: Any, line: str, expected: tuple[str, str, int, int], gold: bool) -> None:
    (pair,) = read("scan", line + "\n", gold=gold)
    assert (pair.text, pair.target, pair.column, pair.goal_column) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("IN: jump twice", ("jump twice", None)),
        ("jump twice", ("jump twice", None)),
        ("  jump twice \t", ("jump twice", None)),
        ("jump OUT: I_JUMP", ("jump", "I_JUMP")),
        ("IN:", ("", None)),
        ("IN", ("IN", None)),
    ],
)
def test_a_filter_reads_commands_alone(read: Any, line: str, expected: tuple[str, str | None]) -> None:
    (pair,) = read("scan", line, gold=False)
    assert (pair.text, pair.target) == expected


@pytest.mark.parametrize(
    ("line", "place", "what"),
    [("jump OUT: I_JUMP", "f:2:1", "IN:"), ("IN: jump", "f:2:9", "OUT:"), ("OUT: a IN: b", "f:2:1", "IN:")],
)
def test_gold_wants_both(read: Any, line: str, place: str, what: str) -> None:
    with pytest.raises(SeqcliError) as error:
        read("scan", f"IN: a OUT: b\n{line}\n")
    assert error.value.message == f"{place}: the line has no {what!r}"
    assert "IN: jump twice OUT:" in error.value.hint
