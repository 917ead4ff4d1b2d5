"""Command lines in one new process, one after the other: what each wrote, and which heavy packages were imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "matplotlib", "scipy", "pandas", "sklearn", "sacrebleu")
CODE = """\
import json, sys
from pathlib import Path
from support.inprocess import seqcli

commands, given, heavy = json.loads(sys.argv[1])
for args in commands:
    done = seqcli(*args, cwd=Path.cwd(), input=given)
    seen = [name for name in heavy if sys.modules.get(name)]
    print(json.dumps([done.returncode, done.text, done.stderr, seen]), flush=True)
"""


class Done(NamedTuple):
    """What a command wrote, its exit status, and which of HEAVY the process has imported by its end."""

    returncode: int
    stdout: str
    stderr: str
    heavy: list[str]


def fresh(
    commands: Sequence[Sequence[object]], cwd: Path, *, input: str = "", before: Path | None = None
) -> list[Done]:
    """Run command lines, each on the same standard input; `before` is a folder first on the module path."""
    path = [str(before or ""), str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH")]
    asked = [[*map(str, args)] for args in commands]
    done = subprocess.run(
        [sys.executable, "-c", CODE, json.dumps([asked, input, HEAVY])],
        cwd=cwd,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path)), "OPENBLAS_NUM_THREADS": "1"},
        timeout=120,
        check=False,
        text=True,
    )
    found = [Done(*json.loads(line)) for line in done.stdout.splitlines()]
    assert len(found) == len(commands), done.stderr
    return found
