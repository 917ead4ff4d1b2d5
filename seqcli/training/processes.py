"""Several processes that train one model: how they start, what they sum, how they end together.

Rank r of N takes the rows r, r + N, ... of every batch. A loss is a mean, so each part is weighted by the amount that
it averages over: then the sum of the parts' gradients is the gradient of the whole batch. Decisions that depend on a
clock or a signal are taken once for all processes. Figures travel over gloo, as do gradients on a CPU; gradients
between GPUs travel over NCCL.

The process that fails first records this in the shared store and reports the reason. A process that loses its
connection looks there and stays silent. For a killed process `start` reports it, or under torchrun a surviving one.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import json
import logging
import multiprocessing.connection
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from multiprocessing import resource_tracker
from typing import Any, NoReturn, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from torch.distributed import PrefixStore, Store, TCPStore  # type: ignore[attr-defined]
from torch.multiprocessing.spawn import ProcessContext, ProcessExitedException, start_processes

from seqcli import console, layers
from seqcli.errors import SeqcliError, UsageError
from seqcli.training.group import Group

T = TypeVar("T")
LONGEST = timedelta(hours=3)  # how long the others wait while the first process evaluates
TELLING = 3.0  # seconds that a process waits for the reason after its connection broke
GRACE = 3.0  # seconds in which the others may end by themselves, and again after they were told to
ENDING = (signal.SIGINT, signal.SIGTERM)
RESUME = "repeat the command with --resume to continue from the last save"


class Several(Group):
    """One of several processes, connected by the environment variables that torchrun sets."""

    def __init__(self) -> None:
        of = os.environ
        self.rank, self.size = int(of["RANK"]), int(of["WORLD_SIZE"])
        self._place, self.local = int(of.get("LOCAL_RANK", 0)), int(of.get("LOCAL_WORLD_SIZE", 1))
        self.rows = slice(self.rank, None, self.size)
        hosted = of.get("TORCHELASTIC_USE_AGENT_STORE") == "True"  # the launcher hosts the store
        address, attempt = (of["MASTER_ADDR"], int(of["MASTER_PORT"])), of.get("TORCHELASTIC_RESTART_COUNT", "0")
        with _connected(f"cannot reach the other processes at {':'.join(map(str, address))}"):
            store = TCPStore(*address, is_master=not hosted and not self.rank, wait_for_workers=False)
            self.store = PrefixStore(f"seqcli/{attempt}", store)
            backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() and dist.is_nccl_available() else "gloo"
            dist.init_process_group(backend, store=self.store, rank=self.rank, world_size=self.size, timeout=LONGEST)

    def device(self, name: str) -> str:
        if name == "mps":
            raise UsageError("train.device: mps serves one process", hint="omit --processes, or use device: cpu")
        if name != "cuda":
            return name
        if self.local > (found := torch.cuda.device_count()):
            raise UsageError(
                f"{self.local} processes, but this machine has {found} CUDA devices: each process needs its own",
                hint=f"--processes {found}, or --set train.device=cpu",
            )
        torch.cuda.set_device(self._place)
        return f"cuda:{self._place}"

    def same(self, about: Any) -> None:
        digests: list[Any] = [None] * self.size
        mine = hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode()).hexdigest()
        with _connected():
            dist.all_gather_object(digests, mine)
        if odd := [rank for rank, digest in enumerate(digests) if digest != digests[0]]:
            raise SeqcliError(
                f"rank {odd[0]} of {self.size} has a different recipe, data or checkpoint from rank 0",
                hint="every machine needs the same files and, to resume, the run's folder",
            )

    def draw(self, generator: Any, seed: int, step: int) -> None:
        drawn = np.random.SeedSequence([seed, step, self.rank]).generate_state(1, np.uint64)[0]
        generator.manual_seed(int(drawn >> 1))

    def share(self, weight: float, units: int) -> tuple[float, int]:
        whole, total = self._sum([weight, units])
        return weight / whole if whole else 0.0, round(total)

    def reduce(self, weights: Iterable[Any], loss: float) -> float:
        """Sum them; a weight for which no process has a gradient gets none, so that the optimizer leaves it alone."""
        own = list(weights)
        there = torch.tensor([loss, *(w.grad is not None for w in own)], dtype=own[0].dtype, device=own[0].device)
        flat = torch.cat([there, *(w.new_zeros(w.numel()) if w.grad is None else w.grad.flatten() for w in own)])
        with _connected():
            dist.all_reduce(flat)
        there, *parts = flat.split([len(there), *(w.numel() for w in own)])
        loss, *found = there.tolist()
        for weight, part, any_has in zip(own, parts, found, strict=True):
            weight.grad = part.view_as(weight) if any_has else None
        return loss

    def of_first(self, work: Callable[[], T]) -> T:
        """Return what `work` returns in the first process, using the threads of all waiting processes here."""
        found: list[Any] = [None]
        if self.first:
            threads = torch.get_num_threads()
            torch.set_num_threads(threads * self.local)
            found = [work()]
            torch.set_num_threads(threads)
        with _connected():
            dist.broadcast_object_list(found)
        return found[0]

    def clock(self, seconds: float) -> float:
        return self._sum([seconds if self.first else 0.0])[0]

    def agreed(self, save: bool, wanted: int) -> tuple[bool, int]:
        saves, *came = self._sum([save and self.first, *(wanted == number for number in ENDING)])
        return bool(saves), next((int(number) for number, ranks in zip(ENDING, came, strict=True) if ranks), 0)

    def gathered(self, state: Any) -> Any:
        return layers.replace(state, {name: self._rows(a) for name, a in layers.arrays(state).items()})

    def _rows(self, own: torch.Tensor) -> torch.Tensor:
        """Return the rows (B, ...) of all processes: each puts its own into zeros, which are summed byte by byte."""
        rows = round(self._sum([len(own)])[0])
        whole = torch.zeros((rows, *own.shape[1:]), dtype=own.dtype, device=own.device)
        whole[self.rows] = own
        if whole.numel():
            with _connected():
                dist.all_reduce(whole.view(torch.uint8))
        return whole

    def _sum(self, numbers: Sequence[float]) -> list[float]:
        figures = torch.tensor(numbers, dtype=torch.float64)
        with _connected():
            dist.all_reduce(figures)
        return figures.tolist()

    def claim(self, status: int) -> int | None:
        """Claim to be the process that reports why all end; return the exit status of one that claimed it earlier."""
        return _claim(self.store, status, self.rank)


class Lost(SeqcliError):
    """An error: the connection to another process is lost, most likely because that process has ended."""


@contextlib.contextmanager
def _connected(lost: str = "another process of this run has ended, or cannot be reached") -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise Lost(lost, hint=RESUME) from error


def _claim(store: Store, status: int, who: int) -> int | None:
    mine = f"{status} {who}"
    try:
        ended = store.compare_set("ended", "", mine).decode()
    except RuntimeError:  # the process that hosted the store is gone too
        return None
    return None if ended == mine else int(ended.split()[0])


def _told(store: Store) -> None:
    """Wait a while for another process to report why all end."""
    until = time.monotonic() + TELLING
    with contextlib.suppress(RuntimeError):
        while not store.check(["ended"]) and time.monotonic() < until:
            time.sleep(0.05)


@contextlib.contextmanager
def joined() -> Iterator[Group]:
    """Run as one of several processes: one of them reports an error, and all end with its status.

    Raises SystemExit in a process that must stay silent.
    """
    console.verbosity = console.verbosity if os.environ["RANK"] == "0" else console.SILENT
    group = Several()
    try:
        yield group
    except BaseException as error:
        for number in ENDING:  # the launcher ends the others once this one ends: report before that
            signal.signal(number, signal.SIG_IGN)
        if isinstance(error, Lost):
            _told(group.store)
        status = group.claim(error.status if isinstance(error, SeqcliError) else 1)
        if status is not None:
            raise SystemExit(status) from None
        raise
    dist.destroy_process_group()


def start(number: int, main: Callable[[], None], arguments: Sequence[str]) -> int:
    """Start processes on this machine that each call `main`, a module-level function, with these command-line
    arguments; wait for them; return 0, or the exit status of the first that failed.

    A signal is passed on to all; a second one kills them. If one is killed, this is reported and the others end
    within seconds. Raises UsageError on a system that is not POSIX.
    """
    if os.name != "posix":
        raise UsageError("--processes needs a POSIX system", hint="start them with torchrun: see docs/training.md")
    logging.getLogger("torch.multiprocessing.spawn").setLevel(logging.ERROR)  # this function reports it instead
    host = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    store, told = PrefixStore("seqcli/0", host), []
    resource_tracker.ensure_running()  # starting it later would unblock the signals
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)  # a process that is still starting would end with a traceback
    running = start_processes(_run, (number, host.port, main, list(arguments)), number, join=False)
    assert isinstance(running, ProcessContext)
    workers: list[Any] = running.processes

    def hand_on(which: int, frame: Any) -> None:
        for process in workers:
            if process.is_alive():
                os.kill(process.pid, signal.SIGKILL if told else which)  # one that waits would ignore a second signal
        told.append(which)

    before = {which: signal.signal(which, hand_on) for which in ENDING}
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    try:
        ended = False
        while not ended:
            for ready in multiprocessing.connection.wait(running.sentinels):
                workers[running.sentinels[ready]].join()  # type: ignore[index]
            killed = [(rank, -(p.exitcode or 0)) for rank, p in enumerate(workers) if (p.exitcode or 0) < 0]
            if killed and not told and _claim(store, 1, number) is None:
                rank, by = killed[0]
                console.show_cursor()
                console.error(
                    f"rank {rank} of {number} was killed by {signal.Signals(by).name}: training has ended",
                    RESUME + ("\nthe system kills processes when memory runs out" if by == signal.SIGKILL else ""),
                )
            ended = running.join(grace_period=GRACE)
    except ProcessExitedException as error:
        return 128 + told[0] if told else max(error.exit_code, 1)
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)
        console.show_cursor()
    return 0


def leave(status: int) -> NoReturn:
    """End one of several processes, with what it has to do at its end but without the interpreter's own: in that,
    threads of torch.distributed abort the process now and then (torch 2.13)."""
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or there is none
            stream.flush()
    os._exit(status)


def _run(rank: int, number: int, port: int, main: Callable[[], None], arguments: list[str]) -> None:
    """Run one of the processes in the environment that torchrun would have given it."""
    about = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": number, "LOCAL_WORLD_SIZE": number}
    about |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "TORCHELASTIC_USE_AGENT_STORE": True}
    os.environ |= {name: str(value) for name, value in about.items()}
    if sys.platform == "linux":
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    sys.argv = ["seqcli", *arguments]
    status = 0
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
        main()
    except KeyboardInterrupt:
        status = 130
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    leave(status)
