"""The live display on a real pseudo-terminal, read by a small terminal of its own."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
from collections.abc import Callable
from pathlib import Path

import pytest

ROWS, COLUMNS = 60, 110
ESCAPE = re.compile(r"\x1b\[(\??)([\d;]*)([A-Za-z])")


class Screen:
    """As much of a terminal as a progress display needs: lines, the cursor, erasing. What else comes is garbage."""

    def __init__(self) -> None:
        self.lines: list[list[str]] = [[]]
        self.row = self.column = 0
        self.hidden = False
        self.garbage: list[str] = []

    def feed(self, text: str) -> None:
        at = 0
        while at < len(text):
            if found := ESCAPE.match(text, at):
                self.control(*found.groups())
                at = found.end()
                continue
            self.put(text[at])
            at += 1

    def put(self, character: str) -> None:
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self.row += 1
            while len(self.lines) <= self.row:
                self.lines.append([])
        elif character.isprintable():
            line = self.lines[self.row]
            line += [" "] * (self.column + 1 - len(line))
            line[self.column] = character
            self.column += 1
        else:
            self.garbage.append(repr(character))

    def control(self, private: str, numbers: str, letter: str) -> None:
        number = int(numbers.split(";")[0] or 1) if letter != "K" else int(numbers or 0)
        if letter == "A":
            self.row = max(0, self.row - number)
        elif letter == "K" and number == 2:
            self.lines[self.row] = []
        elif letter in "hl" and private:
            self.hidden = letter == "l"
        elif letter != "m":
            self.garbage.append(f"CSI {private}{numbers}{letter}")

    @property
    def text(self) -> list[str]:
        return ["".join(line).rstrip() for line in self.lines]


@pytest.fixture
def watched(forks, place) -> Callable[..., tuple[int, Screen, list[str]]]:
    """`watched(*args, act=...)`: train, stderr a terminal: (status, the screen at the end, screens on the way)."""

    def run(*args: str, act: Callable[[int, Screen], None] = lambda pid, screen: None, **env: str):
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        env = {"TERM": "xterm-256color", "NO_COLOR": "", "COLUMNS": str(COLUMNS), "LINES": str(ROWS), **env}
        running = forks.start("train", "tiny.yaml", *args, cwd=place, env=env, err=os.ttyname(slave))
        screen, seen = Screen(), []
        while True:
            if select.select([master], [], [], 0.1)[0]:
                screen.feed(os.read(master, 1 << 16).decode())
                seen.append("\n".join(screen.text))
                act(running.pid, screen)
            elif not Path(f"/proc/{running.pid}").exists():
                break
        done = running.wait()
        os.close(master)
        os.close(slave)
        return done.returncode, screen, seen

    return run


SECOND = r"^loss \d.* tokens/s"  # the second row of the display
LONG = [  # some seconds, for a display that is drawn four times a second
    a
    for change in ("train.steps=400", "train.evaluate_every=80", "model.hidden=128", "train.sequence_length=64")
    for a in ("--set", change)
]
UNENDING = [*LONG, "--set", "train.steps=100000"]  # as long as it takes to be seen at some moment
LINES = re.compile(
    r"|corpus\.txt: train .*|model: .*|epoch +\d.*|trained 400 steps.*|(valid|test): .*|beats .*|warning: loses .*"
    r"|best valid loss .*|over-fitting began .*|train longer.*|a sample, at .*|  .*|next:|saved at step .*|.*bits/character.*"
)


def test_live_display_leaves_no_trace(watched):
    status, screen, seen = watched(*LONG)
    assert status == 0
    assert screen.garbage == []
    assert not screen.hidden, "the cursor was left hidden"
    live = [s for s in seen if re.search(r"step \d+/400 .*%", s) and re.search(SECOND, s, re.MULTILINE)]
    assert len(live) >= 2
    assert any(re.search(r"[▁▂▃▄▅▆▇█]{2,}", s) for s in live)
    assert any(re.search(r"\d:\d\d left", s) for s in live)
    final = "\n".join(screen.text)
    assert not re.search(SECOND, final, re.MULTILINE)
    assert "/400" not in final
    assert [line for line in screen.text if not LINES.fullmatch(line)] == []
    epochs = [line for line in screen.text if line.startswith("epoch")]
    assert [int(line.split()[3]) for line in epochs] == [80, 160, 240, 320, 400]
    assert "trained 400 steps" in final


@pytest.mark.parametrize("moment", ["epoch ", "step 1"])
def test_control_c_on_a_terminal(watched, moment):
    sent = []

    def interrupt(pid: int, screen: Screen) -> None:
        if not sent and any(line.startswith(moment) for line in screen.text):
            sent.append(pid)
            os.kill(pid, signal.SIGINT)

    status, screen, _ = watched(*UNENDING, act=interrupt)
    assert status == 130
    assert screen.garbage == []
    assert not screen.hidden
    text = [line for line in screen.text if line]
    assert text[-1].startswith("saved at step ")
    assert text[-1].endswith("continue with: seqcli train runs/tiny/recipe.yaml --resume")
    assert not any(re.match(SECOND, line) for line in text)


@pytest.mark.parametrize("env", [{"TERM": "dumb"}, {"TERM": "xterm", "NO_COLOR": "1"}])
def test_terminals_that_want_it_plain(watched, env):
    status, screen, seen = watched("--set", "train.steps=40", **env)
    assert status == 0
    assert screen.garbage == []
    if env["TERM"] == "dumb":
        assert not any(re.search(SECOND, s, re.MULTILINE) for s in seen)
    assert "trained 40 steps" in "\n".join(screen.text)


def test_quiet_on_a_terminal(watched):
    status, screen, _ = watched("-q", "--set", "train.steps=40")
    assert status == 0
    assert [line for line in screen.text if line and "loses to the" not in line and "train longer" not in line] == []
