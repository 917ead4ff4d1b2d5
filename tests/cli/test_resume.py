"""A run that is killed, stopped or extended ends with the same bits as one that was left alone."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from support.resuming import assert_same, changed, end_at, ended_again_and_again, log, sets

from seqcli import artifact

# everything that has a state: dropout, weight drop, several batches a step, epochs shorter than the run
COMMON = (
    "train.save_every=1e-9",  # after every step
    "train.evaluate_every=5",
    "model.dropout=0.2",
    "train.batch_size=16",
    "train.accumulate=2",
    "train.epochs=2.2",
)
VARIANTS = {
    "adamw": ("model.layers=2", "model.weight_drop=0.2", "train.warmup=5", "train.snapshot_every=20"),
    "step": ("model.cell=rnn", "train.optimizer=rmsprop", "train.schedule=step", "train.learning_rate=1e-3"),
}


def arguments(variant: str) -> list[str]:
    return ["train", "tiny.yaml", *sets(*COMMON, *VARIANTS[variant])]


@pytest.fixture(scope="module")
def alone(forks, furnish, tmp_path_factory) -> Callable[[str], Path]:
    """`alone(variant)`: the folder in which the run `alone` was never interrupted."""
    made: dict[str, Path] = {}

    def get(variant: str) -> Path:
        if variant not in made:
            made[variant] = furnish(tmp_path_factory.mktemp(variant))
            forks.ok(*arguments(variant), "--name", "alone", cwd=made[variant])
        return made[variant]

    return get


def moments(run: Path) -> Iterator[Callable[[], bool]]:
    """Conditions to wait for, one for each process that is to be killed."""
    yield changed(run / "recipe.yaml")  # before there is anything to resume
    yield changed(run / "metrics.jsonl", 2)  # logged, but not saved
    yield changed(run / "model.safetensors")  # kept as the best, but neither logged nor saved
    yield changed(run / "last.safetensors", 4)
    yield lambda: any(run.glob(".last.safetensors.*"))  # amid a save
    yield lambda: any(run.glob(".model.safetensors.*"))
    while True:
        yield changed(run / "last.safetensors", 20)


@pytest.mark.parametrize("variant", ["adamw", "step"])  # tests/training/test_loop.py stops the others at every step
def test_killed_again_and_again(forks, alone, variant):
    home = alone(variant)
    run = home / "runs" / "killed"
    steps = ended_again_and_again(forks, arguments(variant), run, signal.SIGKILL, moments(run))
    assert len(set(steps)) >= 3, "it was killed too seldom to prove anything"
    assert_same(home / "runs" / "alone", run)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_stopped_and_resumed_by_the_line_it_prints(forks, alone, number, status):
    home = alone("adamw")
    name = f"stopped {status}"  # a space, which the printed command must quote
    run = home / "runs" / name
    args = [*arguments("adamw"), "--name", name]
    for saves in (4, 12):
        done = end_at(forks.start(*args, cwd=home), changed(run / "last.safetensors", saves), number)
        assert done.returncode == status, done.stderr
        assert done.stdout == ""
        line = done.stderr.splitlines()[-1]
        assert line.startswith("saved at step ")
        assert artifact.read_header(run / "last.safetensors")["progress"]["step"] == int(line.split()[3].strip(";"))
        command = shlex.split(line.partition("continue with: ")[2])
        assert command[0] == "seqcli"
        args = command[1:]
        assert not any(run.glob(".*"))
    assert forks.ok(*args, cwd=home).stdout == f"runs/{name}/model.safetensors\n"
    assert_same(home / "runs" / "alone", run)


def test_a_process_of_its_own_writes_the_same_bits(forks, alone):
    """What is above does not hang on forked processes: `python -m seqcli`, a real SIGINT."""
    home = alone("step")
    run = home / "runs" / "own"
    args = [*arguments("step"), "--name", "own"]
    path = os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "seqcli", *args]
    with subprocess.Popen(
        command, cwd=home, env={**os.environ, "PYTHONPATH": path}, stderr=subprocess.PIPE
    ) as process:
        while not (run / "metrics.jsonl").exists() and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert b"Traceback" not in err
    assert "resumed at step" in forks.ok(*args, "--resume", cwd=home).stderr
    assert_same(home / "runs" / "alone", run)


def test_an_extended_run_is_the_longer_run(forks, place):
    changes = sets("train.schedule=constant", "train.evaluate_every=10", "model.dropout=0.1")
    forks.ok("train", "tiny.yaml", "--name", "long", *changes, *sets("train.steps=50"), cwd=place)
    forks.ok("train", "tiny.yaml", "--name", "short", *changes, *sets("train.steps=30"), cwd=place)
    again = forks.ok("train", "runs/short/recipe.yaml", "--resume", cwd=place)
    assert "resumed at step 30" in again.stderr
    assert "the run is finished; to continue, raise its limit: --resume --set train.steps=60" in again.stderr
    assert log(place / "runs" / "short") == log(place / "runs" / "long")[:3]
    forks.ok("train", "runs/short/recipe.yaml", "--resume", *sets("train.steps=50"), cwd=place)
    assert log(place / "runs" / "short") == log(place / "runs" / "long")
    for name in ("model.safetensors", "last.safetensors"):
        short, long = (artifact.read(place / "runs" / run / name) for run in ("short", "long"))
        assert all(np.array_equal(a, long.arrays[n]) for n, a in short.arrays.items())
        assert short.header.get("scores") == long.header.get("scores")


@pytest.fixture(scope="module")
def finished(forks, furnish, tmp_path_factory) -> Path:
    """A folder with a short finished run, which every refusal leaves as it is."""
    folder = furnish(tmp_path_factory.mktemp("finished"))
    forks.ok("train", "tiny.yaml", *sets("train.steps=4"), cwd=folder)
    (folder / "other.txt").write_text((folder / "corpus.txt").read_text().replace("cat", "dog"))
    return folder


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        (["--resume", "model.hidden=32"], 2, "runs/tiny was started with another recipe: model.hidden"),
        (["--resume", "model.cell=gru", "model.dropout=0.1"], 2, "another recipe: model.cell, model.dropout"),
        (["--resume", "tokenizer=byte"], 2, "another recipe: tokenizer.kind"),
        (["--resume", "tokenizer.unk=true"], 2, "another recipe: tokenizer.unk"),
        (["--resume", "train.batch_size=4"], 2, "another recipe: train.batch_size"),
        (["--resume", "train.seed=7", "train.optimizer=sgd"], 2, "another recipe: train.optimizer, train.seed"),
        (["--resume", "data.train=other.txt"], 1, "the data has changed since runs/tiny started: test, train, valid"),
        (["--resume", "data.test=null"], 1, "the data has changed since runs/tiny started: test, train"),
        (["--resume", "--overwrite"], 2, "--resume cannot be combined with --overwrite"),
        (["--resume", "--init-from", "runs/tiny"], 2, "--resume cannot be combined with --init-from"),
        (["--resume", "--name", "nothing"], 2, "there is no run runs/nothing to resume"),
        ([], 2, "runs/tiny already holds a run"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_refused(forks, finished, changes, status, words):
    before = {p: p.read_bytes() for p in (finished / "runs").rglob("*") if p.is_file()}
    args = [a for c in changes for a in (sets(c) if "=" in c else [c])]
    done = forks("train", "tiny.yaml", *sets("train.steps=4"), *args, cwd=finished)
    assert done.returncode == status
    assert words in done.stderr
    assert "hint:" in done.stderr or "cannot be combined with" in done.stderr
    assert done.stdout == ""
    assert {p: p.read_bytes() for p in (finished / "runs").rglob("*") if p.is_file()} == before


def test_overwrite_waits_until_all_is_ready(forks, place):
    run = place / "runs" / "tiny"
    steps = sets("train.steps=4", "train.snapshot_every=2")
    forks.ok("train", "tiny.yaml", *steps, cwd=place)
    before = (run / "model.safetensors").read_bytes()
    for mistake in (["data.train=no.txt"], ["train.sequence_length=100000"], ["data.test=0.0001"]):
        assert forks("train", "tiny.yaml", "--overwrite", *sets(*mistake), cwd=place).returncode != 0
        assert (run / "model.safetensors").read_bytes() == before
    (run / ".last.safetensors.123.tmp").write_text("left by a killed run")
    forks.ok("train", "tiny.yaml", "--overwrite", *sets("train.steps=5", "train.seed=2"), cwd=place)
    assert (run / "model.safetensors").read_bytes() != before
    assert len(log(run)) == 5
    assert sorted(p.name for p in run.rglob("*") if p.is_file()) == [
        "last.safetensors",
        "metrics.jsonl",
        "model.safetensors",
        "recipe.yaml",
    ]


def test_a_run_that_never_began_is_no_run(forks, place):
    """A first try that fails before its first step leaves nothing that the corrected second trips over."""
    (place / "bad.txt").write_bytes(b"abc\xff\n" * 100)
    assert forks("train", "tiny.yaml", *sets("data.train=bad.txt"), cwd=place).returncode == 1
    forks.ok("train", "tiny.yaml", *sets("train.steps=2"), cwd=place)
    (place / "runs" / "tiny" / "last.safetensors").unlink()
    done = forks("train", "tiny.yaml", *sets("train.steps=2"), "--resume", cwd=place)
    assert done.returncode == 2
    assert "runs/tiny cannot be resumed: it has no last.safetensors" in done.stderr
    assert "--overwrite starts it over" in done.stderr


def test_damaged_checkpoints_are_refused(forks, place):
    forks.ok("train", "tiny.yaml", *sets("train.steps=2"), cwd=place)
    last = place / "runs" / "tiny" / "last.safetensors"
    whole = last.read_bytes()
    for damaged in (whole[: len(whole) // 2], whole[:-50] + bytes(50), b""):
        last.write_bytes(damaged)
        done = forks("train", "tiny.yaml", *sets("train.steps=2"), "--resume", cwd=place)
        assert done.returncode == 1
        assert "runs/tiny/last.safetensors" in done.stderr
        assert "Traceback" not in done.stderr
