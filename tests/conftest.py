"""What every test stands on: no colour, no real cache, one thread, and `seqcli` as a real process."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest
from hypothesis import settings
from support.examples import examples
from threadpoolctl import threadpool_limits

from seqcli import console

# How long an example takes says nothing on a busy machine.
settings.register_profile("seqcli", deadline=None, max_examples=examples(100))
settings.load_profile("seqcli")

# A suite that runs in the background of a shell has SIGINT ignored, and so would every program that it starts.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent


LONG = ("tests/test_samples", "tests/cli/", "tests/net/", "tests/tokenizers/", "tests/training/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long come first, so that no core waits for them at the end: xdist keeps to this order."""
    items.sort(key=lambda item: next((i for i, start in enumerate(LONG) if item.nodeid.startswith(start)), len(LONG)))


def pytest_collection_finish() -> None:
    """What the tests have imported stays to the end: the garbage collector need not look it through again."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def advanced(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The amounts by which bars of progress advance."""
    seen: list[float] = []
    monkeypatch.setattr(console, "progress", lambda *_: nullcontext(seen.append))
    return seen


@pytest.fixture(scope="session")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Where slipcover measures the tests, what the processes that they start run is counted too."""
    slipcover = next((finder.sci for finder in sys.meta_path if hasattr(finder, "sci")), None)
    if slipcover is None:
        yield
        return
    folder = tmp_path_factory.mktemp("measured")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEQCLI_MEASURED", str(folder))
        patch.setenv("PYTHONPATH", str(ROOT / "tests/support/measured"), prepend=os.pathsep)
        yield
    for line in (line for path in folder.iterdir() for line in path.read_text().splitlines()):
        with suppress(ValueError):  # a process that was killed while it told
            for file, lines in json.loads(line).items():
                slipcover.all_seen[file].update(tuple(x) if isinstance(x, list) else x for x in lines)


@pytest.fixture(scope="session", autouse=True)
def isolated(measured: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep a person's cache, terminal, GPU and thread settings out of the tests: one thread, for small products."""
    patch = pytest.MonkeyPatch()
    patch.setenv("SEQCLI_CACHE", str(tmp_path_factory.mktemp("cache")))
    patch.setenv("TERM", "dumb")
    patch.setenv("NO_COLOR", "1")
    patch.setenv("CUDA_VISIBLE_DEVICES", "")  # `device: auto` is the CPU, whose bits are the ones that are promised
    with threadpool_limits(1, user_api="blas"):
        yield
    patch.undo()


@pytest.fixture(autouse=True)
def as_a_program_begins() -> None:
    """What a command line sets is as at the beginning; one thread for torch wherever a test module has imported it:
    small products are slower on more."""
    console.verbosity, console.debug = 0, False
    if (torch := sys.modules.get("torch")) is not None and torch.get_num_threads() != 1:
        torch.set_num_threads(1)


@pytest.fixture
def seqcli(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """`seqcli(*args, input=b"", cwd=None, env=None)`: the command in a process of its own, in `tmp_path`.

    stdin is a pipe that holds `input`. `env` is added to the environment. stdout and stderr come back as bytes.
    """

    def run(
        *args: object,
        input: bytes | str = b"",
        cwd: str | Path | None = None,
        env: dict[str, str] | None = None,
        timeout: float = 120,
    ) -> subprocess.CompletedProcess[bytes]:
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        return subprocess.run(
            [sys.executable, "-m", "seqcli", *map(str, args)],
            input=input.encode() if isinstance(input, str) else input,
            capture_output=True,
            cwd=cwd or tmp_path,
            env={**os.environ, "PYTHONPATH": path, **(env or {})},
            timeout=timeout,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real corpora that SEQCLI_DATA names; skips without it."""
    folder = os.environ.get("SEQCLI_DATA")
    if not folder:
        pytest.skip("SEQCLI_DATA is not set: no folder of real corpora to test on")
    path = Path(folder)
    if not path.is_dir():
        pytest.skip(f"SEQCLI_DATA={folder} is not a folder")
    return path
