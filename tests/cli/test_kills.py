"""Runs that are killed at random moments, again and again until they end, end with the bits of one that never was."""

from __future__ import annotations

import random
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from support.resuming import RUNS, assert_same, end_at, going_on, sets

from seqcli import registry

STEPS = sets("train.steps=20", "train.evaluate_every=5", "train.save_every=0.02", "train.snapshot_every=10")
KILLS = 1000 // len(RUNS)


def ended(forks: Any, args: list[str], place: Path, draw: random.Random, usual: float) -> int:
    """Begin a run anew, kill it at moments of its usual duration until it ends by itself; how often it was killed."""
    run, env, kills = place / "runs" / "killed", {"SEQCLI_CACHE": str(place / "cache")}, 0
    for folder in (run, place / "cache"):
        shutil.rmtree(folder, ignore_errors=True)
    while True:
        running = forks.start(*args, "--name", run.name, *going_on(run), cwd=place, env=env)
        moment = time.monotonic() + draw.uniform(0, usual)
        done = end_at(running, lambda at=moment: time.monotonic() > at, signal.SIGKILL)
        if done.returncode == 0:
            assert_same(place / "runs" / "alone", run)
            assert not [*run.rglob(".*"), *(place / "cache").rglob(".*")]
            return kills
        assert done.returncode == -signal.SIGKILL, done.stderr
        kills += 1


@pytest.mark.slow
@pytest.mark.parametrize("task", registry.names("tasks"))
def test_kills_at_random_moments(forks, request, tmp_path, task):
    fixture, recipe = RUNS[task]
    shutil.copytree(request.getfixturevalue(fixture), tmp_path / "x", ignore=shutil.ignore_patterns("runs"))
    args, draw, kills, runs, began = ["train", f"{recipe}.yaml", *STEPS], random.Random(task), 0, 0, time.monotonic()
    forks.ok(*args, "--name", "alone", cwd=tmp_path / "x")
    usual = time.monotonic() - began
    while kills < KILLS:
        kills, runs = kills + ended(forks, args, tmp_path / "x", draw, usual), runs + 1
    print(f"{task}: {kills} kills, {runs} runs, {time.monotonic() - began:.0f} s")
