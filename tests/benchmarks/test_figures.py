"""The shape of what benchmarks find, what is told of a change, and the page that is made of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SCRIPT = """
import argparse
from figures import begin
parser = argparse.ArgumentParser()
parser.add_argument("speed", type=float)
given, figures = begin(parser)
figures.add("filter", given.speed, "lines/s")
figures.add("start", 1 / given.speed, "s")
figures.add("right", 0.9, "share")
figures.end()
"""


@pytest.fixture
def bench(tmp_path: Path):
    """`bench(*args, status=0)`: stdout of a benchmark with three figures."""
    (tmp_path / "bench_x.py").write_text(SCRIPT)

    def run(*args: object, status: int = 0) -> str:
        command = [sys.executable, str(tmp_path / "bench_x.py"), *map(str, args)]
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, env={"PYTHONPATH": str(HERE)}, check=False
        )
        assert done.returncode == status, done.stderr
        return done.stdout + done.stderr

    return run


def test_a_file_of_one_shape(bench, tmp_path) -> None:
    assert bench(100, "--json", "old.json") == ""
    found: dict[str, Any] = json.loads((tmp_path / "old.json").read_text())
    assert list(found) == ["benchmark", "arguments", "commit", "day", "machine", "figures"]
    assert (found["benchmark"], found["arguments"]) == ("bench_x", ["100"])
    assert list(found["machine"]) == ["processor", "cores", "python", "load"]
    assert len(found["machine"]["load"]) == 2
    assert found["figures"] == [
        {"name": "filter", "value": 100.0, "unit": "lines/s"},
        {"name": "start", "value": 0.01, "unit": "s"},
        {"name": "right", "value": 0.9, "unit": "share"},
    ]


def test_what_became_slower_and_faster(bench, tmp_path) -> None:
    bench(100, "--json", "old.json")
    assert bench(95, "--compare", "old.json") == "3 of 3 figures are within 0.1 of what they were\n"
    slower = bench(50, "--compare", "old.json", "--json", "new.json", status=1)
    assert slower.splitlines() == [
        "slower: filter: 100 lines/s before, 50 lines/s now, 0.50 times",
        "slower: start: 0.01 s before, 0.02 s now, 0.50 times",
        "1 of 3 figures are within 0.1 of what they were",
    ]
    assert json.loads((tmp_path / "new.json").read_text())["arguments"] == ["50"]
    faster = bench(130, "--compare=old.json").splitlines()
    assert [line.split(":")[0] for line in faster[:2]] == ["faster", "faster"]
    bench(80, "--compare", "old.json", "--tolerance", "0.3")
    old = json.loads((tmp_path / "old.json").read_text())
    old["figures"][2] = {"name": "gone", "value": 1.0, "unit": "s"}
    (tmp_path / "old.json").write_text(json.dumps(old))
    assert "new:    right: 0.9 share\ngone:   gone\n2 of 3" in bench(100, "--compare", "old.json")


def test_a_file_of_something_else_is_told_before_anything_is_measured(bench, tmp_path) -> None:
    for text in ("{", "[]", '{"figures": [{"name": 1}]}'):
        (tmp_path / "odd.json").write_text(text)
        assert "odd.json: no figures of a benchmark" in bench(1, "--compare", "odd.json", status=1)


def test_every_benchmark_has_them() -> None:
    for path in HERE.glob("bench_*.py"):
        text = path.read_text(encoding="utf-8")
        assert "figures = begin(parser)" in text, path.name
        assert "figures.add(" in text, path.name
        assert "figures.end()" in text, path.name


def test_the_page_is_made_of_the_files() -> None:
    files = sorted((HERE / "measured").glob("*.json"))
    assert files
    done = subprocess.run(
        [sys.executable, HERE / "figures.py", *files], capture_output=True, text=True, check=True, encoding="utf-8"
    )
    assert (ROOT / "docs/figures.md").read_text(encoding="utf-8") == done.stdout
