"""What a command writes where its streams are a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

import seqcli

ROOT = Path(seqcli.__file__).parent.parent


def on_a_terminal(columns: int, *args: str, folder: Path | None = None, **env: str) -> str:
    """What a command writes to a terminal of so many columns."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    known = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "LINES")}
    env = {**known, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT), **env}
    command = [sys.executable, "-m", "seqcli", *args]
    with subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=subprocess.DEVNULL, env=env, cwd=folder
    ) as process:
        os.close(slave)
        parts = []
        while part := _read(master):
            parts.append(part)
        assert process.wait() == 0
    os.close(master)
    return b"".join(parts).decode().replace("\r\n", "\n")


def _read(master: int) -> bytes:
    try:
        return os.read(master, 1 << 16)
    except OSError:  # its other end is closed
        return b""
