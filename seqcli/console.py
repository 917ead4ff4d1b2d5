"""Everything a person sees besides the result: stderr, colour, verbosity, progress.

rich is imported only when something is first drawn: a filter that has nothing to say does not pay for it.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
SILENT = -2  # not even warnings: another process prints them
verbosity = 0  # -1 quiet, 0 normal, 1 and more: -v
debug = False


def is_terminal() -> bool:
    """Whether stderr is a terminal that can redraw a line."""
    return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def width() -> int | None:
    """Return the number of columns of the terminal on stdout; None if stdout is not a terminal."""
    return os.get_terminal_size(1).columns or 80 if sys.stdout is not None and sys.stdout.isatty() else None


def show_cursor() -> None:
    """Show the cursor again after a live display that hid it and could not end properly."""
    if is_terminal():
        os.write(2, b"\x1b[?25h")


def stderr() -> Console:
    """Return a rich console on stderr."""
    from rich.console import Console

    plain = bool(os.environ.get("NO_COLOR")) or not is_terminal()
    return Console(stderr=True, no_color=plain, highlight=False, soft_wrap=not is_terminal())


def _styled(prefix: str, style: str, text: str) -> str:
    if is_terminal() and not os.environ.get("NO_COLOR"):
        return f"\x1b[{style}m{prefix}\x1b[0m {text}"
    return f"{prefix} {text}"


def discard(descriptor: int) -> None:
    """Redirect an output that cannot be written to the null device, so that the interpreter's last flush of what is
    still buffered does not fail, and end it with another status."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, descriptor)
    os.close(null)


def _write(text: str) -> None:
    """Print lines on stderr. If it cannot be written (a full disk, a closed pipe), what was asked for goes on."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        with suppress(OSError, ValueError):
            discard(sys.stderr.fileno())


def visible(text: str) -> str:
    """Escape every character that could control a terminal, as JSON does (`\\u001b`): control characters except tab
    and newline, further characters that some programs take for a line end, and lone surrogates."""
    return text if text.isascii() and text.isprintable() else _STEERING.sub(lambda m: f"\\u{ord(m[0]):04x}", text)


def say(text: str = "", *, level: int = 0) -> None:
    """Print a line on stderr; `level` 1 is shown only with -v, and nothing is shown with -q."""
    if verbosity >= level:
        _write(visible(text))


def warn(text: str) -> None:
    """Print a warning on stderr, also with -q."""
    if verbosity > SILENT:
        _write(_styled("warning:", "33;1", visible(text)))


def error(text: str, hint: str = "") -> None:
    """Print what happened, and on the next lines what to do."""
    hints = [_styled("  hint:", "36;1", visible(line)) for line in (hint.split("\n") if hint else ())]
    _write("\n".join([_styled("error:", "31;1", visible(text)), *hints]))


@contextmanager
def progress(what: str, total: float | None, unit: str = "B") -> Iterator[Any]:
    """Show progress after half a second: a bar on a terminal, else a line every ten seconds; yield `advance(amount)`.
    Nothing is shown if `what` is empty."""
    began = shown = time.monotonic()
    done = 0.0
    bar: Any = None

    def advance(amount: float) -> None:
        nonlocal done, shown, bar
        done += amount
        now = time.monotonic()
        if not what or verbosity < 0 or now - began < 0.5:
            return
        if is_terminal():
            if bar is None:
                bar = _bar(what, total, unit)
                bar.start()
            bar.update(bar.task_ids[0], completed=done)
        elif now - shown > 10:
            shown = now
            share = f" {done / total:.0%}" if total else ""
            say(f"{what}{share} ({count(done)}{unit}, {count(done / (now - began))}{unit}/s)")

    try:
        yield advance
    finally:
        if bar is not None:
            bar.stop()


def _bar(what: str, total: float | None, unit: str) -> Any:
    from rich import progress as p
    from rich.markup import escape

    many = "{task.completed:,.0f}" + ("/{task.total:,.0f}" if total else "") + unit
    size = p.DownloadColumn() if unit == "B" else p.TextColumn(many)
    columns = [
        p.TextColumn("{task.description}"),
        p.BarColumn(),
        p.TaskProgressColumn(),
        size,
        p.TimeRemainingColumn(),
    ]
    bar = p.Progress(*columns, console=stderr(), transient=True)
    bar.add_task(escape(visible(what)), total=total)
    return bar


def table(headers: Iterable[str], rows: Iterable[Iterable[str]], *, right: Iterable[int] = ()) -> list[str]:
    """Return the lines of a plain aligned table: two spaces between columns, the columns in `right` flush right."""
    cells = [[*headers], *[[*row] for row in rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    right, lines = set(right), []
    for row in cells:
        parts = [c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        lines.append(visible("  ".join(parts).rstrip()))
    return lines


def count(number: float) -> str:
    """Format a number for people: 1234 as 1,234; 1234567 as 1.23M."""
    if number < 10_000:
        return f"{number:,.0f}"
    for size, letter in ((1e3, "k"), (1e6, "M"), (1e9, "G")):
        if number < 999.5 * size:  # a number that rounds to 1000 takes the next letter
            return f"{number / size:.3g}{letter}"
    return f"{number / 1e12:,.3g}T"


def duration(seconds: float) -> str:
    """Format seconds: 75 as 1:15; 4000 as 1:06:40."""
    minutes, s = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{s:02d}" if hours else f"{minutes}:{s:02d}"
