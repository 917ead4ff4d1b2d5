"""How continuations, and costs of lines, are written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from seqcli import forms
from seqcli.insight.leaving import as_objects
from seqcli.records import Example, one_line
from seqcli.tasks.language_model.predict import Text


@dataclass(frozen=True)
class Writer(forms.Writer):
    """Continuations as they are written: a line each, JSON objects, or rows with one more column."""

    echo: bool = False
    next: bool = False  # answers are next tokens
    symbol: Callable[[int], str] = str  # of a token's id
    seed: int = 0
    key: ClassVar[str] = "prompt"
    names: ClassVar[Sequence[str]] = ("continuation",)

    def line(self, record: Example, answer: list[Any]) -> str:
        """As text: a continuation a line, or `token TAB probability` lines."""
        if self.next:
            return "".join(f"{symbol}\t{p:.4f}\n" for symbol, p in answer)
        return "".join((record.text if self.echo else "") + text + "\n" for text, *_ in answer)

    def results(self, record: Example, answer: list[Any]) -> list[dict[str, Any]]:
        """What stands under `seqcli`, a JSON object for each sample."""
        if self.next:
            return [{"next": [{"token": symbol, "probability": round(p, 6)} for symbol, p in answer]}]
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
        """One cell."""
        return [one_line(answer[0].text) if answer else ""]
