"""Find recipes: a path, `-`, or a name that is searched in ./recipes and then among those that ship with seqcli."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from seqcli.errors import UsageError, did_you_mean, nearest
from seqcli.recipe.positions import LARGEST
from seqcli.resources import share
from seqcli.streams import stdin_is_interactive

LOCAL = Path("recipes")
_COMMAND = re.compile(r"(\w+=\S+ )?seqcli ")


@dataclass(frozen=True)
class Source:
    """A recipe's text and its origin: `label` names it in messages, paths in it are relative to `base`."""

    label: str
    name: str
    base: Path
    text: str


def packaged() -> dict[str, Path]:
    """Return the recipes that ship with seqcli, by name."""
    return {p.stem: p for p in sorted(share("recipes").glob("*.yaml"))}


def available() -> dict[str, Path]:
    """Return all recipes that have a name; those in ./recipes take precedence over packaged ones."""
    return packaged() | {p.stem: p for p in sorted(LOCAL.glob("*.yaml"))}


def locate(source: str | Path) -> Path:
    """Return the file that a path or a name means. Raises UsageError, with the nearest name, if there is none."""
    path = Path(source)
    if path.is_file() or (path.exists() and not path.is_dir()):  # a pipe such as /dev/fd/63 is accepted too
        return path
    known = available()
    if isinstance(source, str) and source in known:
        return known[source]
    if path.is_dir():
        inside = path / "recipe.yaml"
        hint = f"its recipe is {inside}" if inside.is_file() else "name the YAML file in it"
        raise UsageError(f"{source} is a folder, not a recipe", hint=hint)
    beside = [str(p) for p in sorted(path.parent.glob("*.yaml"))] if path.parent.is_dir() else []
    if path.suffix in (".yaml", ".yml") or path.parent != Path():
        best = nearest(str(path), beside) or nearest(path.stem, known)
        hint = f"did you mean {best!r}?" if best else "recipes are listed by: seqcli recipes"
        raise UsageError(f"no such recipe: {source}", hint=hint)
    hint = did_you_mean(str(source), known) if known else "write one, or name its path, as in ./my.yaml"
    raise UsageError(f"no recipe is named {str(source)!r}, neither in ./recipes nor in seqcli", hint=hint)


def read(source: str | Path) -> Source:
    """Read a recipe's text. Raises UsageError if it cannot be found or read, or is not text."""
    if str(source) == "-":
        if stdin_is_interactive():
            raise UsageError("there is nothing on standard input", hint="pipe a recipe in, or name one")
        return Source("<stdin>", "stdin", Path(), _text(sys.stdin.buffer.read(8 * LARGEST), "<stdin>"))
    path = locate(source)
    label = _label(path)
    try:
        with path.open("rb") as file:
            data = file.read(8 * LARGEST)  # enough to see that it is too long
    except OSError as error:
        raise UsageError(f"cannot read {label}: {error.strerror}") from None
    return Source(label, path.stem, path.parent, _text(data, label))


def _label(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _text(data: bytes, label: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"{label}:{line}: byte 0x{data[error.start]:02x} is not valid UTF-8"
        hint = "a recipe is a YAML text; a model.safetensors holds its own, see: seqcli inspect"
        raise UsageError(message, hint=hint) from None


def comments(text: str) -> list[str]:
    """Return the comment lines at the start of a recipe, without `#`."""
    found = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        found.append(line.lstrip("#").strip())
    return found


def summary(text: str) -> str:
    """Return a recipe's own summary: its first comment line that is not the command to launch it."""
    return next((c for c in comments(text) if c and not _COMMAND.match(c)), "")
