"""What a page runs, run in Node; tests that ask for it are skipped where there is none."""

from __future__ import annotations

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqcli.export.page import Blob, packed
from seqcli.graph import Graph

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="there is no node to run what a page runs")


@cache
def _process() -> subprocess.Popen[str]:
    script = str(Path(__file__).with_name("page.js"))
    return subprocess.Popen(
        [str(NODE), script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )


def ask(**asked: Any) -> Any:
    """One question to the process, see `page.js`."""
    process = _process()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(asked, ensure_ascii=False) + "\n")
    process.stdin.flush()
    answer = json.loads(process.stdout.readline())
    assert "wrong" not in answer, answer["wrong"]
    return answer.get("found")


def runner(graph: Graph) -> Any:
    """A graph as a page runs it: inputs to outputs by name."""

    def run(given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        blob = Blob()
        ask(open=packed(graph, blob), weights=blob.text())  # there is one process for all
        inputs = {n: [a.dtype.kind, list(a.shape), a.ravel().tolist()] for n, a in given.items()}
        found = ask(run=inputs)
        return {n: np.array(list(map(float, own))).reshape(shape) for n, (_, shape, own) in found.items()}

    return run
