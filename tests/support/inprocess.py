"""`seqcli` in this process, with files in the place of its three streams: quick, and measured by coverage."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from seqcli import console
from seqcli.cli import app


class Done(NamedTuple):
    """What a command wrote, and its exit status."""

    returncode: int
    stdout: bytes
    stderr: str

    @property
    def text(self) -> str:
        """Standard output, decoded."""
        return self.stdout.decode()


@contextlib.contextmanager
def _streams(given: bytes, cwd: Path) -> Iterator[tuple[Path, Path]]:
    """sys.stdin, stdout and stderr as files for a while, in a working folder."""
    before, console_before = (sys.stdin, sys.stdout, sys.stderr), (console.verbosity, console.debug)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in ("in", "out", "err")]
        paths[0].write_bytes(given)
        modes = ("r", "w", "w")
        opened = [path.open(mode, encoding="utf-8", newline="") for path, mode in zip(paths, modes, strict=True)]
        here = Path.cwd()
        os.chdir(cwd)
        sys.stdin, sys.stdout, sys.stderr = opened
        try:
            yield paths[1], paths[2]
        finally:
            for file in opened:
                file.close()
            sys.stdin, sys.stdout, sys.stderr = before
            console.verbosity, console.debug = console_before
            os.chdir(here)


def seqcli(*args: object, cwd: Path, input: bytes | str = b"") -> Done:
    """Run one command line. Standard input is a file that holds `input`; warnings and errors go to stderr as ever."""
    given = input.encode() if isinstance(input, str) else input
    with _streams(given, cwd) as (out, err):
        status = app.run([*map(str, args)])
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        return Done(status, out.read_bytes(), err.read_bytes().decode())
