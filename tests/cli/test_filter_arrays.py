"""The filter loop asks of records and answers nothing that only texts have."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support.signals import Reader, Sums

from seqcli.cli import _filter
from seqcli.cli._options import Lines
from seqcli.errors import SeqcliError


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("batch_size", [1, 3])
def test_arrays_go_through(tmp_path: Path, capfd: pytest.CaptureFixture[str], jobs: int, batch_size: int) -> None:
    rng = np.random.default_rng(1)
    arrays = [rng.integers(0, 9, (rng.integers(1, 5), 2)) for _ in range(10)]
    lines = "".join(json.dumps(a.tolist()) + "\n" for a in arrays)
    (tmp_path / "x.jsonl").write_text(lines + "[[1\n")
    with pytest.raises(SeqcliError, match=r"x\.jsonl:11: "):
        _filter.run(
            [str(tmp_path / "x.jsonl")], Reader(), Sums(), None,
            lambda record, answer: f"{len(record.array)} {answer.tolist()}\n",
            batch_size=batch_size, how=Lines(jobs=jobs),
        )  # fmt: skip
    expected = [f"{len(a)} {a.sum(0, dtype=float).tolist()}" for a in arrays]
    assert capfd.readouterr().out.splitlines() == expected


def test_pieces_are_the_answer_where_nothing_streams() -> None:
    signal = next(Reader().feed(_filter.streams.Chunk("[[1, 2], [3, 4]]\n", "x", 1)))
    assert [piece.tolist() for piece in Sums().pieces(signal, None)] == [[4.0, 6.0]]
