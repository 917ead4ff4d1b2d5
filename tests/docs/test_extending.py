"""docs/extending.md: its files are written into a copy of seqcli, and its commands are run there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from docs.pages import ROOT, blocks, commands

PAGE = ROOT / "docs" / "extending.md"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package, with what the page writes, and a `seqcli` of it."""
    folder = tmp_path_factory.mktemp("extended")
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("seqcli", "recipes", "data", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, folder)
    for block in blocks(PAGE):
        if block.language != "python":
            continue
        where = re.match(r"# (seqcli/\S+\.py)(, the line (\w+))?\n", block.text)
        assert where, block.text
        path, text = folder / where[1], block.text[where.end() :]
        if where[2]:
            known = path.read_text(encoding="utf-8")
            text, found = re.subn(rf"^{where[3]} = .*\n", text.replace("\\", "\\\\"), known, flags=re.MULTILINE)
            assert found == 1
        else:
            assert not path.exists()
        path.write_text(text, encoding="utf-8")
    (folder / "bin").mkdir()
    (folder / "bin" / "seqcli").write_text(f'#!/bin/sh\nexec {sys.executable} -m seqcli "$@"\n')
    (folder / "bin" / "pytest").write_text(f'#!/bin/sh\nexec {sys.executable} -m pytest -n 0 -q "$@"\n')
    for program in (folder / "bin").iterdir():
        program.chmod(0o755)
    return folder


def run(copy: Path, line: str) -> str:
    """Run a line there; its standard output."""
    env = {**os.environ, "PYTHONPATH": str(copy), "PATH": f"{copy / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    options = {"cwd": copy, "env": env, "stdin": subprocess.DEVNULL, "capture_output": True, "text": True}
    done = subprocess.run(["bash", "-o", "pipefail", "-c", line], check=False, **options)
    assert done.returncode == 0, f"{line}\n{done.stdout[-2000:]}{done.stderr}"
    return done.stdout


def test_the_page(copy: Path) -> None:
    """Its commands, one after the other; what is new is used by them."""
    said = [run(copy, command.text) for block in blocks(PAGE) for command in commands(block)]
    trained, written, contract, *_, piped, line = said
    assert trained == "runs/hello/model.safetensors\n"
    assert len(written.strip()) >= 4
    assert re.search(r"[1-9]\d* passed", contract)
    assert "peephole" in run(copy, "seqcli inspect hello")
    assert {text.split("\t")[0] for text in piped.splitlines()} == {"good", "bad"}
    assert line.startswith("good\t")


def test_the_metric_is_scikit_learns(copy: Path) -> None:
    pytest.importorskip("sklearn")
    code = """
import numpy as np, sklearn.metrics
from seqcli.metrics.matthews import Metric
draw = np.random.default_rng(1)
for labels in ("ab", "abcde"):
    gold, found = (draw.choice(list(labels), 300).tolist() for _ in range(2))
    metric = Metric()
    metric.update(found[:100], gold[:100])
    metric.update(found[100:], gold[100:])
    assert abs(metric.result()["matthews"] - sklearn.metrics.matthews_corrcoef(gold, found)) < 1e-12
assert Metric().result() == {}
"""
    run(copy, f"{sys.executable} - <<'END'\n{code}\nEND")


def test_the_format_tells_what_is_wrong(copy: Path) -> None:
    line = "printf 'good | fine\\nbad\\n' > wrong.piped; seqcli eval -m films wrong.piped"
    with pytest.raises(AssertionError, match=r"wrong.piped:2:1: the line has no bar"):
        run(copy, line)
