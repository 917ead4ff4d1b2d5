"""Several processes that train one model: real ones, over gloo on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

TESTS = Path(__file__).resolve().parents[1]
START = "import sys; from support import several; from seqcli.training import processes\n"
START += "if __name__ == '__main__': sys.exit(processes.start(2, several.main, sys.argv[1:]))"


def test_two_are_as_one(tmp_path: Path) -> None:
    """What `support/several.py` says: steps of all tasks, stopping and going on."""
    path = os.pathsep.join(map(str, (TESTS.parent, TESTS)))
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path, "SEQCLI_CACHE": str(tmp_path / "cache")}
    (tmp_path / "start.py").write_text(START)
    command = [sys.executable, tmp_path / "start.py", tmp_path]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
