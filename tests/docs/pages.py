"""The pages of the documentation, read: their blocks of code, the commands in them, links and anchors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`(seqcli [^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)|<img [^>]*src=\"([^\"]+)\"")


@dataclass(frozen=True)
class Block:
    """A fenced block: the page, the line that it begins on, its language, its text."""

    page: Path
    line: int
    language: str
    text: str


@dataclass(frozen=True)
class Command:
    """A command line as it stands, where, and the lines that a transcript shows below it."""

    page: Path
    line: int
    text: str
    shown: tuple[str, ...] = ()

    @property
    def heading(self) -> str:
        """The heading above it."""
        above = self.page.read_text(encoding="utf-8").splitlines()[: self.line]
        return next(text.lstrip("# ") for text in reversed(above) if re.match("#+ [^ ]", text))

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}: {self.text}"


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    return [Block(page, text.count("\n", 0, m.start()) + 2, m[1], m[2]) for m in _BLOCK.finditer(text)]


def commands(block: Block) -> Iterator[Command]:
    """The commands of a block `sh` (a line each, where none goes on) or `console` (behind `$ `, then what it writes)."""
    lines = list(enumerate(block.text.splitlines(), block.line))
    if block.language == "console":
        for i, (number, line) in enumerate(lines):
            if line.startswith("$ "):
                rest = tuple(text for _, text in lines[i + 1 :])
                end = next((k for k, text in enumerate(rest) if text.startswith("$ ")), len(rest))
                yield Command(block.page, number, line[2:], rest[:end])
    elif block.language == "sh":
        begun = ""
        for number, line in lines:
            if line.endswith("\\"):
                begun += line[:-1] + " "
            elif (begun + line).strip() and not line.lstrip().startswith("#"):
                yield Command(block.page, number, begun + line)
                begun = ""


def spans(page: Path) -> Iterator[Command]:
    """Command lines of seqcli that stand in the text, in backticks, outside of blocks."""
    text = _BLOCK.sub(lambda m: "\n" * m[0].count("\n"), page.read_text(encoding="utf-8"))
    for number, line in enumerate(text.splitlines(), 1):
        for found in _SPAN.finditer(line):
            yield Command(page, number, found[1].replace("\\|", "|"))


def links(page: Path) -> Iterator[tuple[int, str]]:
    """(line, address) of each link and picture of a page, outside of code."""
    text = _BLOCK.sub(lambda m: "\n" * m[0].count("\n"), page.read_text(encoding="utf-8"))
    for number, line in enumerate(text.splitlines(), 1):
        for found in _LINK.finditer(re.sub(r"`[^`]*`", "", line)):
            yield number, found[1] or found[2]


def anchors(page: Path) -> set[str]:
    """What a forge calls the headings of a page, behind `#`."""
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        count = 0
        while (name := f"{slug}-{count}" if count else slug) in found:
            count += 1
        found.add(name)
    return found
