"""Show the progress of training: a live display on a terminal, plain lines in a log."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from seqcli import console

if TYPE_CHECKING:
    from seqcli.training.progress import Progress

BARS = "▁▂▃▄▅▆▇█"
EVERY = 10.0  # seconds between plain lines


def sparkline(values: list[float], width: int = 24) -> str:
    """Return the last `width` values as a string of bars; the highest value gets the tallest bar."""
    values = values[-width:]
    low, high = min(values), max(values)
    if high == low:
        return BARS[0] * len(values)
    return "".join(BARS[round((v - low) / (high - low) * (len(BARS) - 1))] for v in values)


class Display:
    """A display of a run's progress; a context manager. `watched` names the figure that decides the best model."""

    def __init__(self, watched: str = "train_loss"):
        self._watched = watched
        self._live: Any = None
        self._noticed = ""
        self._panel: Callable[[Progress], Any] | None = None  # draws the last step's figures
        self._smooth: float | None = None
        self._began: float | None = None
        self._tokens_before = 0
        self._shown = time.monotonic()

    def __enter__(self) -> Display:
        if console.is_terminal() and console.verbosity >= 0:
            from rich.live import Live
            from rich.text import Text

            # always two rows: rich (15.0.0) draws in a thread of its own, perhaps between the moment when our line
            # learns the height of the display and the moment when it is written
            self._second = Text(no_wrap=True, overflow="ellipsis", style="bold")
            self._live = Live(self._rows(), console=console.stderr(), refresh_per_second=4, transient=True)
            self._live.start(refresh=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def notice(self, text: str) -> None:
        """Show a message from a signal handler. The live display shows it at its next refresh: a handler must not
        draw, because the interrupted code may be drawing."""
        if self._live:
            self._noticed = self._second.plain = text
        else:
            console.say(text)

    def step(self, p: Progress, loss: float, norm: float, rate: float, share: float, total: int | None) -> None:
        """Update the display after an optimizer step; `share` is the spent part of the budget, `total` its steps."""
        now = time.monotonic()
        if self._began is None:  # the first step creates kernels: its speed says nothing
            self._began, self._tokens_before, self._share_before = now, p.tokens, share
        self._smooth = loss if self._smooth is None else 0.98 * self._smooth + 0.02 * loss
        interval = 0.2 if self._live else EVERY
        if console.verbosity < 0 or now - self._shown < interval:
            return
        self._shown = now
        elapsed = max(now - self._began, 1e-9)
        speed = (p.tokens - self._tokens_before) / elapsed
        gained = share - self._share_before
        left = elapsed / gained * (1 - share) if gained > 0 else None
        if self._live:
            if total and share > p.step / total + 0.01:  # the time will end the run, not the steps
                total = None
            self._panel = partial(self._drawn, norm=norm, rate=rate, share=share, total=total, speed=speed, left=left)
            self._live.update(self._panel(p))
        else:
            best = f"  best {self._watched.replace('_loss', '')} {p.best:.4f}" if p.best is not None else ""
            remaining = f"  {console.duration(left)} left" if left is not None else ""
            console.say(
                f"step {p.step:,} ({share:.0%})  loss {self._smooth:.4f}{best}  norm {norm:.2f}"
                f"  {console.count(speed)} tokens/s{remaining}"
            )

    def evaluation(self, p: Progress) -> None:
        """Print one lasting line after an evaluation."""
        last = p.history[-1]
        mark = "  *best" if p.best_step == p.step else ""
        valid = f"  valid {last['valid_loss']:.4f}" if last["valid_loss"] is not None else ""
        if not self._watched.endswith("_loss"):
            valid += f"  {self._watched} {last[self._watched]:.4f}"
        line = f"epoch {last['epoch']:6.2f}  step {p.step:6,}  train {last['train_loss']:.4f}{valid}{mark}"
        if self._live and console.verbosity >= 0:
            if self._panel:
                self._live.update(self._panel(p))  # not the state before this evaluation
            self._live.console.print(line, soft_wrap=True)
        else:
            console.say(line)

    def _drawn(
        self,
        p: Progress,
        norm: float,
        rate: float,
        share: float,
        total: int | None,
        speed: float,
        left: float | None,
    ) -> Any:
        """Return the display, as much of it as the width at hand holds."""
        from rich.progress_bar import ProgressBar

        room = self._live.console.width - 3  # for ^C, which the terminal shows where the cursor is
        steps = f"step {p.step:,}" + (f"/{total:,}" if total else "")
        ends = f"{share:.0%}", f"{console.duration(left)} left" if left is not None else ""
        bar = min(40, max(8, room - len(steps) - sum(map(len, ends)) - 4))
        name, curve = self._watched.replace("_loss", ""), [h[self._watched] for h in p.history]
        body = [f"loss {self._smooth:.4f}"]
        body += [f"best {name} {p.best:.4f}"] if p.best is not None else []
        body += [sparkline(curve)] if len(curve) > 1 else []
        body += [f"{console.count(speed)} tokens/s", f"gradient norm {norm:.2f}", f"rate {rate:.2g}"]
        while len(body) > 1 and len("   ".join(body)) > room:
            body.pop()
        self._second.plain = self._noticed or "   ".join(body)
        return self._rows(steps, ProgressBar(100, share * 100, width=bar), *ends)

    def _rows(self, *cells: Any) -> Any:
        """Return the display: a row of these cells above the second row."""
        from rich.console import Group
        from rich.table import Column, Table

        head = Table.grid(*(Column(no_wrap=True) for _ in cells or ("",)), padding=(0, 1))
        head.add_row(*cells or ("",))
        return Group(head, self._second)
