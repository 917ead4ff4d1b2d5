"""`seqcli help`: pages in a pipe as they are written, on a terminal within its width."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

import seqcli
from seqcli.resources import share

ROOT = Path(seqcli.__file__).parent.parent
PAGES = sorted((ROOT / "docs").glob("*.md"))


def on_a_terminal(columns: int, *args: str, **env: str) -> str:
    """What a command writes to a terminal of so many columns."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    known = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "LINES")}
    env = {**known, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT), **env}
    command = [sys.executable, "-m", "seqcli", *args]
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=subprocess.DEVNULL, env=env) as process:
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


def test_every_page_is_a_topic_and_comes_as_it_is(forks, tmp_path):
    listed = forks.ok("help", cwd=tmp_path).stdout.splitlines()[1:]
    assert [line.split()[0] for line in listed] == [page.stem for page in PAGES]
    for page, line in zip(PAGES, listed, strict=True):
        assert line.split(None, 1)[1] == page.read_text().split("\n")[0].removeprefix("# ")
    assert share("docs") == ROOT / "docs"
    assert forks.ok("help", "tagging", cwd=tmp_path).stdout == (ROOT / "docs/tagging.md").read_text()


@pytest.mark.parametrize("columns", [80, 200])
def test_a_page_is_set_within_the_terminal(columns):
    shown = on_a_terminal(columns, "help", "readers")
    assert "\x1b[" in shown
    plain = re.sub(r"\x1b\[[\d;]*m", "", shown)
    assert columns - 10 < max(map(len, plain.splitlines())) <= columns
    words = " ".join(plain.split())
    assert "its state at the end of each word stands beside the word's own embedding" in words
    assert "](" not in words  # links are words


def test_without_colour_and_on_a_dumb_terminal():
    plain = on_a_terminal(100, "help", "tagging", NO_COLOR="1")
    assert not re.search(r"\x1b\[[\d;]*(3|4|9)\d", plain)
    assert "(docs/readers.md)" not in plain
    assert on_a_terminal(100, "help", "tagging", TERM="dumb") == (ROOT / "docs/tagging.md").read_text()


def test_a_verb_and_what_there_is_none_of(forks, tmp_path):
    assert forks.ok("help", "classify", cwd=tmp_path).stdout.endswith(": seqcli classify --help\n")
    done = forks("help", "taging", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: there is no page 'taging'\n  hint: did you mean 'tagging'?\n"
