"""Each reader on what the fuzzer begins with and on its findings, without it; and, slowly, the fuzzer itself."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import pytest

from fuzz import readers
from seqcli import console


@pytest.mark.parametrize("name", readers.READERS)
def test_what_the_fuzzer_begins_with(name, tmp_path, monkeypatch):
    monkeypatch.setattr(console, "warn", lambda text: None)
    good = [readers.try_input(name, data, tmp_path) for data in readers.seeds(name)]
    assert any(good)


@pytest.mark.slow
@pytest.mark.skipif(not importlib.util.find_spec("atheris"), reason="atheris is not installed: see fuzz/readers.py")
@pytest.mark.parametrize("name", readers.READERS)
def test_five_minutes_of_fuzzing(name, tmp_path):
    path = f"{readers.ROOT}{os.pathsep}{readers.ROOT / 'tests'}"
    command = [sys.executable, "-m", "fuzz.readers", name, str(tmp_path / "found"), "-max_total_time=300"]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:].decode(errors="replace")
