"""Makes the pictures of the documentation from real runs: `python docs/pictures/make.py FOLDER`.

FOLDER is where the runs are made (minutes), or were: those that are there are taken. The extras `train` and `report`
are needed, and Chromium on PATH for the picture of the page; without it that one is left as it is.
"""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import termios
from pathlib import Path

from PIL import Image
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
COLUMNS, ROWS = 100, 60
ESCAPE = re.compile(r"\x1b\[(\??)([\d;]*)([A-Za-z])")
FONTS = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace"
COLOURS = 64  # of a PNG
LINES, LETTERS = (
    13,
    0.048,
)  # of the units' picture: lines that are kept, and a line's height as a share of its width


class Screen:
    """As much of a terminal as the progress display needs; each place is what sets its style, and a character."""

    def __init__(self) -> None:
        self.lines: list[list[tuple[str, str]]] = [[]]
        self.row = self.column = 0
        self.style = ""

    def feed(self, text: str) -> None:
        """Write some output."""
        at = 0
        while at < len(text):
            if found := ESCAPE.match(text, at):
                self._control(*found.groups())
                at = found.end()
                continue
            self._put(text[at])
            at += 1

    def _put(self, character: str) -> None:
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self.row += 1
            self.lines += [[] for _ in range(self.row + 1 - len(self.lines))]
        elif character.isprintable():
            if self.column == COLUMNS:
                self._put("\n")
                self.column = 0
            line = self.lines[self.row]
            line += [("", " ")] * (self.column + 1 - len(line))
            line[self.column] = self.style, character
            self.column += 1

    def _control(self, private: str, numbers: str, letter: str) -> None:
        if letter == "A":
            self.row = max(0, self.row - int(numbers or 1))
        elif letter == "K":
            self.lines[self.row] = [] if numbers == "2" else self.lines[self.row][: self.column]
        elif letter == "m":
            self.style = "" if numbers in ("", "0") else f"{self.style}\x1b[{numbers}m"

    def text(self) -> Text:
        """What it shows."""
        lines = ["".join(f"{style}{c}\x1b[0m" if style else c for style, c in line) for line in self.lines]
        return Text.from_ansi("\n".join(lines).rstrip())


def on_a_terminal(line: str, folder: Path, screens: list[tuple[Screen, int]] | None = None) -> Screen:
    """Run a line of bash on a terminal; its last screen. Of `screens` each is one as it was after so many bytes."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "LINES")}
    env |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONPATH": str(ROOT)}
    python = f'seqcli() {{ {sys.executable} -m seqcli "$@"; }}; '
    screen, output = Screen(), []
    with subprocess.Popen(
        ["bash", "-c", python + line], cwd=folder, stdin=slave, stdout=slave, stderr=slave, env=env
    ):
        os.close(slave)
        try:
            while part := os.read(master, 1 << 16):
                output.append(part)
        except OSError:  # its other end is closed
            pass
    os.close(master)
    text = b"".join(output).decode()
    screen.feed(text)
    for middle, share in screens or ():
        middle.feed(text[: text.rfind("\r\x1b[2K\x1b[1A", 0, len(text) * share // 100)])  # not amid a redraw
    return screen


def draw(name: str, title: str, *parts: Text) -> None:
    """Write the text of a terminal as SVG, with no font but those that a reader has."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    for part in parts:
        console.print(part, soft_wrap=True)
    plain = re.sub(r"@font-face \{\{.*?\}\}\n", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    plain = plain.replace("Fira Code, monospace", FONTS).replace("font-family: arial;", "font-family: sans-serif;")
    svg = console.export_svg(title=title, code_format=plain, unique_id=name)
    assert "http" not in svg.replace("http://www.w3.org", "").replace("https://www.textualize.io", "")
    (HERE / f"{name}.svg").write_text(svg, encoding="utf-8")


def prompt(line: str) -> Text:
    """A line as a person types it."""
    return Text.assemble(("$ ", "bold green"), (line, "bold"))


def save(picture: Image.Image, name: str) -> None:
    """Write a PNG of few colours."""
    picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(HERE / f"{name}.png", optimize=True)


def terminal(folder: Path) -> None:
    """A run with its progress, and the model in a pipe."""
    train = "seqcli train recipes/pos-tagger.yaml"
    ask = 'echo "This morning I took my cat for a walk" | seqcli tag'
    middle = Screen()
    shutil.rmtree(folder / "runs" / "pos-tagger", ignore_errors=True)
    done = on_a_terminal(train, folder, [(middle, 60)])
    answered = on_a_terminal(ask, folder)
    draw("progress", "while it trains", prompt(train), middle.text())
    draw("terminal", "from a recipe to a filter", prompt(train), done.text(), prompt(ask), answered.text())


def page(folder: Path) -> None:
    """Parts of the report page, as a browser shows them: what was reached, how sure it is, why."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        print("no Chromium: report.png is left as it is", file=sys.stderr)
        return
    seqcli(folder, "-q", "report", "runs/sentiment", "-o", "page.html")
    text = (folder / "page.html").read_text(encoding="utf-8")
    part = folder / "part.html"
    part.write_text(text[: text.index("<h2>Training")] + text[text.index("<h3>Calibration of") :], encoding="utf-8")
    size = ["--window-size=1110,1375", "--hide-scrollbars", f"--screenshot={folder / 'page.png'}"]
    flags = ["--headless", "--no-sandbox", "--disable-gpu", *size]
    subprocess.run([browser, *flags, part.as_uri()], check=True, capture_output=True)
    save(Image.open(folder / "page.png"), "report")


def units(folder: Path) -> None:
    """A unit of a character model that knows when it is inside quotes."""
    seqcli(folder, "-q", "look", "neurons", "-m", "charlm", "--show", "1", "--plot", "neurons.png")
    picture = Image.open(folder / "neurons.png")
    save(picture.crop((0, 0, picture.width, min(picture.height, round(picture.width * LETTERS * LINES)))), "neurons")


def seqcli(folder: Path, *args: str) -> None:
    """Run a verb there."""
    subprocess.run([sys.executable, "-m", "seqcli", *args], cwd=folder, check=True, stdout=subprocess.DEVNULL)


def main(folder: Path) -> None:
    """Train what is not there, and make all pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("recipes", "data"):
        if not (folder / name).exists():
            shutil.copytree(ROOT / name, folder / name)
    os.environ["PYTHONPATH"] = str(ROOT)
    for recipe in ("sentiment", "charlm"):
        if not (folder / "runs" / recipe / "model.safetensors").exists():
            seqcli(folder, "train", f"recipes/{recipe}.yaml")
    terminal(folder)
    page(folder)
    units(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
