"""What is killed, or fails, at any write, flush or rename ends with the same bits as what never was, and leaves nothing
behind."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.resuming import RUNS, assert_same, going_on, sets

from seqcli.registry import names

SHIM = Path(__file__).resolve().parents[1] / "support" / "faults.c"
STEPS = sets("train.steps=20", "train.evaluate_every=5", "train.save_every=1e-9", "train.snapshot_every=10")
KINDS = ("kill", "enospc", "eio", "short")
ENOUGH = 2  # faults of a kind in the quick test, spread over the run; each kind at other places


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


def about(place: Path) -> dict[str, str]:
    """The environment of a command whose files lie in a folder."""
    return {"FAULT_UNDER": str(place), "SEQCLI_CACHE": str(place / "cache")}


@pytest.fixture
def trained(request: pytest.FixtureRequest, tmp_path: Path, faulty: Any) -> Callable[..., int]:
    """`trained(fixture, recipe)` runs a recipe once without faults: how many calls may fail."""

    def run(fixture: str, recipe: str) -> int:
        shutil.copytree(request.getfixturevalue(fixture), tmp_path / "x", ignore=shutil.ignore_patterns("runs"))
        env = {"FAULT_AT": "0", "FAULT_COUNT": str(tmp_path / "count"), **about(tmp_path / "x")}
        done = faulty("train", f"{recipe}.yaml", "--name", "alone", *STEPS, cwd=tmp_path / "x", env=env)
        assert done.returncode == 0, done.stderr
        return (tmp_path / "count").stat().st_size

    return run


def assert_told(done: subprocess.CompletedProcess[str], kind: str, where: str) -> None:
    """A process that a fault met was killed, or said so in a line, or did without what failed."""
    assert "Traceback" not in done.stderr, where
    assert "this is a bug" not in done.stderr, where
    if kind == "kill":
        assert done.returncode == -9, where
    elif done.returncode:
        assert done.returncode == 1, where
        assert "error: " in done.stderr, where


def check(faulty: Any, place: Path, recipe: str, kind: str, at: int) -> None:
    """Let the call of a number fail in a run; begin it again as its state allows; compare."""
    run, cache = place / "runs" / "faulty", place / "cache"
    for folder in (run, cache):
        shutil.rmtree(folder, ignore_errors=True)
    env = {"FAULT_AT": str(at), "FAULT_KIND": kind, **about(place)}
    args = ["train", f"{recipe}.yaml", "--name", "faulty", *STEPS]
    done = faulty(*args, cwd=place, env=env)
    where = f"{recipe}, {kind} at {at}: {done.stderr}"
    assert_told(done, kind, where)
    if done.returncode:
        again = faulty(*args, *going_on(run), cwd=place, env=about(place))
        assert again.returncode == 0, f"{where}\n{again.stderr}"
        assert "damaged" not in again.stderr, where
    assert_same(place / "runs" / "alone", run)
    assert not [*run.rglob(".*"), *cache.rglob(".*")], where


@pytest.mark.parametrize("kind", KINDS)
def test_some_faults_of_a_language_model(faulty, trained, tmp_path, kind):
    calls = trained("home", "tiny")
    assert calls > 100
    for at in range(1 + calls * (1 + KINDS.index(kind)) // (5 * ENOUGH), calls + 1, calls // ENOUGH):
        check(faulty, tmp_path / "x", "tiny", kind, at)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("task", names("tasks"))
def test_every_fault(faulty, trained, tmp_path, task, kind):
    fixture, recipe = RUNS[task]
    for at in range(1, trained(fixture, recipe) + 1):
        check(faulty, tmp_path / "x", recipe, kind, at)


# what is written beside runs: tokenizers, recipes, and the cache

DRY = ["train", "tiny.yaml", "--dry-run"]
PAIRS = (
    "task=sequence-to-sequence",
    "model={embedding: 8, hidden: 8}",
    "train={steps: 5}",
    "data.valid=null",
    "data.test=null",
)
LEARN = ["tokenize", "corpus.txt", "--learn", "tok.safetensors", "--kind"]
COMMANDS = {
    **{f"learn {k}": [*LEARN, k] for k in names("tokenizers")},
    "copy": ["recipes", "copy", "charlm", "mine.yaml", "--force"],
    "new": ["recipes", "new", "corpus.txt", "--output", "mine.yaml", "--force"],
    "ids": DRY,
    "pieces": [*DRY, *sets("tokenizer={kind: sentencepiece, size: 300}")],
    "packed": [*DRY, *sets("data.train=corpus.txt.gz")],
    "piped": [*DRY, *sets("data.train=-")],
    "docs": [*DRY, *sets("data.train=python-docs")],
    "generated": [*DRY, *sets("data.train=reverse", *PAIRS)],  # as `dates`, only smaller
}


def files_of(place: Path) -> dict[str, bytes]:
    """The contents of all files of a folder by name."""
    return {p.relative_to(place).as_posix(): p.read_bytes() for p in sorted(place.rglob("*")) if p.is_file()}


def check_command(faulty: Any, furnish: Any, place: Path, args: list[str], kinds: tuple[str, ...], most: int) -> int:
    """Let calls of a command fail, each once; nothing torn takes a name, the next start leaves what it should."""

    def run(**env: object) -> subprocess.CompletedProcess[str]:
        given = {**about(place), **{k: str(v) for k, v in env.items()}}
        return faulty(*args, cwd=place, env=given, input="the cat sat on a mat\n" * 200)

    def begin() -> None:
        shutil.rmtree(place, ignore_errors=True)
        furnish(place)
        (place / "corpus.txt.gz").write_bytes(gzip.compress((place / "corpus.txt").read_bytes(), mtime=0))

    begin()
    count = place.parent / "count"
    done = run(FAULT_AT=0, FAULT_COUNT=count)
    assert done.returncode == 0, done.stderr
    calls, right = count.stat().st_size, files_of(place)
    assert calls >= 3
    points = [(kind, at) for at in range(1, calls + 1, -(-calls // most)) for kind in kinds]
    for kind, at in points:
        begin()
        done = run(FAULT_AT=at, FAULT_KIND=kind)
        where = f"{' '.join(args)}, {kind} at {at}: {done.stderr}"
        assert_told(done, kind, where)
        assert {n: b for n, b in files_of(place).items() if not n.endswith(".tmp")}.items() <= right.items(), where
        if done.returncode:
            again = run()
            assert again.returncode == 0, f"{where}\n{again.stderr}"
            assert "damaged" not in again.stderr, where
        assert files_of(place).keys() == right.keys(), where
        assert files_of(place) == right, where
    return len(points)


@pytest.mark.parametrize("command", ["learn char", "copy", "piped"])
def test_some_faults_of_what_else_is_written(faulty, furnish, tmp_path, command):
    check_command(faulty, furnish, tmp_path / "x", COMMANDS[command], ("kill", "enospc"), 2)


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_every_fault_of_what_else_is_written(faulty, furnish, tmp_path, command):
    check_command(faulty, furnish, tmp_path / "x", COMMANDS[command], KINDS, 10**9)
