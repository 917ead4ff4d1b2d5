"""What must not happen: a filter that hangs, a run that two processes write, answers of damaged models, silence."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support import inprocess

from seqcli import artifact
from seqcli.cli import app

ROOT = Path(__file__).resolve().parents[2]
LINE = b"the cat sat on a mat and dog ran to see it all over again " * 20 + b"\n"


def children(pid: int) -> list[int]:
    """The workers that a process has begun."""
    listed = subprocess.run(["ps", "-e", "-ww", "-o", "pid=,ppid=,args="], capture_output=True, check=True, text=True)
    rows = [line.split(maxsplit=2) for line in listed.stdout.splitlines()]
    return [int(row[0]) for row in rows if int(row[1]) == pid and "spawn_main" in row[2]]


def gone(pids: list[int], seconds: float) -> bool:
    """Whether processes end within a time."""
    until = time.monotonic() + seconds
    while left := [p for p in pids if Path(f"/proc/{p}").exists() and "Z" not in state(p)]:
        if time.monotonic() > until:
            return not left
        time.sleep(0.02)
    return True


def state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


@pytest.fixture
def folder(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)


FILTERS = [
    ("taggers", ["tag", "-m", "pos", "--batch-size", "4"]),
    ("home", ["tokenize", "--kind", "word"]),
    *(  # the same loop of filters with other models
        pytest.param(*other, marks=pytest.mark.slow)
        for other in [
            ("classifiers", ["classify", "-m", "remarks", "--batch-size", "4"]),
            ("translators", ["generate", "-m", "back", "--batch-size", "4"]),
            ("home", ["generate", "-m", "tiny", "--seed", "1", "--max-tokens", "20"]),
        ]
    ),
]


@pytest.fixture
def flooded(spawn, tmp_path) -> Iterator:
    """`flooded(*args, cwd=...)`: a filter with two workers, and more input than it can answer."""
    (tmp_path / "big.txt").write_bytes(LINE * 20_000)

    def start(*args: str, cwd: Path) -> tuple[subprocess.Popen[bytes], list[int]]:
        with (tmp_path / "out").open("wb") as out:
            process = spawn("-q", *args, "--jobs", "2", tmp_path / "big.txt", cwd=cwd, stdout=out)
        until = time.monotonic() + 30
        while len(found := children(process.pid)) < 2 or not (tmp_path / "out").stat().st_size:
            assert time.monotonic() < until, "it does not begin"
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.02)
        return process, found

    return start


@pytest.mark.skipif(not Path("/proc").exists(), reason="the system has no /proc")
@pytest.mark.parametrize(
    ("folder", "args"), FILTERS, ids=lambda x: x[0] if isinstance(x, list) else "", indirect=["folder"]
)
def test_a_worker_that_dies_is_told(flooded, folder, args, tmp_path):
    process, workers = flooded(*args, cwd=folder)
    os.kill(workers[0], signal.SIGKILL)
    assert process.wait(5) == 1
    assert b"error: a worker died (signal 9: out of memory?)" in process.stderr.read()
    written = (tmp_path / "out").read_bytes()
    assert written.endswith(b"\n")  # what was answered, whole
    assert gone(workers, 5)


@pytest.mark.skipif(not Path("/proc").exists(), reason="the system has no /proc")
def test_workers_end_with_their_parent(flooded, taggers):
    process, workers = flooded("tag", "-m", "pos", "--batch-size", "4", cwd=taggers)
    process.kill()
    process.wait(5)
    assert gone(workers, 5)


def test_what_is_no_model_in_runs_is_skipped(forks, home, tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "good").symlink_to(home / "runs" / "tiny")
    for name in ("pipe", "odd"):
        (tmp_path / "runs" / name).mkdir()
    os.mkfifo(tmp_path / "runs/pipe/model.safetensors")
    stored = artifact.read(home / "runs/tiny/model.safetensors")
    artifact.write(tmp_path / "runs/odd/model.safetensors", {**stored.header, "created": 5}, stored.arrays)
    done = forks("generate", "--prompt", "the", "--seed", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("warning:") == 1
    assert "created is '5' (and 1 more in ./runs): skipped" in done.stderr
    refused = forks("inspect", "pipe", cwd=tmp_path)
    assert refused.returncode == 2


def test_one_run_is_written_by_one_process(forks, place):
    slow = ["train", "tiny.yaml", "--set", "train.steps=100000", "--set", "train.save_every=1e-9"]
    first = forks.start(*slow, cwd=place)
    while not (place / "runs/tiny/last.safetensors").exists():
        time.sleep(0.01)
    second = inprocess.seqcli(*slow, "--resume", cwd=place)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    assert second.returncode == 1
    assert "error: another seqcli train is writing runs/tiny" in second.stderr
    more = ["train", "tiny.yaml", "--overwrite", "--set", "train.steps=1"]
    assert forks(*more, cwd=place).returncode == 0  # a dead process holds nothing


def test_a_damaged_cache_is_made_anew(forks, place, tmp_path):
    env = {"SEQCLI_CACHE": str(tmp_path / "cache")}

    def train(name: str):
        done = forks("train", "tiny.yaml", "--name", name, "--set", "train.steps=5", cwd=place, env=env)
        assert done.returncode == 0, done.stderr
        return done.stderr, artifact.read(place / "runs" / name / "model.safetensors").arrays

    _, whole = train("whole")
    kept = max((tmp_path / "cache/tokens").glob("*.bin"), key=lambda p: p.stat().st_size)
    good = kept.read_bytes()
    for damaged in (good[:-7], good + b"x", good[:99] + bytes([good[99] ^ 1]) + good[100:], b""):
        kept.unlink()
        kept.write_bytes(damaged)
        said, arrays = train(f"after-{len(damaged)}")
        assert f"{kept} is damaged: it is made again" in said
        assert all(np.array_equal(a, arrays[n]) for n, a in whole.items())
        assert kept.read_bytes() == good


def test_without_a_home_a_cache_of_ones_own(place):
    (place / "counted.yaml").write_text(  # which needs no torch
        (place / "tiny.yaml").read_text().partition("\nmodel:")[0] + "\nmodel: {kind: ngram, order: 2}\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "seqcli", "train", "counted.yaml"],
        cwd=place, capture_output=True, text=True, check=False,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": "/proc/none"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (
        done.stderr.count("warning: /proc/none/.cache/seqcli cannot be written: the cache of this run alone is") == 1
    )
    assert "SEQCLI_CACHE names another folder" in done.stderr


@pytest.mark.parametrize("unbuffered", ["1", ""])
def test_a_disk_that_fills_is_told(place, unbuffered):
    """16 KiB of more may be written: an unbuffered stdout writes in part, and says so by a number alone. Python 3.11
    would keep what was cut off of its own files."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 14, 1 << 14))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    with (place / "out").open("wb") as out:
        done = subprocess.run(
            [sys.executable, "-m", "seqcli", "tokenize", "--kind", "word", *["corpus.txt"] * 9],
            cwd=place, stdout=out, stderr=subprocess.PIPE, check=False, preexec_fn=limit,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": unbuffered, "PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith(b"error: File too large")
    assert done.stderr.count(b"\n") == 1


def test_weights_that_are_no_numbers_are_refused(forks, home, taggers, classifiers, translators, tmp_path):
    for verb, path in (
        ("generate", home / "runs/tiny"), ("tag", taggers / "runs/pos"),
        ("classify", classifiers / "runs/remarks"), ("classify", classifiers / "runs/trees"),
        ("generate", translators / "runs/back"),
    ):  # fmt: skip
        stored = artifact.read(path / "model.safetensors")
        arrays = {n: a.copy() for n, a in stored.arrays.items()}
        name = next(n for n, a in arrays.items() if n.startswith("model.") and a.dtype == np.float32 and a.size)
        arrays[name].reshape(-1)[0] = np.nan
        artifact.write(tmp_path / "nan.safetensors", stored.header, arrays)
        for command in (verb, "eval"):
            done = forks(command, "-m", "nan.safetensors", cwd=tmp_path, input="a\n")
            assert done.returncode == 1
            assert f"nan.safetensors: the weight {name.removeprefix('model.')} is not finite" in done.stderr


@pytest.mark.parametrize(
    "change", [{"hidden": 100_000}, {"layers": 10**6}, {"embedding": -1}, {"hidden": "x"}, {"kind": 7}]
)
def test_a_header_that_claims_too_much_costs_little(forks, home, tmp_path, change):
    stored = artifact.read(home / "runs/tiny/model.safetensors")
    header = {**stored.header, "model": {**stored.header["model"], **change}}
    artifact.write(tmp_path / "odd.safetensors", header, stored.arrays)
    began = time.monotonic()
    done = forks("eval", "-m", "odd.safetensors", cwd=tmp_path)
    assert time.monotonic() - began < 5
    assert done.returncode in (1, 2)
    assert "odd.safetensors" in done.stderr
    assert "this is a bug" not in done.stderr
    assert len(done.stderr.splitlines()) <= 3


def test_nothing_that_is_read_steers_the_terminal(forks, home, tmp_path):
    evil = "\x1b]0;x\x07\x9b"
    stored = artifact.read(home / "runs/tiny/model.safetensors")
    header = {**stored.header, "created": evil, "data": {**stored.header["data"], "name": evil}}
    artifact.write(tmp_path / "evil.safetensors", header, stored.arrays)
    (tmp_path / "r.yaml").write_text(f"task: {json.dumps(evil)}\n")
    for args in (
        ["inspect", "evil.safetensors"],
        ["train", "r.yaml"],
        ["tag", "-m", evil],
        ["tokenize", f"{evil}.txt"],
    ):
        done = forks(*args, cwd=tmp_path)
        said = done.stdout + done.stderr
        assert "x1b]0;x" in said or "u001b]0;x" in said
        assert not {"\x1b", "\x07", "\x9b"} & set(said)


def test_a_checkpoint_with_wrong_progress_is_told(forks, place):
    steps = ["train", "tiny.yaml", "--set", "train.steps=5"]
    assert forks(*steps, cwd=place).returncode == 0
    stored = artifact.read(place / "runs/tiny/last.safetensors")
    progress = stored.header["progress"]
    for change in ({"step": -1}, {"step": "x"}, {"batch": 10**9}, {"log_bytes": 10**30}, {"history": 5}, None):
        wrong = {**progress, **change} if change else {k: v for k, v in progress.items() if k != "step"}
        artifact.write(place / "runs/tiny/last.safetensors", {**stored.header, "progress": wrong}, stored.arrays)
        done = forks(*steps, "--resume", cwd=place)
        assert done.returncode == 1, (change, done.stderr)
        assert done.stderr.count("error: ") == 1
        assert "last.safetensors: its header does not describe" in done.stderr
        assert "a bug" not in done.stderr
    for fine in ({"step": 10**6}, {"log_bytes": 10**9}):  # a budget that was spent long ago, a log that was cut
        artifact.write(
            place / "runs/tiny/last.safetensors", {**stored.header, "progress": {**progress, **fine}}, stored.arrays
        )
        assert forks(*steps, "--resume", cwd=place).returncode == 0


def test_too_many_layers_and_a_sparse_file_cost_nothing(forks, place):
    """Both would take gigabytes."""
    done = forks("train", "tiny.yaml", "--dry-run", "--set", "model.layers=100000", cwd=place)
    assert done.returncode == 2
    assert "model.layers" in done.stderr
    assert "1000" in done.stderr
    with (place / "big.safetensors").open("wb") as file:
        file.truncate(3 << 30)
    done = forks("inspect", "big.safetensors", cwd=place)
    assert done.returncode == 1
    assert "big.safetensors: not a readable model file" in done.stderr


@pytest.mark.parametrize(
    "error",
    [MemoryError(), SystemError("returned NULL"), RuntimeError("could not create a primitive"),
     RuntimeError("DefaultCPUAllocator: can't allocate memory"), OSError(12, "Cannot allocate memory")],
    ids=str,
)  # fmt: skip
def test_short_memory_is_no_bug(capsys, error):
    assert app.status_of(error) == 1
    assert capsys.readouterr().err.startswith("error: out of memory\n")
