"""A run that is killed, or fails, at any write, flush or rename ends with the same bits as one that never was."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.resuming import assert_same, sets

SHIM = Path(__file__).resolve().parents[1] / "support" / "faults.c"
STEPS = sets("train.steps=20", "train.evaluate_every=5", "train.save_every=1e-9")
KINDS = ("kill", "enospc", "eio", "short")
RUNS = [("home", "tiny"), ("taggers", "pos"), ("classifiers", "remarks"), ("translators", "back")]
ENOUGH = 3  # faults of a kind in the quick test, spread over the run


@pytest.fixture(scope="module")
def faulty(forks, tmp_path_factory) -> Any:
    """As `forks`, with the shim."""
    if shutil.which("gcc") is None or not Path("/proc").exists():
        pytest.skip("there is no gcc to build the shim with")
    built = tmp_path_factory.mktemp("shim") / "faults.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", built, SHIM, "-ldl"], check=True)
    started = type(forks)(tmp_path_factory.mktemp("faulty"), {"LD_PRELOAD": str(built)})
    yield started
    started.close()


@pytest.fixture
def trained(request: pytest.FixtureRequest, tmp_path: Path, faulty: Any) -> Callable[..., int]:
    """`trained(fixture, recipe)` runs a recipe once without faults: how many calls may fail."""

    def run(fixture: str, recipe: str) -> int:
        shutil.copytree(request.getfixturevalue(fixture), tmp_path / "x", ignore=shutil.ignore_patterns("runs"))
        env = {"FAULT_AT": "0", "FAULT_COUNT": str(tmp_path / "count"), "SEQCLI_CACHE": str(tmp_path / "cache")}
        done = faulty("train", f"{recipe}.yaml", "--name", "alone", *STEPS, cwd=tmp_path / "x", env=env)
        assert done.returncode == 0, done.stderr
        return (tmp_path / "count").stat().st_size

    return run


def check(faulty: Any, place: Path, recipe: str, kind: str, at: int) -> None:
    """Let the call of a number fail in a run; begin it again as its state allows; compare."""
    run, cache = place / "runs" / "faulty", place / "cache"
    for folder in (run, cache):
        shutil.rmtree(folder, ignore_errors=True)
    env = {"FAULT_AT": str(at), "FAULT_KIND": kind, "SEQCLI_CACHE": str(cache)}
    args = ["train", f"{recipe}.yaml", "--name", "faulty", *STEPS]
    done = faulty(*args, cwd=place, env=env)
    where = f"{recipe}, {kind} at {at}: {done.stderr}"
    assert "Traceback" not in done.stderr, where
    assert "this is a bug" not in done.stderr, where
    if kind == "kill":
        assert done.returncode == -9, where
    elif done.returncode:
        assert done.returncode == 1, where
        assert "error: " in done.stderr, where
    if done.returncode:
        began = any((run / n).exists() for n in ("metrics.jsonl", "model.safetensors"))
        more = ["--resume"] if (run / "last.safetensors").exists() else ["--overwrite"] if began else []
        again = faulty(*args, *more, cwd=place, env={"SEQCLI_CACHE": str(cache)})
        assert again.returncode == 0, f"{where}\n{again.stderr}"
        assert "damaged" not in again.stderr, where
    assert_same(place / "runs" / "alone", run)
    assert not list(run.rglob(".*")), where


@pytest.mark.parametrize("kind", KINDS)
def test_some_faults_of_a_language_model(faulty, trained, tmp_path, kind):
    calls = trained("home", "tiny")
    assert calls > 100
    for at in range(1 + calls // (2 * ENOUGH), calls + 1, calls // ENOUGH):
        check(faulty, tmp_path / "x", "tiny", kind, at)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("fixture", "recipe"), RUNS)
def test_every_fault(faulty, trained, tmp_path, fixture, recipe, kind):
    for at in range(1, trained(fixture, recipe) + 1):
        check(faulty, tmp_path / "x", recipe, kind, at)
