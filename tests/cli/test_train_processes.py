"""`seqcli train --processes N`, and as torchrun starts it: what is said, how all end, what is left to go on with."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.resuming import assert_same, changed, sets

from seqcli import artifact

pytest.importorskip("torch")
if not Path("/proc/self/task").exists():
    pytest.skip("the processes of a process are found in /proc", allow_module_level=True)

LONG = sets("train.steps=1000000", "train.evaluate_every=50", "train.save_every=0.2")


def ranks(pid: int) -> list[int]:
    """The processes that a process started to train."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    commands = {int(child): Path(f"/proc/{child}/cmdline").read_bytes() for child in children}
    return [child for child, command in commands.items() if b"resource_tracker" not in command]


def begun(run: Path, pid: int, count: int = 2) -> list[int]:
    """The processes that train, when they do."""
    saved, until = changed(run / "last.safetensors", 2), time.monotonic() + 120
    while not saved():
        assert time.monotonic() < until
        time.sleep(0.02)
    found = ranks(pid)
    assert len(found) == count
    return found


def more(run: Path) -> list[str]:
    """The options that train a run a little further."""
    step = artifact.read_header(run / "last.safetensors")["progress"]["step"]
    return sets(f"train.steps={step + 20}", "train.evaluate_every=10")


def ended(process: int, seconds: float) -> None:
    """Wait for the end of a process, which is no child of this one."""
    until = time.monotonic() + seconds
    while Path(f"/proc/{process}/stat").exists() and Path(f"/proc/{process}/stat").read_text().split()[2] != "Z":
        assert time.monotonic() < until, "it goes on"
        time.sleep(0.02)


def test_a_rank_that_is_killed_ends_all_with_one_message(forks: Any, place: Path) -> None:
    """And with status 1, within seconds; one process goes on from what was saved."""
    run = place / "runs" / "tiny"
    running = forks.start("train", "tiny.yaml", "--processes", 2, *LONG, cwd=place)
    _, second = begun(run, running.pid)
    os.kill(second, signal.SIGKILL)
    began, done = time.monotonic(), running.wait()
    assert time.monotonic() - began < 15
    assert (done.returncode, done.stdout) == (1, "")
    errors = [line for line in done.stderr.splitlines() if not line.startswith(("epoch", "corpus", "model:"))]
    assert errors == [
        "error: rank 1 of 2 was killed by SIGKILL: training has ended",
        "  hint: repeat the command with --resume to continue from the last save",
        "  hint: the system kills processes when memory runs out",
    ]
    done = forks.ok("train", "tiny.yaml", "--resume", *more(run), cwd=place)
    assert "saved by 2 processes, resumed by 1" in done.stderr


def test_what_processes_cannot_share_is_refused_before_there_are_any(forks: Any, place: Path) -> None:
    def says(*args: str, input: str = "") -> str:
        done = forks("train", "--processes", "2", *args, cwd=place, input=input)
        assert (done.returncode, done.stdout) == (2, "")
        return done.stderr

    recipe = (place / "tiny.yaml").read_text()
    assert "only one process can read a recipe from standard input" in says("-", input=recipe)
    assert "data.train: only one process can read standard input" in says("tiny.yaml", *sets("data.train=-"))
    counted = says("tiny.yaml", *sets("model={kind: ngram, order: 3}", "train=null"))
    assert "a ngram model is not trained by gradients: several processes cannot share its work" in counted
    assert "--processes" in says("tiny.yaml", "--processes", "0")
    assert not (place / "runs").exists()
    (place / "runs" / "tiny").mkdir(parents=True)
    (place / "runs" / "tiny" / "metrics.jsonl").write_text("")
    assert "already holds a run" in says("tiny.yaml")


@pytest.fixture
def program(spawn: Callable[..., subprocess.Popen[bytes]], place: Path) -> Callable[..., subprocess.Popen[bytes]]:
    """`program(*args)`: `seqcli train tiny.yaml --processes 2 ARGS`, in a group of processes of its own."""
    return lambda *args: spawn(
        "train", "tiny.yaml", "--processes", 2, *args, cwd=place, stdin=None, start_new_session=True
    )


@pytest.mark.slow
@pytest.mark.parametrize("to", ["group", "parent", "rank"])
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_and_ends_all(program: Any, place: Path, number: int, status: int, to: str) -> None:
    """A terminal's goes to all of them, another one to who started them, or to one."""
    running, run = program(*LONG), place / "runs" / "tiny"
    found = begun(run, running.pid)
    (os.killpg if to == "group" else os.kill)(found[1] if to == "rank" else running.pid, number)
    out, err = running.communicate(timeout=30)
    assert (running.returncode, out) == (status, b"")
    assert err.count(b"continue with: seqcli train runs/tiny/recipe.yaml --resume --processes 2\n") == 1
    assert err.count(b"stopping after this step") == (to != "rank")
    for process in found:
        ended(process, 1)


@pytest.mark.slow
def test_a_second_signal_ends_ranks_that_wait(program: Any, place: Path) -> None:
    running = program(*LONG)
    found = begun(place / "runs" / "tiny", running.pid)
    os.kill(found[1], signal.SIGSTOP)
    time.sleep(0.5)
    for _ in range(2):
        os.kill(running.pid, signal.SIGINT)
        time.sleep(1.5)
    assert running.wait(20) == 130
    for process in found:
        ended(process, 5)


@pytest.mark.slow
def test_an_error_is_said_once(program: Any, spawn: Any, place: Path) -> None:
    _, err = program(*sets("data.train=missing.txt")).communicate(timeout=60)
    assert err.decode() == "error: no such file: missing.txt\n"
    diverging = program(*sets("train.optimizer=sgd", "train.learning_rate=1e30", "train.clip_norm=null"))
    assert diverging.communicate(timeout=60)[1].count(b"training has diverged") == 1
    assert diverging.returncode == 1


def torchrun(place: Path, *args: object, options: tuple[str, ...] = ("--nproc-per-node=2",)) -> Any:
    """`torchrun -m seqcli ARGS`."""
    command = [sys.executable, "-m", "torch.distributed.run", *options, "-m", "seqcli", *map(str, args)]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=place, env=env, text=True, **pipes)


@pytest.mark.slow
def test_torchrun_is_the_same(forks: Any, place: Path, isolated: None) -> None:
    """Bit for bit, whoever starts the processes; and what it says of one that was killed."""
    forks.ok("train", "tiny.yaml", "--processes", 2, "--name", "ours", cwd=place)
    done = torchrun(place, "train", "tiny.yaml", "--name", "theirs")
    out, err = done.communicate(timeout=120)
    assert (done.returncode, out) == (0, "runs/theirs/model.safetensors\n"), err
    assert_same(place / "runs" / "ours", place / "runs" / "theirs")
    running = torchrun(place, "train", "tiny.yaml", "--name", "killed", *LONG)
    os.kill(begun(place / "runs" / "killed", running.pid)[1], signal.SIGKILL)
    _, err = running.communicate(timeout=30)
    assert running.returncode == 1
    assert err.count("error: another process of this run has ended, or cannot be reached") == 1
    killed = place / "runs" / "killed"
    forks.ok("train", "tiny.yaml", "--name", "killed", "--resume", *more(killed), cwd=place)


@pytest.mark.slow
def test_several_machines(forks: Any, place: Path, isolated: None) -> None:
    """Two agents of torchrun, as on two machines, two processes each: as four processes of one."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    options = ("--nnodes=2", "--nproc-per-node=2", "--rdzv-backend=c10d", f"--rdzv-endpoint={address}", "--rdzv-id=x")
    agents = [torchrun(place, "train", "tiny.yaml", "--name", "apart", options=options) for _ in range(2)]
    done = [agent.communicate(timeout=180) for agent in agents]
    assert [agent.returncode for agent in agents] == [0, 0], done
    assert "".join(out for out, _ in done) == "runs/apart/model.safetensors\n"
    forks.ok("train", "tiny.yaml", "--processes", 4, "--name", "together", cwd=place)
    assert_same(place / "runs" / "together", place / "runs" / "apart")
