"""Write continuations as lines, objects and columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from seqcli import forms
from seqcli.insight.leaving import as_objects
from seqcli.records import Example, one_line
from seqcli.tasks.language_model.predict import Text

BLANKS = " \t\r\n,"  # separate the values of a series: a continuation begins with one


@dataclass(frozen=True)
class Writer(forms.Writer):
    """A writer of continuations: lines, JSON objects, or rows with one more column."""

    echo: bool = False
    next: bool = False  # whether answers are next tokens
    symbol: Callable[[int], str] = str  # of a token's id
    seed: int = 0
    samples: int = 1
    quantiles: tuple[float, ...] = ()  # if given, answers are rows of them
    series: str | None = None  # what ends a series of numbers; None: the text is not a series
    key: ClassVar[str] = "prompt"
    names: ClassVar[Sequence[str]] = ("continuation",)

    def line(self, record: Example, answer: list[Any]) -> str:
        """Return the answer as text: each continuation a line, or `token TAB probability` lines."""
        if self.next:
            return "".join(f"{symbol}\t{p:.4f}\n" for symbol, p in answer)
        if self.quantiles:
            return "".join("\t".join(f"{x:.6g}" for x in row) + "\n" for row in answer)
        if self.series and not self.echo:
            return "".join(text.lstrip(BLANKS) + self.series for text, *_ in answer)
        return "".join((record.text if self.echo else "") + text + (self.series or "\n") for text, *_ in answer)

    def results(self, record: Example, answer: list[Any]) -> list[dict[str, Any]]:
        """Return the results under the key `seqcli`, a JSON object for each sample."""
        if self.next:
            return [{"next": [{"token": symbol, "probability": round(p, 6)} for symbol, p in answer]}]
        if self.quantiles:
            steps = {f"{q:g}": [float(f"{row[i]:.6g}") for row in answer] for i, q in enumerate(self.quantiles)}
            return [{"quantiles": steps, "samples": self.samples, "seed": self.seed}] if answer else []
        return [
            {
                "text": text,
                "logprob": round(sum(t.logprob for t in tokens), 6),
                "tokens": [{"text": self.symbol(t.id), "logprob": round(t.logprob, 6)} for t in tokens],
                "sample": number,
                "seed": self.seed,
                **({} if explained is None else {"explanation": as_objects(record.text, explained)}),
            }
            for number, (text, tokens, explained) in enumerate(answer)
        ]

    def cells(self, answer: list[Text]) -> list[str]:
        """Return the one cell of an answer."""
        return [one_line(answer[0].text.lstrip(BLANKS if self.series else "")) if answer else ""]
