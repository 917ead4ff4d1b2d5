"""`seqcli look lags`: networks learn tasks with lags, are asked about longer sequences, and are not trained twice."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from support import inprocess

from seqcli.insight import lags


def test_a_table_of_a_task(tmp_path: Path) -> None:
    asked = ["look", "lags", "--tasks", "first", "--cells", "gru", "--minutes", "0.01", "--json"]
    done = inprocess.seqcli(*asked, "--plot", "table.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.text)
    assert found["lengths"] == [20, 40, 64, 128, 256]
    assert {task: set(rows) for task, rows in found["right"].items()} == {"first": {"gru", "most frequent"}}
    assert all(0 <= share <= 1 for rows in found["right"].values() for row in rows.values() for share in row.values())
    assert "first, gru" in done.stderr
    assert (tmp_path / "table.png").stat().st_size > 5_000
    assert (tmp_path / "runs/lag-first-gru-0.01min-seed1/model.safetensors").exists()
    began = time.perf_counter()
    assert json.loads(inprocess.seqcli(*asked, cwd=tmp_path).text) == found
    assert time.perf_counter() - began < 5


def test_what_each_network_is_asked_to_learn() -> None:
    found = lags.trials(["copy", "parity"], ["lstm", "lstm+attention", "transformer"], 2, 3)
    assert [(t.task, t.network, t.minutes) for t in found] == [
        ("copy", "lstm", 10),
        ("copy", "lstm+attention", 10),
        ("copy", "transformer", 10),
        ("parity", "lstm", 10),
        ("parity", "transformer", 10),
    ]
    assert "--set=model.attention=general" in found[1].command
    assert "--set=train.seed=3" in found[0].command


@pytest.mark.parametrize(
    ("args", "said", "status"),
    [
        (["--tasks", "partiy"], "unknown lag task 'partiy'", 2),
        (["--cells", "lsttm"], "did you mean 'lstm'?", 2),
        (["--plot", "x.txt"], "not the name of a picture", 2),
    ],
)
def test_mistakes_are_said(args: list[str], said: str, status: int, tmp_path: Path) -> None:
    done = inprocess.seqcli("look", "lags", *args, cwd=tmp_path)
    assert done.returncode == status
    assert said in done.stderr


def test_a_training_that_fails_says_why(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    done = inprocess.seqcli("look", "lags", "--tasks", "first", "--cells", "rnn", "--minutes", "0.02", cwd=tmp_path)
    assert done.returncode == 1
    assert "training ended with status 1" in done.stderr
    assert "run folder" in done.stderr
